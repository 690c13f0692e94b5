export function PrivacyBadge() {
  return <p>PrivacyBadge</p>;
}
