import { addressOf } from '../scope';

const icon = new URL('icon.svg', addressOf('chat')).href;

/** The whale and the name, which lead to a new conversation. */
export function Brand({ href = addressOf('chat') }: { href?: string }) {
  return (
    <a class="brand" href={href}>
      <img src={icon} alt="" width="28" height="28" />
      Minke
    </a>
  );
}
