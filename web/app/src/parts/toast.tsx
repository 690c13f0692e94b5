// Short notes at the edge: what was done, and a way to undo it. Screen readers are told.

import { signal } from '@preact/signals';
import { t } from '../text/text';

interface Toast {
  id: number;
  text: string;
  undo?: () => void;
}

const toasts = signal<readonly Toast[]>([]);
const SECONDS = 8;
let count = 0;

const drop = (id: number) => {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
};

/** Says it for some seconds, and calls `over` after them, unless it was undone. */
export function say(text: string, undo?: () => void, over?: () => void): void {
  const id = ++count;
  toasts.value = [...toasts.value, { id, text, ...(undo && { undo }) }];
  setTimeout(() => {
    if (!toasts.value.some((toast) => toast.id === id)) return;
    drop(id);
    over?.();
  }, SECONDS * 1000);
}

export function Toasts() {
  return (
    <div class="toasts" role="status">
      {toasts.value.map(({ id, text, undo }) => (
        <div key={id} class="toast">
          <span>{text}</span>
          {undo && (
            <button
              type="button"
              onClick={() => {
                drop(id);
                undo();
              }}
            >
              {t('undo')}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
