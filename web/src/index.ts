export type { ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, ChatMessage } from './chat.js';
export { createEngine, type Engine } from './engine.js';
export { EngineAbortError, EngineError } from './errors.js';
export { type ListedModel, models } from './models.js';
export type { EngineOptions } from './options.js';
export type {
  DeviceOptions,
  EngineInfo,
  KvType,
  KvTypes,
  LoadProgress,
  Logprobs,
  TokenLogprob,
  Tuning,
  Usage,
} from './protocol.js';
