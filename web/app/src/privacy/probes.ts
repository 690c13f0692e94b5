// The leak self-test: tries each way out of the page, to names that can never be anybody's (RFC 6761), and finds out whether a
// policy forbade it. That it failed proves nothing, since offline everything fails: what counts is what only a policy causes.

import { addressOf, home, scope } from '../scope';
import { listed, NOWHERE, PROBE, reachOf } from './policy';
import workerAddress from './probe-worker?worker&url';
import type { Channel, Findings, Outcome } from './self-test';
import { ownScript } from './trusted';

/** How long the browser may take to say that it forbids something. It needs a few, but a busy device may take long. */
const MILLISECONDS = { first: 1500, second: 6000 };
let patience = MILLISECONDS.first;
const pause = () => new Promise<void>((resolve) => setTimeout(resolve, patience));

/** The ways whose failure the browser tells of by an event of its Content Security Policy. */
type Told = Exclude<Channel, 'worker' | 'documents' | 'webrtc' | 'leave'>;

const ATTEMPTS: Record<Told, (host: string) => unknown> = {
  fetch: (host) => fetch(`https://${host}/`, { mode: 'no-cors' }),
  xhr: (host) => {
    const request = new XMLHttpRequest();
    request.open('GET', `https://${host}/`);
    request.send();
  },
  beacon: (host) => navigator.sendBeacon(`https://${host}/`, 'x'),
  websocket: (host) => new WebSocket(`wss://${host}/`),
  eventsource: (host) => {
    const source = new EventSource(`https://${host}/`);
    setTimeout(() => source.close(), patience);
  },
  webtransport: (host) => new WebTransport(`https://${host}/`).ready,
  image: (host) => Object.assign(new Image(), { src: `https://${host}/` }),
  stylesheet: (host) => link('stylesheet', host),
  font: (host) => new FontFace('probe', `url(https://${host}/)`).load(),
  prefetch: (host) => link('prefetch', host),
  script: (host) => import(/* @vite-ignore */ `https://${host}/`),
  form: (host) => inFrame(probe(), (frame) => submit(frame, host)),
  frame: (host) => inFrame(`https://${host}/`),
  blobWorker: () => new Worker(ownScript(URL.createObjectURL(new Blob([])))),
};

/** What a browser may lack. */
const LACKING: Partial<Record<Channel, () => boolean>> = {
  webtransport: () => !('WebTransport' in globalThis),
  prefetch: () => !document.createElement('link').relList.supports('prefetch'),
  webrtc: () => !('RTCPeerConnection' in globalThis),
};

function link(rel: string, host: string): void {
  const element = Object.assign(document.createElement('link'), { rel, href: `https://${host}/` });
  document.head.append(element);
  setTimeout(() => element.remove(), patience);
}

function submit(frame: HTMLIFrameElement, host: string): void {
  const form = Object.assign(document.createElement('form'), { action: `https://${host}/`, target: frame.name });
  document.body.append(form);
  form.submit();
  form.remove();
}

const probe = (search = '') => new URL(PROBE + search, home).href;

/** Opens a frame, does something in it, and tells a little later where it then is: null where that is not the page's own site. */
async function inFrame(address: string, act?: (frame: HTMLIFrameElement) => void): Promise<string | null> {
  const frame = Object.assign(document.createElement('iframe'), {
    hidden: true,
    name: crypto.randomUUID(),
    src: address,
  });
  const loaded = () => {
    const load = new Promise((resolve) => frame.addEventListener('load', resolve, { once: true }));
    return Promise.race([load, pause()]);
  };
  const opened = loaded();
  document.body.append(frame);
  await opened;
  if (act) {
    const moved = loaded();
    act(frame);
    await moved;
  }
  const url = frame.contentDocument?.URL ?? null;
  frame.remove();
  return url;
}

/** The event by which the browser says that a policy forbids what has `mark` in its address. */
function forbidden(mark: string): Promise<'blocked'> {
  return new Promise((resolve) => {
    const hear = ({ blockedURI, disposition }: SecurityPolicyViolationEvent) => {
      if (disposition !== 'enforce' || !blockedURI.includes(mark)) return;
      document.removeEventListener('securitypolicyviolation', hear);
      resolve('blocked');
    };
    document.addEventListener('securitypolicyviolation', hear);
  });
}

