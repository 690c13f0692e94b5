// The map of shortcuts: which there are, by the names that the keys have on this computer.

import { Fragment } from 'preact';
import { Dialog } from '../parts/dialog';
import { t, type TextKey } from '../text/text';
import './keys.css';
import { allowSingles, isApple, isSingle, shortcuts, singles } from './shortcuts';

/** A key's name: what it has on it, and what that is called where it is a sign. */
const SIGNS: Record<string, { sign?: string; text: TextKey }> = {
  Mod: isApple ? { sign: '⌘', text: 'keys.key.command' } : { text: 'keys.key.control' },
  Alt: isApple ? { sign: '⌥', text: 'keys.key.option' } : { text: 'keys.key.alt' },
  Shift: isApple ? { sign: '⇧', text: 'keys.key.shift' } : { text: 'keys.key.shift' },
  Escape: { text: 'keys.key.escape' },
  ArrowUp: { sign: '↑', text: 'keys.key.up' },
  ArrowDown: { sign: '↓', text: 'keys.key.down' },
};

export function ShortcutsMap({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t('keys.title')} onClose={onClose}>
      <dl class="shortcuts">
        {shortcuts.map(({ text, chords }) => (
          <div key={text}>
            <dt>{t(text)}</dt>
            <dd>
              <Chords of={chords.filter((chord) => singles.value || !isSingle(chord))} />
            </dd>
          </div>
        ))}
      </dl>
      <label class="singles">
        <input
          type="checkbox"
          checked={singles.value}
          onChange={({ currentTarget }) => allowSingles(currentTarget.checked)}
        />
        <span>{t('keys.singles')}</span>
      </label>
    </Dialog>
  );
}

function Chords({ of: chords }: { of: readonly string[] }) {
  return (
    <>
      {chords.map((chord, at) => (
        <Fragment key={chord}>
          {at > 0 && <span class="soft">{t('keys.or')}</span>}
          <kbd dir="ltr">
            {chord.split('+').map((key) => (
              <Key key={key} name={key} />
            ))}
          </kbd>
        </Fragment>
      ))}
    </>
  );
}

function Key({ name }: { name: string }) {
  const { sign, text } = SIGNS[name] ?? {};
  if (!text) return <kbd>{name}</kbd>;
  if (!sign) return <kbd>{t(text)}</kbd>;
  return (
    <kbd>
      <span aria-hidden="true">{sign}</span>
      <span class="hidden">{t(text)}</span>
    </kbd>
  );
}
