// The messages between the page's Engine and its worker, both ways.

import type {
  ChatCompletionDelta,
  FinishReason,
  ReasoningFinishReason,
  TokenLogprob,
  ToolCall,
  Usage,
} from './types.js';

/** What goes on while a model loads. */
export type LoadPhase =
  /** Another tab loads the same model; its progress is shown. */
  | 'waiting'
  /** Bytes come, from where `source` says. */
  | 'download'
  /** A request failed, and the next try is waited for. */
  | 'retry'
  /** There is no network: the download goes on when it is back. */
  | 'offline'
  /** The page's `control` has paused it. */
  | 'paused'
  /** All bytes have come; the GPU is not done with them. */
  | 'prepare'
  | 'ready';

/** Progress of loading. In the last two phases only `loaded` and `total` say something. */
export interface LoadProgress {
  phase: LoadPhase;
  /** Bytes of the model that are here. */
  loaded: number;
  /** Bytes of the model; null where that is not known yet. */
  total: number | null;
  /** What came over the network, over the last five seconds. */
  bytesPerSecond?: number;
  /** At that rate; null where it cannot be said. */
  secondsLeft?: number | null;
  /** Requests that had to be made again. */
  retries?: number;
  /** Where the last bytes came from. */
  source?: 'network' | 'store' | 'file';
  /** Bytes that the browser says it would still keep, where that is less than what is missing; else null. */
  room?: number | null;
}

/** A file of a model, and what is known of it beforehand: it must be so, or the load fails. */
export interface ModelFile {
  url: string;
  bytes?: number | undefined;
  /** SHA-256 of the file, in hexadecimal digits. */
  sha256?: string | undefined;
  /** SHA-256 of each 4 MiB of it; wants `bytes`. */
  pieces?: string[] | undefined;
}

/** A model as the worker is told. */
export type Source = string | Blob[] | { id: string } | { parts: ModelFile[] };

/** How a model is to come. */
export interface DownloadOptions {
  /** Whether it is kept in this browser. Default: a download is, a File is not. */
  keep?: boolean | undefined;
  /** An address that has the same paths as the model's own host, for where that cannot be reached. */
  mirror?: string | URL | undefined;
  /**
   * Headers for the model's own host (or the mirror), such as those of a private repository. They are not kept. Where that
   * host redirects to another, browsers leave `Authorization` out there, but no other.
   */
  headers?: Record<string, string> | undefined;
}

/** A model that is kept in this browser. */
export interface KeptModel {
  /** Its name in the store: `createEngine({ model: { id } })` loads it. */
  id: string;
  /** Where its (first) file came from. */
  url: string;
  /** Bytes of the whole model; null where that is not known. */
  bytes: number | null;
  keptBytes: number;
  complete: boolean;
  /** When all of it last had its hashes, in milliseconds since 1970. */
  verifiedOn: number | null;
  files: { url: string; bytes: number | null; sha256: string | null }[];
}

