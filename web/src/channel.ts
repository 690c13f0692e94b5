/** What comes from elsewhere, kept until it is read; read once. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #ready: T[] = [];
  #ended: { error?: unknown } | undefined;
  #wake = () => {};

  /** @param leave Called when the reader breaks out before the end. */
  constructor(private readonly leave: () => void) {}

  push(...items: T[]): void {
    this.#ready.push(...items);
    this.#wake();
  }

  end(ended: { error?: unknown } = {}): void {
    this.#ended ??= ended;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const next = this.#ready.shift();
        if (next !== undefined) {
          yield next;
        } else if (this.#ended) {
          if ('error' in this.#ended) throw this.#ended.error;
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      if (!this.#ended) this.leave();
    }
  }
}
