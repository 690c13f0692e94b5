export function ConnectScreen() {
  return <p>ConnectScreen</p>;
}
