export function ServerBanner() {
  return <p>ServerBanner</p>;
}
