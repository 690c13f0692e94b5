export function ChatScreen() {
  return <p>ChatScreen</p>;
}
