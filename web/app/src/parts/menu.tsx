import type { IconNode } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import { Icon } from './icon';

/** What a menu offers. */
export interface MenuItem {
  label: string;
  icon?: IconNode;
  danger?: boolean;
  /** Whether it is the one that is chosen, of items that exclude each other. */
  checked?: boolean;
  action: () => void;
}

/**
 * A button that opens a menu, in the browser's top layer; arrow keys go through it, Escape closes it. Its items are there only while
 * it is open, for lists with a menu in each row.
 */
export function Menu({
  label,
  button,
  items,
  look = 'icon-button plain',
}: {
  label: string;
  button: ComponentChildren;
  items: readonly MenuItem[];
  look?: string;
}) {
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const choices = () => [...(menu.current?.querySelectorAll<HTMLElement>('[role^=menuitem]') ?? [])];

  const place = (event: ToggleEvent) => {
    if (event.newState !== 'open' || !menu.current || !opener.current) return;
    const { left, right, top, bottom } = opener.current.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = menu.current;
    const below = bottom + height < innerHeight - 8;
    const start = document.documentElement.dir === 'rtl' ? right - width : left;
    menu.current.style.left = `${Math.max(8, Math.min(start, innerWidth - width - 8))}px`;
    menu.current.style.top = `${below ? bottom + 4 : Math.max(8, top - height - 4)}px`;
    (choices().find((item) => item.ariaChecked === 'true') ?? choices()[0])?.focus();
  };

  const move = (event: KeyboardEvent) => {
    const all = choices();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    const to = steps[event.key];
    if (event.key === 'Tab') menu.current?.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    all.at(to % all.length)?.focus();
  };

  const choose = (action: () => void) => {
    menu.current?.hidePopover(); // which gives the focus back, before the action may want it
    action();
  };

  return (
    <>
      <button
        ref={opener}
        type="button"
        class={look}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        popovertarget={id}
      >
        {button}
      </button>
      <div
        ref={menu}
        id={id}
        popover="auto"
        role="menu"
        class="menu"
        aria-label={label}
        onBeforeToggle={(event) => setOpen(event.newState === 'open')}
        onToggle={place}
        onKeyDown={move}
      >
        {open &&
          items.map(({ label, icon, danger, checked, action }) => (
            <button
              key={label}
              type="button"
              role={checked === undefined ? 'menuitem' : 'menuitemradio'}
              aria-checked={checked}
              tabIndex={-1}
              class={danger ? 'danger' : ''}
              onClick={() => choose(action)}
            >
              {icon && <Icon of={icon} size={16} />}
              <span>{label}</span>
            </button>
          ))}
      </div>
    </>
  );
}
