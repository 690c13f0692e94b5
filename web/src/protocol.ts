// The messages between the page's Engine and its worker, both ways.

/** Progress of loading. `total` is null where the server does not tell. */
export interface LoadProgress {
  phase: 'download' | 'prepare' | 'ready';
  loaded: number;
  total: number | null;
}

/** How keys and values are kept: 32, 16 or 9 bits each, the last in blocks of 32 values with a scale. */
export type KvType = 'f32' | 'f16' | 'q8_0';

/** The types of a KV cache. */
export interface KvTypes {
  keys: KvType;
  values: KvType;
}

/** Limits on what the engine uses of the device; all optional. */
export interface DeviceOptions {
  /** Most positions of the KV cache, which grows with use. Default: the model's own context. */
  nCtx?: number;
  /**
   * Types of the KV cache, or one for both; every device has them all. Default: f16, but f32 for keys with biases, as
   * Qwen2's are, of which half precision would lose too much. Keys in q8_0 are refused where they are not exact enough.
   */
  kv?: KvType | KvTypes;
  /** Keep keys and values in f32 where `kv` does not say otherwise. */
  noF16?: boolean;
  /** Do not use subgroups. */
  noSubgroups?: boolean;
  /** Keep to WebGPU's default limits. */
  defaultLimits?: boolean;
  /** Not to be measured at load, nor kept for later ones. Default: as an earlier load found, else measured. */
  tuning?: Tuning;
}

/** Which way the kernels take that have more than one: measured once for a device. */
export interface Tuning {
  /** Where a matrix's tile lies while a prompt is multiplied. */
  matmul: 'workgroup' | 'registers';
  /** Invocations that keep the device busy; 0: any number. */
  invocations: number;
  /** Over how many workgroups the positions that a token attends to are split. */
  attention: 'many' | 'few';
  /** How a token's activations are multiplied by quantised weights. */
  dots: 'floats' | 'bytes';
}

/** Facts about the loaded model and the device it runs on. */
export interface EngineInfo {
  model: {
    name: string | null;
    architecture: string;
    nLayer: number;
    nVocab: number;
    nCtxTrain: number;
    bytes: number;
  };
  nCtx: number;
  kv: KvTypes;
  device: {
    adapter: string;
    backend: string;
    driver: string;
    subgroups: boolean;
    subgroupSizes: [number, number];
    maxBinding: number;
    cpu: boolean;
    tuning: Tuning;
  };
  /**
   * What the self-test at load found: the tier that passed, the time that it took, and the failures, none on a
   * healthy device. Each failure cost a feature.
   */
  selfTest: {
    tier: string;
    milliseconds: number;
    failures: { kernel: string; tier: string; problem: string }[];
  };
  /** Peak of the wasm heap so far, in bytes. */
  heapBytes: number;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
  completion_tokens_details: { reasoning_tokens: number };
}

/** How likely the model itself (before bias, penalties and temperature) held a token. */
export interface TokenLogprob {
  token: string;
  logprob: number;
  bytes: number[];
  /** The likeliest tokens at this place, where `top_logprobs` asked for them. */
  top_logprobs?: Omit<TokenLogprob, 'top_logprobs'>[];
}

export interface Logprobs {
  content: TokenLogprob[];
  reasoning_content: TokenLogprob[];
}

export interface Delta {
  content?: string;
  reasoning_content?: string;
  logprobs?: Logprobs;
}

export interface Reply {
  finish_reason: 'stop' | 'length';
  content: string;
  reasoning_content: string;
  logprobs: Logprobs | null;
  usage: Usage;
}

/** To the worker. Request 0 is the load. */
export type ToWorker =
  | { type: 'load'; source: string | Blob; options: DeviceOptions; wasmUrl: string | undefined }
  | { type: 'complete'; id: number; request: object }
  | { type: 'abort'; id: number }
  | { type: 'dispose' };

/**
 * From the worker. It holds `lock`, a Web Lock, as long as it lives. After `failed` it answers no request any more, and after
 * `disposed` the device is gone.
 */
export type FromWorker =
  | { type: 'started'; lock: string }
  | { type: 'failed'; problem: string }
  | { type: 'disposed' }
  | { type: 'progress'; progress: LoadProgress }
  | { type: 'loaded'; info: EngineInfo }
  | { type: 'delta'; id: number; delta: Delta }
  | { type: 'done'; id: number; reply: Reply; heapBytes: number }
  | { type: 'error'; id: number; error: { code: string; message: string } };
