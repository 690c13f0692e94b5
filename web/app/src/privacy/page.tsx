import { RefreshCw, Trash2 } from 'lucide';
import { useEffect, useState } from 'preact/hooks';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { addressOf, chosenServer, home, scope } from '../scope';
import { messageOf, t } from '../text/text';
import { forgetEverything } from './forget';
import { controlled, reloadLocks, update, waiting } from './registration';
import './privacy.css';
import { type Channel, CHANNELS, findings, type Outcome, testLeaks, verdict } from './self-test';

export function PrivacyPage() {
  return (
    <div class="privacy column">
      <div class="title">
        <h1>{t('privacy.title')}</h1>
        <p class="soft">{t(scope === 'server' ? 'privacy.promiseServer' : 'privacy.promise')}</p>
      </div>
      {waiting.value && (
        <div class="note">
          {t('privacy.update')} <Button onClick={() => void update()}>{t('privacy.reload')}</Button>
        </div>
      )}
      <Verdict />
      <Leaks />
      <Reach />
      <section>
        <h2>{t('privacy.try')}</h2>
        <p>{t('privacy.tryText')}</p>
      </section>
      <WorkerHash />
      <Kept />
    </div>
  );
}

const LOOKS = { checking: '', locked: 'good', unproved: 'warn', open: 'bad' };

function Verdict() {
  const { value } = verdict;
  const away = scope === 'server' && value === 'locked';
  return (
    <div class={`note verdict ${away ? 'away' : LOOKS[value]}`} role="status">
      <strong>{away ? t('privacy.lockedButServer') : t(`privacy.${value}`)}</strong>
      <p>{explanation(value)}</p>
      {reloadLocks.value && <Button onClick={() => location.reload()}>{t('privacy.reload')}</Button>}
    </div>
  );
}

function explanation(value: typeof verdict.value): string {
  if (value === 'checking') return t('privacy.explainChecking');
  if (value === 'locked') return t('privacy.explainLocked');
  if (value === 'open') return t('privacy.explainOpen');
  if (controlled) return t('privacy.explainUnproved');
  return t(reloadLocks.value ? 'privacy.explainReload' : 'privacy.explainUncontrolled');
}

/** What a finding is called, and how it looks. */
const OUTCOMES = {
  blocked: ['privacy.blocked', 'good'],
  out: ['privacy.out', 'bad'],
  absent: ['privacy.absent', ''],
  unproved: ['privacy.notProved', 'warn'],
} as const;

function why(channel: Channel): string {
  if (!controlled) return t('privacy.whyUncontrolled');
  return t(channel === 'webrtc' || channel === 'leave' ? 'privacy.whyList' : 'privacy.whySilent');
}

function Leaks() {
  const found = findings.value;
  return (
    <section>
      <h2>{t('privacy.channels')}</h2>
      <p class="soft">{t('privacy.channelsNote')}</p>
      <table aria-busy={!found}>
        <thead>
          <tr>
            <th scope="col">{t('privacy.channel')}</th>
            <th scope="col">{t('privacy.result')}</th>
          </tr>
        </thead>
        <tbody>
          {CHANNELS.map((channel) => (
            <tr key={channel} data-channel={channel} data-outcome={found?.[channel]}>
              <th scope="row">
                {t(`privacy.channel.${channel}`)}
                {found?.[channel] === 'unproved' && <small class="soft">{why(channel)}</small>}
              </th>
              <td>{found && <Finding outcome={found[channel]} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Button icon={RefreshCw} disabled={!found} onClick={() => void testLeaks()}>
        {t('privacy.again')}
      </Button>
    </section>
  );
}

function Finding({ outcome }: { outcome: Outcome }) {
  const [key, look] = OUTCOMES[outcome];
  return <span class={`tag ${look}`}>{t(key)}</span>;
}

function Reach() {
  return (
    <section>
      <h2>{t('privacy.reach')}</h2>
      <dl>
        <dt>
          <a href={addressOf('chat')}>{t('privacy.reachChat')}</a>
        </dt>
        <dd>{t('privacy.reachChatText')}</dd>
        <dt>
          <a href={addressOf('models')}>{t('privacy.reachModels')}</a>
        </dt>
        <dd>{t('privacy.reachModelsText')}</dd>
        <dt>
          <a href={addressOf('server')}>{t('privacy.reachServer')}</a>
        </dt>
        <dd>
          {t('privacy.reachServerText')}
          {scope === 'server' && chosenServer && <code dir="ltr"> {chosenServer}</code>}
        </dd>
      </dl>
    </section>
  );
}

/** SHA-256 of the service worker's file, in hexadecimal digits, as this site sends it now. */
async function workerHash(): Promise<string> {
  const response = await fetch(new URL('sw.js', home), { cache: 'no-store' });
  if (!response.ok) throw new TypeError(response.statusText);
  const digest = await crypto.subtle.digest('SHA-256', await response.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function WorkerHash() {
  const [hash, setHash] = useState<string | null>();
  useEffect(() => {
    workerHash().then(setHash, () => setHash(null));
  }, []);
  return (
    <section>
      <h2>{t('privacy.worker')}</h2>
      <p>{t('privacy.workerText')}</p>
      {hash === null ? (
        <p class="soft">{t('privacy.workerOffline')}</p>
      ) : (
        <code class="hash" dir="ltr" aria-label={t('privacy.workerHash')}>
          {hash}
        </code>
      )}
    </section>
  );
}

function Kept() {
  const [asked, ask] = useState(false);
  return (
    <section>
      <h2>{t('privacy.kept')}</h2>
      <ul>
        <li>{t('privacy.keptChats')}</li>
        <li>{t('privacy.keptModels')}</li>
        <li>{t('privacy.keptSettings')}</li>
        <li>{t('privacy.keptApp')}</li>
      </ul>
      <p class="soft">{t('privacy.keptNote')}</p>
      <Button look="danger" icon={Trash2} onClick={() => ask(true)}>
        {t('privacy.forget')}
      </Button>
      {asked && <Forget onClose={() => ask(false)} />}
    </section>
  );
}

function Forget({ onClose }: { onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const forget = async () => {
    setBusy(true);
    try {
      await forgetEverything();
      location.replace(home); // from the site, as on a first visit
    } catch (error) {
      setProblem(messageOf(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={t('privacy.forgetTitle')} onClose={onClose}>
      <p>{t('privacy.forgetText')}</p>
      {problem && (
        <p class="note bad" role="alert">
          {t('privacy.forgetFailed', { problem })}
        </p>
      )}
      <div class="ways">
        <Button onClick={onClose}>{t('cancel')}</Button>
        <Button look="danger" icon={Trash2} disabled={busy} onClick={() => void forget()}>
          {t('privacy.forget')}
        </Button>
      </div>
    </Dialog>
  );
}
