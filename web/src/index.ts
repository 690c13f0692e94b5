export { connect, type ConnectOptions } from './connect.js';
export { LoadControl } from './control.js';
export { createEngine } from './create.js';
export { type Engine, type PromptRequest } from './engine.js';
export { EngineAbortError, EngineError, ServerError } from './errors.js';
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
  ModelFile,
  Plan,
  Tuning,
  Unfinished,
} from './protocol.js';
export { deleteModel, downloadModel, exportModel, listModels, type ModelPlan, plan } from './store.js';
export { mayKeepModels, storage, type StorageInfo } from './room.js';
export type { TrustedAddress } from './trusted.js';
export type * from './types.js';
