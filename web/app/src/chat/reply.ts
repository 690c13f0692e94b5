// An answer while it is being made: what has come is shown once a frame and kept each second.

import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { type ChatCompletionChunk, EngineAbortError, type FinishReason, type Usage } from 'minke';
import { conversations, save } from '../history/conversations';
import type { Answer, Facts } from '../history/types';
import { type Answerer, answerer } from '../model/model';
import { messageOf } from '../text/text';
import { eachFrame, every } from './pace';

/** What an answer is at; `reading`: the prompt. */
export type Phase = 'waiting' | 'reading' | 'thinking' | 'answering';

const SAVE_MS = 1000;

export class Reply {
  /** The answer as it is shown. */
  readonly shown: Signal<Answer>;
  readonly phase: ReadonlySignal<Phase>;
  /** Pieces that have come, about as many as tokens. */
  pieces = 0;
  /** The answer as it is. */
  answer: Answer;
  readonly #controller = new AbortController();
  readonly #show = eachFrame(() => this.show());
  readonly #save = every(SAVE_MS, () => this.#keep());
  #asked = performance.now();
  #thinkingSince: number | undefined;
  #tokensBefore = 0;
  #finish: FinishReason = 'stop';

  constructor(answer: Answer) {
    this.answer = answer;
    this.shown = signal(answer);
    this.phase = computed(() => phaseOf(this.shown.value));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(): void {
    this.#controller.abort();
  }

  /** The request is made now. */
  begin(who: Answerer, seed: number | undefined): void {
    const { reasoning, content, facts: before } = this.answer;
    this.#tokensBefore = before.tokens ?? 0;
    const lengths = { reasoning: reasoning.length, content: content.length, tokens: this.#tokensBefore };
    this.#asked = performance.now();
    const facts: Facts = {
      ...before,
      model: who.name,
      ...(who.where === 'server' && { server: who.address }),
      ...(seed !== undefined && { seed }),
    };
    this.change({ state: 'running', facts, before: lengths });
    this.#keep(); // a page that ends now must not ask again
  }

  /** The engine's name of it, to resume it by. */
  named(completion: string): void {
    this.change({ completion });
    this.#keep();
  }

  /** All that it has said comes once more, but for what was there before. */
  again(): void {
    const { reasoning, content, before } = this.answer;
    this.#tokensBefore = before?.tokens ?? 0;
    this.answer = {
      ...this.answer,
      state: 'running',
      reasoning: reasoning.slice(0, before?.reasoning ?? 0),
      content: content.slice(0, before?.content ?? 0),
    };
  }

  take({ choices: [choice], usage }: ChatCompletionChunk): void {
    if (usage) this.account(usage);
    if (!choice) return;
    const { reasoning_content: reasoning = '', content = '' } = choice.delta;
    if (reasoning || content) this.add(reasoning, content);
    const ended = choice.reasoning_finish_reason;
    if (ended && ended !== 'stop') this.change({ thinkingEnded: ended });
    this.finish(choice.finish_reason);
  }

  add(reasoning: string, content: string): void {
    const now = performance.now();
    const { answer } = this;
    if (reasoning) this.#thinkingSince ??= now - 1000 * (answer.thoughtFor ?? 0);
    const thoughtFor = answer.content === '' ? this.thinkingTime(now) : undefined;
    this.pieces++;
    this.change({
      reasoning: answer.reasoning + reasoning,
      content: answer.content + content,
      facts: { ...answer.facts, timeToFirstToken: answer.facts.timeToFirstToken ?? now - this.#asked },
      ...(thoughtFor !== undefined && { thoughtFor }),
    });
  }

  /** Seconds that it has thought; undefined: it has not. */
  thinkingTime(now = performance.now()): number | undefined {
    return this.#thinkingSince === undefined ? undefined : (now - this.#thinkingSince) / 1000;
  }

  account({ prompt_tokens, completion_tokens, completion_tokens_details, timings }: Usage): void {
    const { facts } = this.answer;
    const seconds = (performance.now() - this.#asked - (facts.timeToFirstToken ?? 0)) / 1000;
    this.change({
      facts: {
        ...facts,
        promptTokens: prompt_tokens,
        tokens: this.#tokensBefore + completion_tokens,
        reasoningTokens: (facts.reasoningTokens ?? 0) + completion_tokens_details.reasoning_tokens,
        tokensPerSecond: timings.decode_tokens_per_second ?? completion_tokens / seconds,
        timeToFirstToken: timings.time_to_first_token_ms ?? facts.timeToFirstToken ?? 0,
      },
    });
  }

  finish(reason: FinishReason | null): void {
    if (reason) this.#finish = reason;
  }

  /** It has come to its end, or to this error. */
  end(error?: unknown): void {
    const thoughtFor = this.answer.content === '' ? this.thinkingTime() : undefined;
    if (thoughtFor !== undefined) this.change({ thoughtFor });
    if (error === undefined) this.change({ state: this.#finish === 'length' ? 'length' : 'done' });
    else if (error instanceof EngineAbortError) this.change({ state: 'stopped' });
    else this.change({ state: 'failed', error: messageOf(error) });
    this.show();
  }

  change(change: Partial<Answer>): void {
    this.answer = { ...this.answer, ...change };
    this.#show();
    this.#save();
  }

  show(): void {
    this.shown.value = this.answer;
  }

  /** While it is made; its end is kept with the conversation. */
  #keep(): void {
    if (this.answer.state !== 'running') return;
    const conversation = conversations.value.get(this.answer.conversation);
    if (conversation) void save(conversation, this.answer);
    else this.stop(); // it was deleted
  }
}

function phaseOf({ state, reasoning, content }: Answer): Phase {
  if (state === 'waiting') return 'waiting';
  if (content !== '') return 'answering';
  return reasoning === '' ? 'reading' : 'thinking';
}

/** What answers, once there is something that does. */
export async function ready(signal: AbortSignal): Promise<Answerer> {
  let leave = () => {};
  const who = new Promise<Answerer>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new EngineAbortError()));
    leave = answerer.subscribe((now) => now && resolve(now));
    if (signal.aborted) reject(new EngineAbortError());
  });
  return who.finally(() => leave());
}
