export function PrivacyScreen() {
  return <p>PrivacyScreen</p>;
}
