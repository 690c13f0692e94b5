// One engine for all tabs of an origin. The tab that holds a Web Lock has it, and answers the others over a BroadcastChannel;
// when it closes, the next in the lock's queue takes over. To a tab, the tab that has the engine is a runner like a worker, and
// its end like a worker's: what the tab had asked goes on with the next one (see link.ts).

import { EngineAbortError, type EngineError, engineError } from './errors.js';
import type { Loaded, Runner } from './link.js';
import type { EngineOptions } from './options.js';
import type { EngineInfo, FromWorker, LoadProgress, ToWorker } from './protocol.js';

type During = Pick<EngineOptions, 'signal' | 'onProgress' | 'control'>;

/** An error, as it crosses to another tab. */
type Problem = { code: string; message: string };

const gone = (message: string): Problem => ({ code: 'worker', message });

/** What tabs say to each other. `from` and `to` are tabs. */
type Message =
  | { type: 'hello'; from: string }
  | { type: 'welcome'; from: string; to: string; info: EngineInfo }
  /** The engine is gone, or another tab has it now. */
  | { type: 'lost'; from: string; problem: Problem }
  | { type: 'progress'; progress: LoadProgress }
  | { type: 'ask'; from: string; to: string; message: ToWorker }
  | { type: 'say'; from: string; to: string; message: FromWorker };

type Release = () => void;

/** Takes a lock, now or not at all; undefined where another has it. */
function tryLock(name: string): Promise<Release | undefined> {
  return new Promise((resolve, reject) => {
    const hold = (lock: Lock | null) => {
      if (!lock) return resolve(undefined);
      return new Promise<void>((release) => resolve(release));
    };
    navigator.locks.request(name, { ifAvailable: true }, hold).catch(reject);
  });
}

/** Waits for a lock; rejects where `signal` aborts. */
function waitForLock(name: string, signal?: AbortSignal): Promise<Release> {
  return new Promise((resolve, reject) => {
    const hold = () => new Promise<void>((release) => resolve(release));
    navigator.locks.request(name, signal ? { signal } : {}, hold).catch(reject);
  });
}

const lockOf = (tab: string) => `minke-tab-${tab}`;

/** Joins the tabs that share the engine `name`: the first one loads it. */
export async function join(name: string, load: (during: During) => Promise<Loaded>, during: During): Promise<Loaded> {
  const lock = `minke-engine-${name}`;
  const got = (await tryLock(lock)) ?? (await follow(lock, during));
  if (typeof got !== 'function') return got;
  try {
    return await lead(lock, load, during, got);
  } catch (error) {
    got();
    throw error;
  }
}

async function lead(
  lock: string,
  load: (during: During) => Promise<Loaded>,
  { onProgress, ...during }: During,
  release: Release,
): Promise<Loaded> {
  const channel = new BroadcastChannel(lock);
  try {
    const told = (progress: LoadProgress) => {
      channel.postMessage({ type: 'progress', progress } satisfies Message);
      onProgress?.(progress);
    };
    return new Hub(channel, await load({ ...during, onProgress: told }), release).local();
  } catch (error) {
    channel.close();
    throw error;
  }
}

/** The engine of this tab, for this tab and all others. */
class Hub {
  readonly #tab = crypto.randomUUID();
  readonly #port = new Port((message) => this.#ask(this.#tab, message));
  /** Who asked what: by the number that the worker knows it by. */
  readonly #asked = new Map<number, { tab: string; id: number }>();
  readonly #tabs = new Set<string>();
  #next = 1;

