// Why there is no connection, and what to do about it.

import { Copy } from 'lucide';
import { IconButton } from '../parts/button';
import { copy } from '../parts/copy';
import { t } from '../text/text';
import { isLocal, isThisDevice } from './address';
import type { Trouble } from './connection';
import type { Entry } from './entry';
import { hostOf, leftToRight } from './host';

/** What lets this page read a server's answers. */
const settings = (origin: string): Record<string, string> => ({
  vLLM: `--allowed-origins '["${origin}"]'`,
  'llama.cpp': `--cors-origins ${origin}`,
  NIM: `NIM_CORS_ALLOW_ORIGINS=${origin}`,
});

export function TroubleNote({ trouble: { kind, words }, entry }: { trouble: Trouble; entry: Entry }) {
  const { address, key } = entry;
  const refused = kind === 'cors' || kind === 'unreachable';
  return (
    <div class="note bad server-trouble" role="alert">
      <p>
        <strong>{t(`server.trouble.${kind}`, { host: hostOf(address) })}</strong>
      </p>
      {kind === 'unreachable' && <p>{t('server.trouble.unreachable.help')}</p>}
      {kind === 'unreachable' && asksFirst(address) && <p>{t('server.trouble.local')}</p>}
      {kind === 'cors' && <p>{t('server.trouble.cors.help', { origin: leftToRight(location.origin) })}</p>}
      {kind === 'key' && <p>{t(key ? 'server.trouble.key.refused' : 'server.trouble.key.missing')}</p>}
      {kind === 'page' && (
        <p>{t('server.trouble.page.help', { example: leftToRight(`${new URL(address).origin}/v1`) })}</p>
      )}
      {kind === 'models' && <p>{t('server.trouble.models.help')}</p>}
      {refused && <HowToAllow open={kind === 'cors' || crossOriginIsolated} />}
      {(kind === 'other' || kind === 'key') && (
        <p class="said">{t('server.trouble.said', { words: leftToRight(words) })}</p>
      )}
    </div>
  );
}

/** Whether browsers may ask the person before a page of the internet reaches the server. */
const asksFirst = (address: string) => isLocal(new URL(address).hostname) && !isThisDevice(location.hostname);

function HowToAllow({ open }: { open: boolean }) {
  return (
    <details open={open}>
      <summary>{t('server.cors.title')}</summary>
      <ul class="allowing">
        {Object.entries(settings(location.origin)).map(([server, setting]) => (
          <li key={server}>
            <strong>{server}</strong>
            <code dir="ltr">{setting}</code>
            <IconButton icon={Copy} label={t('server.cors.copy', { server })} onClick={() => void copy(setting)} />
          </li>
        ))}
        <li>{t('server.cors.sglang')}</li>
      </ul>
    </details>
  );
}
