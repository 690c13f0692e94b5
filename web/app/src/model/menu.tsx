export function ModelMenu() {
  return <p>ModelMenu</p>;
}
