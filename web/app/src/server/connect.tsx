// Where a server is chosen.

import { ArrowLeft, EyeOff, Globe, History, X } from 'lucide';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Button, IconButton } from '../parts/button';
import { Icon } from '../parts/icon';
import { ProgressBar } from '../parts/progress';
import { say } from '../parts/toast';
import { addressOf } from '../scope';
import { t, type TextKey } from '../text/text';
import { isLocal, isThisDevice, readAddress } from './address';
import { ModelChoice } from './choice';
import { ask, state } from './connection';
import { type Entry, firstEntry, forget, mayReach, takeEntry, usedBefore } from './entry';
import { hostOf, leftToRight } from './host';
import './server.css';
import { TroubleNote } from './trouble';

export function Connect() {
  const [entry, setEntry] = useState<Entry>(firstEntry);
  useEffect(() => {
    const entered = takeEntry();
    if (!entered) return;
    setEntry(entered);
    void ask(entered);
  }, []);
  const now = state.value;
  return (
    <div class="connect column">
      <h1>{t('server.title')}</h1>
      {now.at === 'choosing' ? (
        <ModelChoice entry={entry} models={now.models} />
      ) : (
        <>
          <Meaning />
          <EntryForm entry={entry} onChange={setEntry} />
          {now.at === 'start' && now.trouble && <TroubleNote trouble={now.trouble} entry={entry} />}
          <Before onUse={(address) => setEntry({ address, key: '', keepKey: false })} />
        </>
      )}
      <a class="back" href={addressOf('chat', location.hash.slice(1))}>
        <Icon of={ArrowLeft} size={16} />
        {t('server.back')}
      </a>
    </div>
  );
}

function Meaning() {
  const points = [
    [Globe, 'server.meaning.sent'],
    [History, 'server.meaning.history'],
    [EyeOff, 'server.meaning.apart'],
  ] as const;
  return (
    <ul class="meaning">
      {points.map(([icon, text]) => (
        <li key={text}>
          <Icon of={icon} />
          <span>{t(text)}</span>
        </li>
      ))}
    </ul>
  );
}

function EntryForm({ entry, onChange }: { entry: Entry; onChange: (entry: Entry) => void }) {
  const id = useId();
  const [wrong, setWrong] = useState<TextKey>();
  const field = useRef<HTMLInputElement>(null);
  const now = state.value;
  const set = (change: Partial<Entry>) => {
    setWrong(undefined);
    if (now.at === 'start' && now.trouble) state.value = { at: 'start' };
    onChange({ ...entry, ...change });
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const read = readAddress(entry.address);
    if ('wrong' in read) {
      setWrong(read.wrong);
      field.current?.focus();
      return;
    }
    const whole = { ...entry, address: read.address.href, key: entry.key.trim() };
    onChange(whole);
    if (mayReach(whole)) void ask(whole);
  };
  return (
    <form class="entry-form" onSubmit={submit} noValidate>
      <div class="field">
        <label for={`${id}-address`}>{t('server.address')}</label>
        <input
          ref={field}
          id={`${id}-address`}
          type="url"
          dir="ltr"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={entry.address}
          aria-invalid={wrong !== undefined}
          aria-describedby={`${id}-about ${id}-wrong`}
          onInput={({ currentTarget }) => set({ address: currentTarget.value })}
        />
        <p id={`${id}-wrong`} class="wrong" role="alert">
          {wrong && t(wrong)}
        </p>
        <Warning typed={entry.address} />
        <p id={`${id}-about`} class="soft">
          {t('server.address.about')}
        </p>
      </div>
      <KeyField entry={entry} set={set} />
      {now.at === 'asking' ? (
        <Asking address={entry.address} cancel={now.cancel} />
      ) : (
        <Button type="submit" look="main">
          {t('server.connect')}
        </Button>
      )}
    </form>
  );
}

/** What a good address has against it. */
function Warning({ typed }: { typed: string }) {
  const read = readAddress(typed);
  if (!('address' in read) || read.address.protocol !== 'http:') return null;
  const { hostname, host } = read.address;
  if (location.protocol === 'https:' && !isThisDevice(hostname)) return <p class="note warn">{t('server.mixed')}</p>;
  if (isLocal(hostname)) return null;
  return <p class="note warn">{t('server.insecure', { host: leftToRight(host) })}</p>;
}

function KeyField({ entry, set }: { entry: Entry; set: (change: Partial<Entry>) => void }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{t('server.key')}</label>
      <input
        id={id}
        type="password"
        dir="ltr"
        autocomplete="off"
        value={entry.key}
        aria-describedby={`${id}-about`}
        onInput={({ currentTarget }) => set({ key: currentTarget.value })}
      />
      <p id={`${id}-about`} class="soft">
        {t('server.key.about')}
      </p>
      {entry.key !== '' && (
        <label class="check">
          <input
            type="checkbox"
            checked={entry.keepKey}
            onChange={({ currentTarget }) => set({ keepKey: currentTarget.checked })}
          />
          {t('server.key.keep')}
        </label>
      )}
    </div>
  );
}

function Asking({ address, cancel }: { address: string; cancel: () => void }) {
  const label = t('server.connecting', { host: hostOf(address) });
  return (
    <div class="asking" role="status">
      <p>{label}</p>
      <ProgressBar label={label} part={null} />
      <Button onClick={cancel}>{t('cancel')}</Button>
    </div>
  );
}

/** Servers that answered before. */
function Before({ onUse }: { onUse: (address: string) => void }) {
  if (usedBefore.value.length === 0) return null;
  return (
    <section class="before">
      <h2>{t('server.before')}</h2>
      <ul>
        {usedBefore.value.map((address) => (
          <li key={address}>
            <button
              type="button"
              class="used"
              aria-label={t('server.before.use', { address })}
              onClick={() => onUse(address)}
            >
              <bdi dir="ltr">{address}</bdi>
            </button>
            <IconButton
              icon={X}
              label={t('server.before.forget', { address })}
              onClick={() => say(t('server.before.forgotten', { address: leftToRight(address) }), forget(address))}
            />
          </li>
        ))}
      </ul>
    </section>
  );
}
