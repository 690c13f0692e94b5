// Reads and writes GGUF files, to make models out of others.

const SCALAR_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const STRING = 8;
const ARRAY = 9;
export const F32 = 0;

/** Reads the header; values stay as the bytes they are. */
class Reader {
  at = 0;

  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u32() {
    return this.view.getUint32((this.at += 4) - 4, true);
  }

  u64() {
    return Number(this.view.getBigUint64((this.at += 8) - 8, true));
  }

  string() {
    const length = this.u64();
    return this.bytes.toString('utf8', this.at, (this.at += length));
  }

  skip(type) {
    if (type === STRING) this.string();
    else if (type === ARRAY) {
      const element = this.u32();
      for (let n = this.u64(); n > 0; n--) this.skip(element);
    } else this.at += SCALAR_BYTES[type];
  }

  value(type) {
    const start = this.at;
    this.skip(type);
    return this.bytes.subarray(start, this.at);
  }
}

/** A file's metadata, values as bytes, and its tensors, as far as they are there. */
export function parse(bytes) {
  const reader = new Reader(bytes);
  if (bytes.toString('latin1', 0, 4) !== 'GGUF') throw new Error('not a GGUF file');
  reader.at = 8;
  const [nTensors, nEntries] = [reader.u64(), reader.u64()];
  const entries = Array.from({ length: nEntries }, () => {
    const key = reader.string();
    const type = reader.u32();
    return { key, type, value: reader.value(type) };
  });
  const tensors = Array.from({ length: nTensors }, () => {
    const name = reader.string();
    const shape = Array.from({ length: reader.u32() }, () => reader.u64());
    return { name, shape, type: reader.u32(), offset: reader.u64() };
  });
  const dataStart = align(reader.at);
  const ordered = [...tensors].sort((a, b) => a.offset - b.offset);
  ordered.forEach((tensor, i) => {
    const end = ordered[i + 1]?.offset ?? bytes.length - dataStart;
    tensor.data = bytes.subarray(dataStart + tensor.offset, dataStart + end);
  });
  return { entries, tensors };
}

const ALIGNMENT = 32;
const align = (n) => Math.ceil(n / ALIGNMENT) * ALIGNMENT;
const padded = (data) => Buffer.concat([data, Buffer.alloc(align(data.length) - data.length)]);

const u32 = (n) => Buffer.from(Uint32Array.of(n).buffer);
const u64 = (n) => Buffer.from(BigUint64Array.of(BigInt(n)).buffer);
export const string = (text) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);

/** The file that `parse` reads so. */
export function write({ entries, tensors }) {
  let offset = 0;
  const infos = tensors.map(({ name, shape, type, data }) => {
    const info = [string(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)];
    offset += align(data.length);
    return Buffer.concat(info);
  });
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(entries.length),
    ...entries.flatMap(({ key, type, value }) => [string(key), u32(type), value]),
    ...infos,
  ]);
  return Buffer.concat([padded(header), ...tensors.map(({ data }) => padded(data))]);
}
