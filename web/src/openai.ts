// `minke/openai`: the engine as the server of OpenAI's own client, without a server.

import { EngineAbortError, EngineError, invalid, ServerError, words } from './errors.js';
import { writeEvents } from './sse.js';
import type { ChatCompletionRequest, ChatEngine, CompletionRequest, EmbeddingList, EmbeddingRequest } from './types.js';

/**
 * A `fetch` that the engine answers, for the `openai` package's client, or any other that speaks OpenAI's API:
 *
 * ```ts
 * const client = new OpenAI({
 *   baseURL: 'http://engine.invalid/v1', // never contacted
 *   apiKey: 'none',
 *   dangerouslyAllowBrowser: true, // there is no key to steal
 *   fetch: createFetch(engine),
 * });
 * ```
 *
 * It knows chat/completions, completions, embeddings and models; at any other address there is nothing (404). Nothing goes
 * over the network.
 */
export function createFetch(engine: ChatEngine): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    try {
      return await answer(engine, request);
    } catch (error) {
      if (error instanceof EngineAbortError && request.signal.aborted) throw request.signal.reason;
      const { status, body } = describe(error);
      return json(body, status);
    }
  };
}

/** What a route answers. The bodies are the engine's to check. */
type Route = (engine: ChatEngine, body: never, signal: AbortSignal) => Promise<object>;

const ROUTES: Record<string, Route> = {
  'POST chat/completions': ({ chat }, body: ChatCompletionRequest, signal) =>
    chat.completions.create({ ...body, signal }),
  'POST completions': ({ completions }, body: CompletionRequest, signal) => completions.create({ ...body, signal }),
  'POST embeddings': ({ embeddings }, body: EmbeddingRequest, signal) => embed(embeddings, { ...body, signal }),
  'GET models': ({ models }) => models.list(),
};

async function answer(engine: ChatEngine, request: Request): Promise<Response> {
  const [, path] = /\/(chat\/completions|completions|embeddings|models)$/.exec(new URL(request.url).pathname) ?? [];
  const route = ROUTES[`${request.method} ${path}`];
  if (!route) throw new ServerError(404, `${request.method} ${request.url}: the engine has nothing there`);
  const body = request.method === 'GET' ? undefined : await bodyOf(request);
  const reply = await route(engine, body as never, request.signal);
  if (!(Symbol.asyncIterator in reply)) return json(reply, 200);
  const stream = writeEvents(reply as AsyncIterable<unknown>, (error) =>
    error instanceof EngineAbortError ? undefined : describe(error).body,
  );
  return new Response(stream, { headers: { 'content-type': 'text/event-stream' } });
}

async function bodyOf(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch (error) {
    throw invalid('body', `it is no JSON (${words(error)})`);
  }
}

/** The client asks for base64 where its caller asks for nothing, and decodes it. */
async function embed({ create }: ChatEngine['embeddings'], request: EmbeddingRequest): Promise<object> {
  if ((request.encoding_format as string) !== 'base64') return create(request);
  const list: EmbeddingList = await create({ ...request, encoding_format: 'float' });
  return { ...list, data: list.data.map((item) => ({ ...item, embedding: base64(item.embedding) })) };
}

/** Little-endian float32. */
function base64(values: number[]): string {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, i) => view.setFloat32(i * 4, value, true));
  return btoa(Array.from(new Uint8Array(view.buffer), (byte) => String.fromCharCode(byte)).join(''));
}

// the engine would not do better at a second try
const json = (body: object, status: number) => Response.json(body, { status, headers: { 'x-should-retry': 'false' } });

/** The codes of what the caller did wrong. */
const CALLERS = ['invalid_request', 'context_full', 'unsupported', 'template'];

/** An error as OpenAI's API tells it. */
function describe(error: unknown): { status: number; body: object } {
  const code = error instanceof EngineError ? error.code : 'unknown';
  const status = error instanceof ServerError ? error.status : CALLERS.includes(code) ? 400 : 500;
  const message = words(error);
  const [, param = null] = (code === 'invalid_request' && /^(\w+): /.exec(message)) || [];
  const type = status < 500 ? 'invalid_request_error' : 'server_error';
  return { status, body: { error: { message, type, param, code } } };
}