/** Whether a model fits this device. */
export interface Plan {
  verdict: 'fits' | 'tight' | 'too_big';
  /** Why, in a sentence. */
  reason: string;
  /** Most positions of a context that fit; 0 where not even a small one does. */
  largestCtx: number;
  /** Bytes on the GPU, with the context that was asked for. */
  memory: {
    n_ctx: number;
    weights: number;
    kv: KvTypes;
    kv_cache: number;
    activations: number;
    total: number;
  };
  model: { name: string | null; architecture: string; nCtxTrain: number; bytes: number };
  /** Null where there is no GPU that could run it. */
  device: EngineInfo['device'] | null;
  /** Bytes of the model that are kept in this browser already. */
  kept: number;
  /** Bytes that this browser would still keep for the page; null where it does not tell. */
  free: number | null;
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
  where: 'device';
  model: {
    name: string | null;
    architecture: string;
    nLayer: number;
    nVocab: number;
    nCtxTrain: number;
    bytes: number;
    /** Its id in this browser's store; null where it is not kept. */
    kept: string | null;
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

/** How likely tokens were, as the engine tells it. */
export interface ToldLogprobs {
  content: ToldLogprob[];
  reasoning_content: ToldLogprob[];
}

export interface ToldLogprob extends Omit<TokenLogprob, 'top_logprobs'> {
  top_logprobs?: ToldLogprob[];
}

/** A piece of a reply. With its `tokens` and those before, another worker goes on after it. */
export interface Delta extends Omit<ChatCompletionDelta, 'role'> {
  tokens?: number[];
  logprobs?: ToldLogprobs;
  reasoning_finish_reason?: ReasoningFinishReason;
}

/** A whole reply. */
export interface Reply {
  finish_reason: FinishReason;
  reasoning_finish_reason: ReasoningFinishReason;
  content: string;
  reasoning_content: string;
  tool_calls?: ToolCall[];
  logprobs: ToldLogprobs | null;
  usage: Usage;
}

/** A request, and what makes its reply the same again. */
export interface Asked {
  /** A chat, or a prompt as it is. */
  chat: boolean;
  /** In OpenAI's names, for one reply. */
  request: Record<string, unknown>;
  /** What is drawn where there is no seed. */
  entropy: number;
  /** The page's local time, for templates that print the date. */
  now: string;
  /** Tokens of the reply that were made before. */
  tokens: number[];
  /** Why the reasoning ended in those. */
  reasoning_finish_reason?: ReasoningFinishReason;
  /** Whether those were heard already. */
  heard: boolean;
  /** The reply's name in the journal; undefined where it is not kept. */
  journal?: string | undefined;
}

/** What a loaded model is asked beside replies. */
export type Question =
  | { name: 'tokenize'; text: string; special: boolean }
  | { name: 'detokenize'; tokens: number[] }
  | { name: 'prompt'; request: Record<string, unknown>; now: string; add_generation_prompt: boolean }
  | { name: 'embed'; text: string; pooling: 'mean' | 'last' }
  | { name: 'unfinished' }
  | { name: 'journal'; id: string };

/** A reply that was cut off, as by a reload: `engine.resume(id)` goes on with it. */
export interface Unfinished {
  id: string;
  /** When it was begun, in seconds since 1970. */
  created: number;
}

/** What is asked of a worker that loads no model. */
export type Call =
  | { name: 'download'; source: Source; options: DownloadOptions }
  | { name: 'list' }
  | { name: 'delete'; id: string }
  | { name: 'export'; id: string }
  | { name: 'plan'; source: Source; options: DeviceOptions & DownloadOptions };

/** What a worker is started for: request 0. */
export type First =
  { type: 'load'; source: Source; options: DeviceOptions & DownloadOptions } | { type: 'call'; call: Call };

/** Where the worker's files are. */
export interface Place {
  wasmUrl: string | undefined;
  grammarUrl: string | undefined;
  /** As what the worker may run its own script in another one; undefined where that is not known to be the package's alone. */
  again: WorkerType | undefined;
}

/** To the worker. */
export type ToWorker =
  | { type: 'hello' }
  | (First & Place)
  | { type: 'pause'; paused: boolean }
  | { type: 'online' }
  | ({ type: 'complete'; id: number } & Asked)
  | { type: 'ask'; id: number; question: Question }
  | { type: 'answer-now'; id: number }
  | { type: 'forget' }
  /** `gone`: who asked is no more there, but may come back for it. */
  | { type: 'abort'; id: number; gone?: true }
  | { type: 'dispose' };

/**
 * From the worker. `started` comes when its script has run and again at `hello`, so that the page hears of it whichever was
 * first; it holds `lock`, a Web Lock, as long as it lives, if its origin may have any. After `failed` it answers no request any more, and after
 * `disposed` the device is gone.
 */
export type FromWorker =
  | { type: 'started'; lock: string | undefined }
  | { type: 'failed'; problem: string }
  | { type: 'disposed' }
  | { type: 'progress'; progress: LoadProgress }
  | { type: 'loaded'; info: EngineInfo }
  | { type: 'result'; result: unknown }
  | { type: 'delta'; id: number; delta: Delta }
  | { type: 'done'; id: number; reply: Reply; heapBytes: number }
  | { type: 'answer'; id: number; value: unknown }
  | { type: 'error'; id: number; error: { code: string; message: string } };
