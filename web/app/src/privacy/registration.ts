// The service worker's coming: on the first visit the page is loaded again once it is there, so that its headers hold; later, new
// versions are told of.

import { signal } from '@preact/signals';
import { loading } from '../model/model';
import { offer, say } from '../parts/toast';
import { home } from '../scope';
import { t } from '../text/text';
import { ownScript } from './trusted';

const container = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;

/** Whether this document came from the service worker, and so with its headers. */
export const controlled = Boolean(container?.controller);

/** Whether it would come from there if it were loaded again. */
export const reloadLocks = signal(false);

/** A new version of the app that waits to be started. */
export const waiting = signal<ServiceWorker | undefined>(undefined);

let touched = false;
for (const type of ['pointerdown', 'keydown', 'input'])
  addEventListener(type, () => (touched = true), { capture: true, passive: true, once: true });

export async function register(): Promise<void> {
  try {
    const registration = await container?.register(ownScript(new URL('sw.js', home)), { scope: home.href });
    if (!container || !registration) return;
    tellOfUpdates(registration);
    await container.ready;
    if (!controlled) reloadOnce();
    else sessionStorage.removeItem(RELOADED);
  } catch {
    // the app works without; the badge says what that means
  }
}

/** Not by stored.ts: what cannot be noted must fail here, or the page would be loaded again for ever. */
const RELOADED = 'minke.reloaded';

/** Loads the page again, unless that was done in vain, as a forced reload is, or there is something to lose. */
function reloadOnce(): void {
  if (touched || loading.value || sessionStorage.getItem(RELOADED)) {
    reloadLocks.value = true;
    return;
  }
  sessionStorage.setItem(RELOADED, 'yes');
  location.reload();
}

function tellOfUpdates(registration: ServiceWorkerRegistration): void {
  const tell = () => {
    if (!registration.waiting || !controlled || waiting.value === registration.waiting) return;
    waiting.value = registration.waiting;
    offer(t('privacy.update'), t('privacy.reload'), () => void update());
  };
  registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', tell));
  tell();
}

/** Starts the version that waits, if no other page of the app is open: it must not lose its files. */
export async function update(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise<number>(
    (resolve) => (port1.onmessage = ({ data }: MessageEvent<number>) => resolve(data)),
  );
  container?.addEventListener('controllerchange', () => location.reload(), { once: true });
  waiting.value?.postMessage('take-over', [port2]);
  if ((await answer) > 1) say(t('privacy.closeOthers'));
}
