// The conversation.

import { batch, type Signal, signal } from '@preact/signals';
import { type ChatCompletionChunk, type ChatMessage, EngineAbortError } from 'minke';
import { loaded, words } from './loading';

export interface Question {
  role: 'user';
  content: string;
}

export interface Reply {
  role: 'assistant';
  content: string;
  reasoning: string;
  state: 'waiting' | 'thinking' | 'answering' | 'done' | 'cut' | 'stopped' | 'failed';
  /** Seconds of thinking, once it is over. */
  thought?: number;
  tokens: number;
  tokensPerSecond: number;
  error?: string;
}

export type Message = Question | Signal<Reply>;

export const messages = signal<readonly Message[]>([]);
export const busy = signal(false);

let controller = new AbortController();

export function stop(): void {
  controller.abort();
}

export function startAnew(): void {
  stop();
  messages.value = [];
}

/** Asks the model; its reply grows in the last of `messages`. */
export async function ask(content: string): Promise<void> {
  const engine = loaded.value?.engine;
  if (!engine || busy.value) return;
  controller = new AbortController();
  const question: Question = { role: 'user', content };
  const history = [...messages.value.map(plain), plain(question)];
  const reply = signal<Reply>({
    role: 'assistant',
    content: '',
    reasoning: '',
    state: 'waiting',
    tokens: 0,
    tokensPerSecond: 0,
  });
  batch(() => {
    busy.value = true;
    messages.value = [...messages.value, question, reply];
  });
  try {
    const { signal } = controller;
    const stream = await engine.chat.completions.create({
      messages: history,
      stream: true,
      stream_options: { include_usage: true },
      signal,
    });
    const clock = new Clock();
    for await (const chunk of stream) reply.value = grown(reply.value, chunk, clock);
  } catch (error) {
    const stopped = error instanceof EngineAbortError;
    reply.value = { ...reply.value, ...(stopped ? { state: 'stopped' } : { state: 'failed', error: words(error) }) };
  } finally {
    busy.value = false;
  }
}

/** The message as the model's template wants it; what the model thought earlier is left out. */
function plain(message: Message): ChatMessage {
  const { role, content } = 'value' in message ? message.value : message;
  return { role, content };
}

/** The reply with one more piece of the stream. */
function grown(reply: Reply, { choices, usage }: ChatCompletionChunk, clock: Clock): Reply {
  const next = { ...reply };
  const { content, reasoning_content: reasoning } = choices[0]?.delta ?? {};
  if (content || reasoning) clock.tick();
  if (reasoning) {
    next.reasoning += reasoning;
    next.state = 'thinking';
  }
  if (content) {
    if (next.reasoning) next.thought ??= clock.seconds();
    next.content += content;
    next.state = 'answering';
  }
  const ended = choices[0]?.finish_reason;
  if (ended) next.state = ended === 'length' ? 'cut' : 'done';
  next.tokens = usage?.completion_tokens ?? clock.ticks;
  next.tokensPerSecond = clock.rate(next.tokens);
  return next;
}

/** Counts from the first token on: reading the prompt is not part of the speed shown. */
class Clock {
  ticks = 0;
  #first = 0;
  #last = 0;

  tick(): void {
    this.#last = performance.now();
    if (this.ticks++ === 0) this.#first = this.#last;
  }

  seconds(): number {
    return (this.#last - this.#first) / 1000;
  }

  rate(tokens: number): number {
    return this.#last > this.#first ? (tokens - 1) / this.seconds() : 0;
  }
}
