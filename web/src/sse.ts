// Server-sent events, as OpenAI's API streams its replies.

/** What ends a stream. */
const DONE = '[DONE]';

/** The lines of a text that comes in pieces. They end with LF, CRLF or CR. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      // a CR at the end of a piece may be half of a CRLF
      const whole = rest.split(/\r\n|\n|\r(?!$)/);
      rest = whole.pop() ?? '';
      yield* whole;
      if (done) break;
    }
    if (rest) yield rest.replace(/\r$/, '');
  } finally {
    await reader.cancel().catch(() => {}); // it has failed itself, if anything
  }
}

/** The values of events until `[DONE]`: JSON, unless the server is broken. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  let data: string[] = [];
  for await (const line of lines(body)) {
    const [, field, value] = /^(data|error)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === 'data') data.push(value ?? '');
    // llama.cpp's server before the end of 2025 had this field for errors
    if (field === 'error') data.push(`{"error":${value ?? null}}`);
    if (line !== '') continue;
    const event = data.join('\n');
    data = [];
    if (event === DONE) return;
    if (event) yield event;
  }
  const last = data.join('\n'); // without the empty line
  if (last && last !== DONE) yield last;
}

/**
 * Events of values as they come, and `[DONE]`. An error is an event too, as it is described; where it is not, the stream
 * itself fails with it. Cancelling the stream ends the values.
 */
export function writeEvents(
  values: AsyncIterable<unknown>,
  describe: (error: unknown) => object | undefined,
): ReadableStream<Uint8Array> {
  const iterator = values[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const event = (data: string) => encoder.encode(`data: ${data}\n\n`);
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        controller.enqueue(event(done ? DONE : JSON.stringify(value)));
        if (done) controller.close();
      } catch (error) {
        const described = describe(error);
        if (!described) return controller.error(error);
        controller.enqueue(event(JSON.stringify(described)));
        controller.close();
      }
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
