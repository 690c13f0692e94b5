// Counts the WebGPU calls of a page and of all its workers, Minke's and peers' alike. An init script of the page:
// there, `await webgpuCalls()` gives the counts so far.

(function count() {
  const counts = {
    dispatches: 0,
    passes: 0,
    submits: 0,
    bufferWrites: 0,
    bytesWritten: 0,
    bindGroups: 0,
    buffers: 0,
    maps: 0,
    bytesMapped: 0,
    encodingMs: 0, // of the host, from the begin of a submit's first pass to the submit
  };
  let began;

  const before = (type, name, note) => {
    const method = type.prototype[name];
    type.prototype[name] = function (...given) {
      note(this, ...given);
      return method.apply(this, given);
    };
  };
  before(GPUComputePassEncoder, 'dispatchWorkgroups', () => counts.dispatches++);
  before(GPUComputePassEncoder, 'dispatchWorkgroupsIndirect', () => counts.dispatches++);
  before(GPUCommandEncoder, 'beginComputePass', () => {
    counts.passes++;
    began ??= performance.now();
  });
  before(GPUDevice, 'createBindGroup', () => counts.bindGroups++);
  before(GPUDevice, 'createBuffer', () => counts.buffers++);
  before(GPUQueue, 'writeBuffer', (_queue, _buffer, _at, data, offset = 0, size = undefined) => {
    const element = data.BYTES_PER_ELEMENT ?? 1; // offset and size are in elements
    counts.bufferWrites++;
    counts.bytesWritten += size === undefined ? data.byteLength - offset * element : size * element;
  });
  before(GPUQueue, 'submit', () => {
    counts.submits++;
    if (began !== undefined) counts.encodingMs += performance.now() - began;
    began = undefined;
    tell();
  });
  before(GPUBuffer, 'mapAsync', (buffer, _mode, offset = 0, size = buffer.size - offset) => {
    counts.maps++;
    counts.bytesMapped += size;
    tell();
  });

  // A worker may be ended before anyone asks, so it tells after each call that ends a piece of work.
  const channel = new BroadcastChannel('webgpu-calls');
  const isPage = 'document' in globalThis;
  const realm = crypto.randomUUID();
  const tell = () => isPage || channel.postMessage({ realm, counts });

  if (isPage) {
    const realms = new Map([[realm, counts]]);
    channel.onmessage = ({ data }) => realms.set(data.realm, data.counts);
    globalThis.webgpuCalls = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300)); // the channel is slower than a worker's own messages
      const sum = (name) => [...realms.values()].reduce((total, each) => total + each[name], 0);
      return Object.fromEntries(Object.keys(counts).map((name) => [name, sum(name)]));
    };
  }

  // The script is imported as it is, but `self.location` is the blob's.
  globalThis.Worker = class extends Worker {
    constructor(url, options) {
      const script = JSON.stringify(new URL(url, location.href).href);
      const load = options?.type === 'module' ? `import ${script};` : `importScripts(${script});`;
      const source = new Blob([`(${count})();\n${load}`], { type: 'text/javascript' });
      super(URL.createObjectURL(source), options);
    }
  };
})();
