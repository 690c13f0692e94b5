// `minke/react`: hooks for an engine and for a chat with it.

'use client'; // for Next: hooks run in the page

import { useCallback, useEffect, useRef, useState } from 'react';
import { createEngine } from './create.js';
import type { Engine } from './engine.js';
import { EngineAbortError, EngineError, invalid } from './errors.js';
import type { EngineOptions } from './options.js';
import type { LoadProgress } from './protocol.js';
import type {
  ChatCompletionDelta,
  ChatCompletionRequest,
  ChatEngine,
  ChatMessage,
  ToolCall,
  ToolCallDelta,
} from './types.js';

/** What `useEngine` has. */
export type EngineState<E> =
  /** There are no options. */
  | { status: 'idle'; engine: null; progress: null; error: null }
  | { status: 'loading'; engine: null; progress: LoadProgress | null; error: null }
  | { status: 'ready'; engine: E; progress: null; error: null }
  | { status: 'error'; engine: null; progress: null; error: EngineError };

const IDLE = { status: 'idle', engine: null, progress: null, error: null } as const;
const LOADING = { status: 'loading', engine: null, progress: null, error: null } as const;

/** What can be disposed of. */
export interface Disposable {
  /** Frees what it holds. */
  dispose(): Promise<void>;
}

/**
 * Loads an engine, and disposes of it when the component goes, or when the options say another: then the next is loaded when
 * the last is gone. Options are compared by what they say, so they can be written in place; null loads nothing.
 *
 * ```ts
 * const { status, engine, progress, error } = useEngine({ model: 'deepseek-r1-distill-qwen-1.5b' });
 * ```
 */
export function useEngine(options: EngineOptions | null): EngineState<Engine>;
/**
 * The same with another loader, such as one that falls back on `connect`.
 *
 * @param create Loads the engine, in place of `createEngine`.
 */
export function useEngine<E extends Disposable>(
  options: EngineOptions | null,
  create: (options: EngineOptions) => Promise<E>,
): EngineState<E>;
export function useEngine(
  options: EngineOptions | null,
  create: (options: EngineOptions) => Promise<Disposable> = createEngine,
): EngineState<Disposable> {
  const [wanted, want] = useState(options);
  if (!sameOptions(wanted, options)) want(options);
  const [loaded, setLoaded] = useState<{ of: EngineOptions | null; state: EngineState<Disposable> }>();
  const latest = useRef({ options, create });
  useEffect(() => void (latest.current = { options, create }));
  const gone = useRef(Promise.resolve());

  useEffect(() => {
    if (!wanted) return;
    const left = new AbortController();
    const signal = wanted.signal ? AbortSignal.any([left.signal, wanted.signal]) : left.signal;
    const set = (state: EngineState<Disposable>) => left.signal.aborted || setLoaded({ of: wanted, state });
    const onProgress = (progress: LoadProgress) => {
      latest.current.options?.onProgress?.(progress);
      set({ ...LOADING, progress });
    };
    // not at once: StrictMode leaves its first effect before this comes to load anything
    const loading = gone.current.then(() => {
      if (left.signal.aborted) throw new EngineAbortError();
      return latest.current.create({ ...wanted, signal, onProgress });
    });
    loading.then(
      (engine) => set({ status: 'ready', engine, progress: null, error: null }),
      (error: EngineError) => set({ status: 'error', engine: null, progress: null, error }),
    );
    return () => {
      left.abort();
      gone.current = loading.then(
        (engine) => engine.dispose(),
        () => {},
      );
    };
  }, [wanted]);

  if (!wanted) return IDLE;
  return loaded?.of === wanted ? loaded.state : LOADING;
}

/** Whether two options ask for the same engine. Functions say nothing of it, and are written anew each time. */
function sameOptions(a: EngineOptions | null, b: EngineOptions | null): boolean {
  return same(a && { ...a, onProgress: null }, b && { ...b, onProgress: null });
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b) || (typeof a === 'function' && typeof b === 'function')) return true;
  if (a instanceof URL && b instanceof URL) return a.href === b.href;
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => same(a[key], b[key]));
}

/** A list, or an object of no class: what is written in place. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

/** How far the last reply is: none is being made (`ready`), or it waits for its first token, thinks or answers. */
export type ChatStatus = 'ready' | 'waiting' | 'thinking' | 'answering';

/** What `useChat` has. */
export interface Chat {
  /** The last one grows while it is made. Messages only ever come at the end, so their index does as a key. */
  messages: ChatMessage[];
  status: ChatStatus;
  /** Why the last reply failed; null where it did not. */
  error: EngineError | null;
  /** Says something, and has it answered. A reply that is being made is stopped. Resolves when the answer is there. */
  send: (message: string | ChatMessage | ChatMessage[]) => Promise<void>;
  /** Ends the reply that is being made; what there is of it stays. */
  stop: () => void;
  /** Ends its thinking; the answer follows. */
  answerNow: () => void;
  /** Has the last message that is no reply answered anew. */
  regenerate: () => Promise<void>;
  /** Replaces the conversation. A reply that is being made is stopped. */
  setMessages: (messages: ChatMessage[]) => void;
}

