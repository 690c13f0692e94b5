export function ModelsScreen() {
  return <p>ModelsScreen</p>;
}