  constructor(
    private readonly channel: BroadcastChannel,
    private readonly loaded: Loaded,
    private readonly release: Release,
  ) {
    loaded.runner.onmessage = ({ data }) => this.#say(data);
    loaded.runner.onerror = (event) => this.#lose(loaded.failure(event));
    channel.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.type === 'hello') this.#welcome(data.from);
      if (data.type === 'ask' && data.to === this.#tab) this.#ask(data.from, data.message);
    };
    // tabs that waited for an engine, or had another
    this.#post({ type: 'lost', from: this.#tab, problem: gone('another tab has the engine now') });
  }

  local(): Loaded {
    return { ...this.loaded, runner: this.#port, failure: lost, stop: () => this.#stop() };
  }

  #post(message: Message): void {
    this.channel.postMessage(message);
  }

  #welcome(tab: string): void {
    this.#post({ type: 'welcome', from: this.#tab, to: tab, info: this.loaded.info });
    if (this.#tabs.has(tab)) return;
    this.#tabs.add(tab);
    // it is free when the tab is gone
    void waitForLock(lockOf(tab)).then((release) => (release(), this.#leave(tab)));
  }

  #leave(tab: string): void {
    this.#tabs.delete(tab);
    for (const [id, asked] of this.#asked)
      if (asked.tab === tab) this.loaded.runner.postMessage({ type: 'abort', id, gone: true });
  }

  #ask(tab: string, message: ToWorker): void {
    if (!('id' in message)) return this.loaded.runner.postMessage(message);
    const known = [...this.#asked].find(([, asked]) => asked.tab === tab && asked.id === message.id)?.[0];
    if (message.type === 'complete' || message.type === 'ask') {
      const id = this.#next++;
      this.#asked.set(id, { tab, id: message.id });
      this.loaded.runner.postMessage({ ...message, id });
    } else if (known !== undefined) {
      this.loaded.runner.postMessage({ ...message, id: known });
    }
  }

  #say(message: FromWorker): void {
    if (!('id' in message)) return;
    if (message.type === 'error' && message.error.code === 'device') return this.#lose(message.error);
    const asked = this.#asked.get(message.id);
    if (message.type !== 'delta') this.#asked.delete(message.id);
    if (!asked) return;
    const { tab, id } = asked;
    if (tab === this.#tab) this.#port.say({ ...message, id });
    else this.#post({ type: 'say', from: this.#tab, to: tab, message: { ...message, id } });
  }

  #lose({ code, message }: Problem): void {
    this.#post({ type: 'lost', from: this.#tab, problem: { code, message } });
    this.#port.fail({ code, message });
  }

  async #stop(): Promise<void> {
    this.channel.onmessage = null;
    this.#post({ type: 'lost', from: this.#tab, problem: gone('the tab that had the engine let go of it') });
    await this.loaded.stop();
    this.channel.close();
    this.release();
  }
}

/** What stands for the worker. */
class Port implements Runner {
  onmessage: Runner['onmessage'] = null;
  onerror: Runner['onerror'] = null;

  constructor(readonly postMessage: (message: ToWorker) => void) {}

  say(data: FromWorker): void {
    this.onmessage?.(new MessageEvent('message', { data }));
  }

  fail(problem: Problem): void {
    this.onerror?.(new ErrorEvent('error', { error: engineError(problem) }));
  }
}

const lost = ({ error }: ErrorEvent) => error as EngineError;

/** Has another tab's engine, or the lock where that tab is gone before it had one, and it is this tab's turn. */
async function follow(lock: string, { signal, onProgress }: During): Promise<Loaded | Release> {
  const tab = crypto.randomUUID();
  const releaseTab = await waitForLock(lockOf(tab));
  const channel = new BroadcastChannel(lock);
  const leaving = new AbortController();
  const stop = async () => {
    leaving.abort();
    channel.close();
    releaseTab();
  };
  return new Promise((resolve, reject) => {
    let leader: string | undefined;
    const port = new Port((message) => {
      if (leader !== undefined) post({ type: 'ask', from: tab, to: leader, message });
    });
    const post = (message: Message) => leaving.signal.aborted || channel.postMessage(message);
    waitForLock(lock, leaving.signal).then(
      (release) => {
        if (leader === undefined && !leaving.signal.aborted) return void (stop(), resolve(release));
        release(); // to whoever has something to ask; this tab too joins again for that
        port.fail(gone('the tab that had the engine has closed'));
      },
      () => {}, // this tab leaves
    );
    channel.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.type === 'progress') onProgress?.({ ...data.progress, phase: 'waiting' });
      if (data.type === 'lost' && leader === undefined) post({ type: 'hello', from: tab });
      if (data.type === 'lost' && leader !== undefined) port.fail(data.problem);
      if (data.type === 'say' && data.to === tab) port.say(data.message);
      if (data.type !== 'welcome' || data.to !== tab || leader !== undefined) return;
      leader = data.from;
      resolve({ runner: port, info: data.info, stop, failure: lost });
    };
    const abort = () => {
      if (leader !== undefined) return;
      void stop();
      reject(new EngineAbortError());
    };
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    post({ type: 'hello', from: tab });
  });
}
