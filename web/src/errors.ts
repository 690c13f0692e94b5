/** Why something failed; `code` is for programs, `message` for people. */
export class EngineError extends Error {
  override readonly name: string = 'EngineError';

  /**
   * @param code A short stable name: those of the Rust `Error::code`, and `worker` when the worker cannot be started or
   *   has failed, after which only another `createEngine` helps.
   * @param message What was wrong, naming the thing.
   */
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The work was ended by its AbortSignal, by breaking out of a stream, or by `dispose`. `code` is `aborted`. */
export class EngineAbortError extends EngineError {
  override readonly name = 'AbortError';

  constructor(message = 'aborted') {
    super('aborted', message);
  }
}

/** What a server of `connect` answered with. `code` is `http`, and the message has the server's words. */
export class ServerError extends EngineError {
  constructor(
    /** The HTTP status. */
    readonly status: number,
    message: string,
  ) {
    super('http', message);
  }
}

/** The error that crossed from the worker as plain data. */
export function engineError(data: { code: string; message: string }): EngineError {
  return data.code === 'aborted' ? new EngineAbortError() : new EngineError(data.code, data.message);
}

/** What a caller gave is wrong: which of it, and how. */
export const invalid = (param: string, problem: string): EngineError =>
  new EngineError('invalid_request', `${param}: ${problem}`);

/** What went wrong, of whatever was thrown. */
export const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What to do where worker or wasm are not found. */
export const COPY_HINT =
  "worker.js and engine.wasm are in minke's folder dist: copy both to where they are served, and say where with workerUrl " +
  "and wasmUrl; on another origin they need CORS headers, and a page's policy must allow them (worker-src, script-src)";

/** Of the worker; only another one helps. */
export const failure = (problem: string) => new EngineError('worker', `the engine's worker failed: ${problem}`);