/** What every request of a chat is to have. */
export type ChatOptions = Omit<ChatCompletionRequest, 'messages' | 'stream' | 'stream_options' | 'signal' | 'n'>;

/**
 * A chat with an engine, or with none as long as it is null.
 *
 * ```ts
 * const { messages, send, status, stop } = useChat(engine, { thinking: { type: 'enabled', budget_tokens: 1000 } });
 * ```
 *
 * @param start The messages to start from, such as a system message.
 */
export function useChat(engine: ChatEngine | null, options: ChatOptions = {}, start: ChatMessage[] = []): Chat {
  const [messages, show] = useState(start);
  const [status, setStatus] = useState<ChatStatus>('ready');
  const [error, setError] = useState<EngineError | null>(null);
  const latest = useRef({ engine, options, messages });
  useEffect(() => void Object.assign(latest.current, { engine, options }));
  const running = useRef<{ left: AbortController; id?: string }>(undefined);

  const put = useCallback((messages: ChatMessage[]) => {
    latest.current.messages = messages;
    show(messages);
  }, []);

  const stop = useCallback(() => {
    running.current?.left.abort();
    running.current = undefined;
    setStatus('ready');
  }, []);

  useEffect(() => stop, [engine, stop]); // and when the component goes

  /** Has the messages answered, and shows the reply as it comes. */
  const reply = useCallback(
    async (history: ChatMessage[]) => {
      const { engine, options } = latest.current;
      if (!engine) throw invalid('engine', 'useChat has none yet');
      stop();
      const run: { left: AbortController; id?: string } = { left: new AbortController() };
      running.current = run;
      setStatus('waiting');
      setError(null);
      put(history);
      try {
        const { signal } = run.left;
        const stream = await engine.chat.completions.create({ ...options, messages: history, stream: true, signal });
        run.id = stream.id;
        let message: Reply = { role: 'assistant', content: '' };
        for await (const { choices } of stream) {
          if (running.current !== run) return;
          const [choice] = choices;
          if (!choice) continue;
          message = grown(message, choice.delta);
          put([...history, message]);
          setStatus((before) => statusOf(choice.delta) ?? before);
        }
      } catch (error) {
        if (running.current === run && !(error instanceof EngineAbortError)) setError(error as EngineError);
      } finally {
        if (running.current === run) stop();
      }
    },
    [put, stop],
  );

  const send = useCallback(
    (message: string | ChatMessage | ChatMessage[]) => {
      const said = typeof message === 'string' ? { role: 'user' as const, content: message } : message;
      return reply(latest.current.messages.concat(said));
    },
    [reply],
  );

  const regenerate = useCallback(() => {
    const { messages } = latest.current;
    return reply(messages.slice(0, messages.findLastIndex(({ role }) => role !== 'assistant') + 1));
  }, [reply]);

  const answerNow = useCallback(() => {
    const { id } = running.current ?? {};
    if (id !== undefined) latest.current.engine?.answerNow(id);
  }, []);

  const setMessages = useCallback((messages: ChatMessage[]) => (stop(), put(messages)), [put, stop]);
  return { messages, status, error, send, stop, answerNow, regenerate, setMessages };
}

interface Reply {
  role: 'assistant';
  content: string;
  reasoning_content?: string;
  tool_calls?: ToolCall[];
}

/** What a reply is at, if a delta tells. */
function statusOf({ content, reasoning_content, tool_calls }: ChatCompletionDelta): ChatStatus | undefined {
  if (content || tool_calls) return 'answering';
  return reasoning_content ? 'thinking' : undefined;
}

function grown(reply: Reply, { content, reasoning_content, tool_calls }: ChatCompletionDelta): Reply {
  return {
    ...reply,
    content: reply.content + (content ?? ''),
    ...(reasoning_content && { reasoning_content: (reply.reasoning_content ?? '') + reasoning_content }),
    ...(tool_calls && { tool_calls: tool_calls.reduce(called, reply.tool_calls ?? []) }),
  };
}

function called(calls: ToolCall[], { index, id = '', function: more }: ToolCallDelta): ToolCall[] {
  const before = calls[index] ?? { id, type: 'function', function: { name: more?.name ?? '', arguments: '' } };
  const text = before.function.arguments + (more?.arguments ?? '');
  const call = { ...before, function: { ...before.function, arguments: text } };
  return Object.assign([...calls], { [index]: call });
}
