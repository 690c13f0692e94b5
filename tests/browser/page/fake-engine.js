// An init script for pages of the app: workers that speak the package's protocol (web/src/protocol.ts) without a GPU, so that
// what the app does can be tested quickly, and with replies that are known. What they say is in `window.fake`, which tests
// change; what they keep is in localStorage, so that all documents of the app have the same.

(() => {
  const { localStorage } = window;
  const FILE =
    'https://huggingface.co/unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF/resolve/main/DeepSeek-R1-Distill-Qwen-1.5B-Q4_K_M.gguf';

  /** Of the small model of this site, and of all others. */
  const sizeOfFile = (url) => (/smollm2/i.test(url) ? 98_362_432 : 1.12e9);

  const fake = {
    /** What loads wait for, in milliseconds a step of the ten that are told. */
    loadStep: 10,
    /** The step at which loads stay while this is set. */
    holdAt: undefined,
    /** Milliseconds between deltas. */
    step: 10,
    /**
     * The reply to a request: deltas, in order; `{ fail: words }` ends it with an error, `{ hang: true }` never ends it, and
     * `{ finish: 'length' }` at the end says why it ended.
     */
    reply: (request) => {
      const { content: last, prefix } = request.messages.at(-1);
      if (prefix) return [{ content: ' and so on.' }];
      return [
        { reasoning_content: 'Let me think. ' },
        { reasoning_content: 'I have it.' },
        { content: `You said: ${last}` },
      ];
    },
    /** Replies that a reload cut off: [{ id, created, deltas }]. */
    unfinished: [],
    nCtx: 4096,
    adapter: 'Fake GPU',
    /** Every request, as it came. */
    requests: [],
    /** An error of each load and call, as { code, message }, while it is set; with `of`, only of calls of this name. */
    failure: undefined,
    plan: { verdict: 'fits', reason: 'it needs 1.6 of 8 GB' },
    /** What is told of a download beside its bytes, such as { phase: 'offline' }. */
    says: {},
    /** Every load, and every download's call, as it came. */
    loads: [],
    downloads: [],
    get kept() {
      return JSON.parse(localStorage.getItem('fake-kept') ?? '[]');
    },
    set kept(models) {
      localStorage.setItem('fake-kept', JSON.stringify(models));
    },
    /** A model that is kept whole, by the address that it came from. */
    model: (url = FILE, bytes = sizeOfFile(url)) => ({
      id: url.split('/').at(-1),
      url,
      bytes,
      keptBytes: bytes,
      complete: true,
      verifiedOn: Date.UTC(2026, 10, 12),
      files: [{ url, bytes, sha256: 'ab'.repeat(32) }],
    }),
  };
  window.fake = fake;

  const TUNING = { matmul: 'workgroup', invocations: 0, attention: 'many', dots: 'bytes' };
  const device = {
    adapter: 'Fake GPU',
    backend: 'webgpu',
    driver: '',
    subgroups: true,
    subgroupSizes: [32, 32],
    maxBinding: 2 ** 31 - 4,
    cpu: false,
    tuning: TUNING,
  };
  const info = (kept) => ({
    where: 'device',
    model: { name: 'Fake', architecture: 'qwen2', nLayer: 28, nVocab: 151936, nCtxTrain: 131072, bytes: 1.12e9, kept },
    nCtx: fake.nCtx,
    kv: { keys: 'f32', values: 'f16' },
    device: { ...device, adapter: fake.adapter },
    selfTest: { tier: 'full', milliseconds: 120, failures: [] },
    heapBytes: 3e7,
  });
  const tokensOf = (text) => Math.ceil(text.length / 4);
  const sizeOf = ({ messages }) => messages.reduce((sum, { content }) => sum + tokensOf(String(content)), 3);
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  const usageOf = (request, deltas) => {
    const thought = deltas.filter(({ reasoning_content }) => reasoning_content).length;
    return {
      prompt_tokens: sizeOf(request),
      completion_tokens: deltas.length,
      total_tokens: sizeOf(request) + deltas.length,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: thought },
      timings: { time_to_first_token_ms: 42, prefill_tokens_per_second: 1000, decode_tokens_per_second: 100 },
    };
  };

  class FakeWorker extends EventTarget {
    onmessage = null;
    onerror = null;
    #ended = false;
    #paused = false;
    #running = new Map();

    #say(data) {
      if (this.#ended) return;
      const event = new MessageEvent('message', { data: structuredClone(data) });
      this.dispatchEvent(event);
      this.onmessage?.(event);
    }

    terminate() {
      this.#ended = true;
    }

    postMessage(message) {
      void Promise.resolve(structuredClone(message)).then((copy) => this.#take(copy));
    }

    async #take(message) {
      switch (message.type) {
        case 'hello':
          return this.#say({ type: 'started', lock: undefined });
        case 'pause':
          this.#paused = message.paused;
          return;
        case 'load':
        case 'call':
          return this.#begin(message);
        case 'complete':
          return this.#complete(message);
        case 'abort':
          this.#running.delete(message.id);
          return this.#say({ type: 'error', id: message.id, error: { code: 'aborted', message: 'aborted' } });
        case 'answer-now':
          this.#running.get(message.id)?.answerNow();
          return;
        case 'ask':
          return this.#say({ type: 'answer', id: message.id, value: this.#answer(message.question) });
        case 'dispose':
          this.#say({ type: 'disposed' });
      }
    }

    async #begin({ type, source, call }) {
      const { of = call?.name ?? type, ...failure } = fake.failure ?? {};
      if (fake.failure && of === (call?.name ?? type)) return this.#say({ type: 'error', id: 0, error: failure });
      if (type === 'load') {
        fake.loads.push(source);
        const id = source.id ?? null;
        const known = fake.kept.some((model) => model.id === id);
        await this.#progress(known ? 'store' : 'file', 1.12e9);
        return this.#say({ type: 'loaded', info: info(known ? id : null) });
      }
      const result = await this.#call(call);
      if (result instanceof Error)
        return this.#say({ type: 'error', id: 0, error: { code: 'unsupported', message: result.message } });
      this.#say({ type: 'result', result });
    }

    async #call(call) {
      switch (call.name) {
        case 'list':
          return fake.kept;
        case 'delete':
          fake.kept = fake.kept.filter(({ id }) => id !== call.id);
          return undefined;
        case 'export':
          return [[new Blob(['GGUF']), `https://example.org/${call.id}`]];
        case 'plan':
          return this.#plan(call);
        case 'download':
          return this.#download(call);
      }
    }

    /** As of a Qwen2 model: 7,168 keys and as many values of each position, and no keys of 8 bits. */
    #plan({ options }) {
      const nCtx = options.nCtx ?? 8192;
      const { kv = { keys: 'f32', values: 'f16' } } = options;
      const { keys, values } = typeof kv === 'string' ? { keys: kv, values: kv } : kv;
      if (keys === 'q8_0') return new Error('kv: q8_0 keys are not supported');
      const bytes = { f32: 4, f16: 2, q8_0: 1.125 };
      const kv_cache = nCtx * 7168 * (bytes[keys] + bytes[values]);
      const memory = {
        n_ctx: nCtx,
        weights: 1.12e9,
        kv: { keys, values },
        kv_cache,
        activations: 5e7,
        total: 1.17e9 + kv_cache,
      };
      const model = { name: 'Fake', architecture: 'qwen2', nCtxTrain: 131072, bytes: 1.12e9 };
      return { largestCtx: 131072, memory, model, device, kept: 0, free: 2e10, ...fake.plan };
    }

    async #download(call) {
      fake.downloads.push(call);
      const { source } = call;
      const given =
        typeof source === 'string' ? source : (source.parts?.[0].url ?? source.id ?? `file:${source[0]?.name}`);
      const before = fake.kept.find(({ id, url }) => id === given || url === given);
      const model = before ?? fake.model(given);
      const keep = (change) => {
        fake.kept = [...fake.kept.filter(({ id }) => id !== model.id), { ...model, ...change }];
      };
      const note = (loaded) => !before?.complete && keep({ keptBytes: loaded, complete: false, verifiedOn: null });
      const from = before?.complete ? 'store' : given.startsWith('file:') ? 'file' : 'network';
      await this.#progress(from, model.bytes, before?.complete ? 0 : (before?.keptBytes ?? 0), note);
      if (this.#ended) return undefined;
      keep({ keptBytes: model.bytes, complete: true, verifiedOn: Date.now() });
      return fake.kept.at(-1);
    }

    /** Ten steps of a load from `first` bytes on, and what comes after the bytes. */
    async #progress(source, total, first = 0, note = () => {}) {
      for (let step = 0; step <= 10 && !this.#ended;) {
        await pause(fake.loadStep);
        const loaded = first + ((total - first) * step) / 10;
        note(loaded);
        const seconds = { bytesPerSecond: total / 10, secondsLeft: 10 - step };
        const phase = this.#paused ? 'paused' : 'download';
        const told = { phase, loaded, total, ...seconds, retries: 0, source, room: null, ...fake.says };
        this.#say({ type: 'progress', progress: told });
        if (!this.#paused && !fake.says.phase && step !== fake.holdAt) step++;
      }
      this.#say({ type: 'progress', progress: { phase: 'prepare', loaded: total, total } });
      await pause(fake.loadStep);
      this.#say({ type: 'progress', progress: { phase: 'ready', loaded: total, total } });
    }

    #answer(question) {
      switch (question.name) {
        case 'tokenize':
          // a model that thinks has a token that ends its thoughts
          return new Uint32Array(question.special && question.text === '</think>' ? 1 : tokensOf(question.text));
        case 'detokenize':
          return '';
        case 'prompt':
          return { text: JSON.stringify(question.request.messages), tokens: sizeOf(question.request) };
        case 'unfinished':
          return fake.unfinished.map(({ id, created }) => ({ id, created }));
        case 'journal': {
          const request = { messages: [], resumed: question.id };
          return { chat: true, request, entropy: 1, now: '2026-11-28T12:00:00', tokens: [], heard: false };
        }
      }
    }

    async #complete({ id, request }) {
      fake.requests.push(request);
      const resumed = fake.unfinished.find((reply) => reply.id === request.resumed);
      const deltas = resumed?.deltas ?? fake.reply(request);
      const told = [];
      let answerNow = false;
      const run = { answerNow: () => (answerNow = true) };
      this.#running.set(id, run);
      for (const delta of deltas) {
        await pause(fake.step);
        while (delta.hang && this.#running.get(id) === run && !answerNow) await pause(20);
        if (this.#running.get(id) !== run || this.#ended) return;
        if (delta.fail) return this.#say({ type: 'error', id, error: { code: 'out_of_memory', message: delta.fail } });
        if (delta.hang || (answerNow && delta.reasoning_content)) continue;
        told.push(delta);
        this.#say({ type: 'delta', id, delta: { ...delta, tokens: [1] } });
      }
      this.#running.delete(id);
      const text = (field) => told.map((delta) => delta[field] ?? '').join('');
      const reply = {
        finish_reason: deltas.at(-1)?.finish ?? 'stop',
        reasoning_finish_reason: answerNow ? 'answer_now' : text('reasoning_content') ? 'stop' : null,
        content: text('content'),
        reasoning_content: text('reasoning_content'),
        logprobs: null,
        usage: usageOf(request, told),
      };
      this.#say({ type: 'done', id, reply, heapBytes: 3e7 });
    }
  }

  window.Worker = FakeWorker;

  // of an empty store the package would ask no worker what it keeps
  const handles = window.FileSystemDirectoryHandle?.prototype; // which about:blank has not
  const find = handles?.getDirectoryHandle;
  if (handles)
    handles.getDirectoryHandle = function (name, options) {
      return find.call(this, name, name === 'minke' ? { create: true } : options);
    };
})();
