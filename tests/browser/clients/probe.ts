// A component under StrictMode that uses both hooks, and what they were seen to say.

import type { EngineOptions } from 'minke';
import { type Chat, type EngineState, useChat, useEngine } from 'minke/react';
import { createElement, StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { FakeEngine } from './fake';

type Options = { model: string } | null;

export class Probe {
  /** Loads, disposals, and the states of both hooks whenever they change. */
  readonly log: string[] = [];
  readonly engines: FakeEngine[] = [];
  engine!: EngineState<FakeEngine>;
  chat!: Chat;
  show!: (options: Options) => void;
  readonly #root = createRoot(document.body.appendChild(document.createElement('div')));

  constructor(start: Options) {
    this.#root.render(createElement(StrictMode, null, createElement(Component, { probe: this, start })));
  }

  unmount(): void {
    this.#root.unmount();
  }

  note(entry: string): void {
    const kind = entry.split(' ')[0];
    if (this.log.findLast((last) => last.startsWith(`${kind} `)) !== entry) this.log.push(entry);
  }

  async load({ model, signal, onProgress }: EngineOptions): Promise<FakeEngine> {
    const name = String(model);
    this.log.push(`load ${name}`);
    onProgress?.({ phase: 'download', loaded: 1, total: 2 });
    await new Promise((resolve, reject) => {
      if (name !== 'slow') setTimeout(resolve, 20);
      signal?.addEventListener('abort', () => (this.log.push(`abort ${name}`), reject(new Error('aborted'))));
    });
    if (name === 'bad') throw new Error('no such model');
    const engine = new FakeEngine({ reasoning: 'Hm, 巴黎', content: 'It is 🐋.' });
    engine.dispose = async () => void this.log.push(`dispose ${name}`);
    this.engines.push(engine);
    return engine;
  }
}

function Component({ probe, start }: { probe: Probe; start: Options }) {
  const [options, show] = useState(start);
  // each time a new object and a new function, as people write them
  const given = options && { ...options, onProgress: () => {}, worker: () => new Worker('never') };
  probe.engine = useEngine(given, (options) => probe.load(options));
  probe.chat = useChat(probe.engine.engine, { temperature: 0 }, START);
  probe.show = show;
  probe.note(`engine ${probe.engine.status}`);
  if (probe.chat.status !== 'ready') probe.note(`chat ${probe.chat.status}`);
  return null;
}

const START = [{ role: 'system' as const, content: 'Be brief.' }];
