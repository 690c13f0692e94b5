// What callers ask for, checked as far as the worker could not name it, and as one request for each reply.

import { localTime } from './time.js';
import { invalid } from './errors.js';
import { without, withoutNulls } from './options.js';
import type { Asked } from './protocol.js';
import type { ChatCompletionRequest, CompletionRequest } from './types.js';

/** A request of either kind. */
export type AnyRequest = ChatCompletionRequest | CompletionRequest;

/** Most replies to one request. */
const MOST = 128;

const refuse = (param: string, problem: string): never => {
  throw invalid(param, problem);
};

const isGiven = (value: unknown) => value !== undefined && value !== null;

/** Throws for what the worker would never hear of, or could not name; the worker checks the rest. */
export function checkRequest(request: Partial<AnyRequest> | null | undefined, chat: boolean): void {
  if (typeof request !== 'object' || request === null)
    return refuse('request', `it must be an object with ${chat ? 'messages' : 'a prompt'}`);
  const { signal, n, stream, stream_options } = request;
  if (chat && !Array.isArray((request as Partial<ChatCompletionRequest>).messages))
    refuse('messages', 'it must be a list of objects, each with a role and content');
  if (isGiven(signal) && !(signal instanceof AbortSignal)) refuse('signal', 'it must be an AbortSignal');
  if (isGiven(n) && !(Number.isInteger(n) && Number(n) >= 1 && Number(n) <= MOST))
    refuse('n', `it must be an integer from 1 to ${MOST}`);
  if (isGiven(stream) && typeof stream !== 'boolean') refuse('stream', 'it must be true or false');
  if (chat && bothLimits(request as ChatCompletionRequest))
    refuse('max_tokens', 'max_completion_tokens is given too, and means the same: give one of them');
  if (isGiven(stream_options) && !stream) refuse('stream_options', 'they are for a stream: stream must be true');
  checkStreamOptions(stream_options);
}

/** Throws for options of a stream that make no sense. */
export function checkStreamOptions(stream_options: unknown): void {
  if (!isGiven(stream_options)) return;
  if (typeof stream_options !== 'object') refuse('stream_options', 'they must be an object');
  const known = ['include_usage', 'include_obfuscation'];
  const unknown = Object.keys(stream_options as object).find((name) => !known.includes(name));
  if (unknown !== undefined) refuse('stream_options', `there is no ${unknown} in them, only include_usage`);
}

const bothLimits = ({ max_tokens, max_completion_tokens }: ChatCompletionRequest) =>
  isGiven(max_tokens) && isGiven(max_completion_tokens);

/**
 * A request for each reply. With a seed, the first reply has it, the second the one after it, and so on; each can be made
 * again by itself.
 */
export function asksOf(request: AnyRequest, chat: boolean, id: string): Asked[] {
  const { n, seed } = request;
  const fields = withoutNulls(without(request, 'n', 'stream', 'stream_options', 'signal'));
  const now = localTime();
  const count = n ?? 1;
  return Array.from({ length: count }).map((_, index) => ({
    chat,
    request: typeof seed === 'number' && index > 0 ? { ...fields, seed: seed + index } : fields,
    entropy: Math.floor(Math.random() * 2 ** 53),
    now,
    tokens: [],
    heard: false,
    journal: chat && count === 1 ? id : undefined,
  }));
}