async function attempt(channel: Told): Promise<Outcome> {
  const host = `${channel.toLowerCase()}.leak-test.invalid`;
  const told = forbidden(channel === 'blobWorker' ? 'blob' : host);
  const tried = new Promise((resolve) => resolve(ATTEMPTS[channel](host)));
  tried.catch(() => {}); // that it failed proves nothing
  return Promise.race([told, pause().then(() => 'out' as const)]);
}

async function fromWorker(): Promise<Outcome> {
  const worker = new Worker(ownScript(workerAddress), { type: 'module' });
  const said = new Promise<Outcome>((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<Outcome>) => resolve(data);
    worker.onerror = () => resolve('unproved');
  });
  worker.postMessage(patience);
  const silent = pause().then(pause); // it needs time to start too
  const outcome = await Promise.race([said, silent.then(() => 'unproved' as const)]);
  worker.terminate();
  return outcome;
}

/** The documents that may reach others must not come into the hand of this one: they would open if they could, offline too. */
async function otherDocuments(): Promise<Outcome> {
  const opens = (address: string) => inFrame(address).then((url) => url === address);
  if (!(await opens(probe()))) return 'unproved';
  const others = [addressOf('models', '', { any: true }), addressOf('server')];
  return (await Promise.all(others.map(opens))).includes(true) ? 'out' : 'blocked';
}

/**
 * Whether the browser holds to a Connection-Allowlist when a link is followed: from a frame whose list has not even its own site
 * one must not get there, and from one whose list has it one must. No network is needed for that.
 */
async function knowsLists(): Promise<boolean> {
  const arrived = probe('?arrived');
  const follow = (frame: HTMLIFrameElement) => {
    const page = frame.contentDocument;
    const anchor = page && Object.assign(page.createElement('a'), { href: arrived });
    page?.body.append(anchor ?? '');
    anchor?.click();
  };
  const [locked, free] = await Promise.all([inFrame(probe(NOWHERE), follow), inFrame(probe(), follow)]);
  return locked !== arrived && free === arrived;
}

interface ListReport {
  body: { connection?: string; allowlist?: string[]; disposition?: string };
}

/**
 * Whether the browser reports that a Connection-Allowlist stopped WebRTC. The report names the list, which must be this document's
 * own: what holds for WebRTC holds for every other connection too.
 */
async function stopsWebRtc(): Promise<boolean> {
  const list = [location.origin, ...listed(reachOf(scope, location.search))].join();
  const reported = new Promise<boolean>((resolve) => {
    const hear = (reports: unknown) => {
      const bodies = (reports as ListReport[]).map(({ body }) => body);
      const stop = bodies.find((body) => body.connection === 'webrtc' && body.disposition === 'enforce');
      if (stop) resolve(stop.allowlist?.join() === list);
    };
    new ReportingObserver(hear, { types: ['connection-allowlist'] }).observe();
  });
  const connection = new RTCPeerConnection({ iceServers: [{ urls: 'stun:webrtc.leak-test.invalid' }] });
  connection.createDataChannel('probe');
  await connection.setLocalDescription();
  const stopped = await Promise.race([reported, pause().then(() => false)]);
  connection.close();
  return stopped;
}

/** What only a Connection-Allowlist closes. */
async function byList(): Promise<Pick<Findings, 'webrtc' | 'leave'>> {
  const [known, stopped] = await Promise.all([
    knowsLists(),
    'ReportingObserver' in globalThis && !LACKING.webrtc?.() ? stopsWebRtc().catch(() => false) : false,
  ]);
  const outcome = known ? (stopped ? 'blocked' : 'out') : 'unproved';
  return { webrtc: LACKING.webrtc?.() ? 'absent' : outcome, leave: LACKING.webrtc?.() ? 'unproved' : outcome };
}

/** Tries all of them at once. */
async function tryAll(): Promise<Findings> {
  const told = Object.keys(ATTEMPTS) as Told[];
  const outcomes = told.map(async (channel) => [channel, LACKING[channel]?.() ? 'absent' : await attempt(channel)]);
  const [list, worker, documents, ...rest] = await Promise.all([byList(), fromWorker(), otherDocuments(), ...outcomes]);
  return { ...(Object.fromEntries(rest) as Record<Told, Outcome>), worker, documents, ...list };
}

/** Tries them, and again with more patience if not all are closed: nobody is to be alarmed because their device is busy. */
export async function probeAll(): Promise<Findings> {
  patience = MILLISECONDS.first;
  const findings = await tryAll();
  const outcomes = Object.values(findings);
  if (!outcomes.includes('out') && !outcomes.includes('unproved')) return findings;
  patience = MILLISECONDS.second;
  return tryAll();
}
