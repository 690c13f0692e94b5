import type { IconNode } from 'lucide';
import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';
import { Icon } from './icon';

type Attributes = Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'icon'>;

/** `main` is what a screen is for, one at a time; `plain` has no border. */
export type Look = 'main' | 'normal' | 'plain' | 'danger';

/** A button with words. */
export function Button({
  look = 'normal',
  icon,
  children,
  ...rest
}: Attributes & { look?: Look; icon?: IconNode; children: ComponentChildren }) {
  return (
    <button type="button" {...rest} class={`button ${look}`}>
      {icon && <Icon of={icon} />}
      <span>{children}</span>
    </button>
  );
}

/** A button that is only an icon: `label` is its name, and its tooltip. */
export function IconButton({
  icon,
  label,
  look = 'plain',
  ...rest
}: Attributes & { icon: IconNode; label: string; look?: Look }) {
  return (
    <button type="button" aria-label={label} title={label} {...rest} class={`icon-button ${look}`}>
      <Icon of={icon} />
    </button>
  );
}
