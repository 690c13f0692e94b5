// Short notes at the edge: what was done, and a way to undo it or go on from it. Screen readers are told.

import { signal } from '@preact/signals';
import { t } from '../text/text';

interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

const toasts = signal<readonly Toast[]>([]);
const SECONDS = 8;
let count = 0;

const drop = (id: number) => {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
};

function show(toast: Omit<Toast, 'id'>, over?: () => void): void {
  const id = ++count;
  toasts.value = [...toasts.value, { id, ...toast }];
  setTimeout(() => {
    if (!toasts.value.some((toast) => toast.id === id)) return;
    drop(id);
    over?.();
  }, SECONDS * 1000);
}

/** Says it for some seconds, and calls `over` after them, unless it was undone. */
export const say = (text: string, undo?: () => void, over?: () => void): void =>
  show({ text, ...(undo && { action: { label: t('undo'), run: undo } }) }, over);

/** Says it for some seconds, with something that can be done then. */
export const offer = (text: string, label: string, run: () => void): void => show({ text, action: { label, run } });

export function Toasts() {
  return (
    <div class="toasts" role="status">
      {toasts.value.map(({ id, text, action }) => (
        <div key={id} class="toast">
          <span>{text}</span>
          {action && (
            <button
              type="button"
              onClick={() => {
                drop(id);
                action.run();
              }}
            >
              {action.label}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
