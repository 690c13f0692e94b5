export type { ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, ChatMessage } from './chat.js';
export { LoadControl } from './control.js';
export { createEngine, type Engine } from './engine.js';
export { EngineAbortError, EngineError } from './errors.js';
export { type ListedModel, models } from './models.js';
export type { Addresses, EngineOptions, LoadOptions, ModelSource, PinnedFile } from './options.js';
export type {
  DeviceOptions,
  DownloadOptions,
  EngineInfo,
  KeptModel,
  KvType,
  KvTypes,
  LoadPhase,
  LoadProgress,
  Logprobs,
  ModelFile,
  Plan,
  TokenLogprob,
  Tuning,
  Usage,
} from './protocol.js';
export {
  deleteModel,
  downloadModel,
  exportModel,
  listModels,
  type ModelPlan,
  plan,
  storage,
  type StorageInfo,
} from './store.js';
