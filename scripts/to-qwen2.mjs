// `node scripts/to-qwen2.mjs LLAMA.gguf QWEN2.gguf`: the same model as a qwen2 one, so that a model that really
// speaks goes through qwen2's path (NEOX pairs, QKV bias) and must say the same.
//
// llama files hold the rows of Q and K permuted for neighbouring RoPE pairs (2i, 2i + 1); qwen2 wants pairs
// (i, i + head_dim / 2): row j * head_dim / 2 + i of a head comes from row 2i + j. Biases are zero.

import { readFileSync, writeFileSync } from 'node:fs';

const SCALAR_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const STRING = 8;
const ARRAY = 9;
const F32 = 0;

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

function parse(bytes) {
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
const string = (text) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);

function write({ entries, tensors }) {
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

/** Rows of each head from neighbouring to half-way pairs. */
function unpermute({ shape, data }, nHead) {
  const rows = shape[1];
  const rowBytes = Math.floor(data.length / rows); // padding is less than a byte a row
  const headDim = rows / nHead;
  const source = (row) => {
    const inHead = row % headDim;
    const [j, i] = [Math.floor(inHead / (headDim / 2)), inHead % (headDim / 2)];
    return row - inHead + 2 * i + j;
  };
  return Buffer.concat(
    Array.from({ length: rows }, (_, row) => data.subarray(source(row) * rowBytes, (source(row) + 1) * rowBytes)),
  );
}

function toQwen2({ entries, tensors }) {
  const number = (key) => entries.find((entry) => entry.key === key).value.readUInt32LE();
  const heads = { attn_q: number('llama.attention.head_count'), attn_k: number('llama.attention.head_count_kv') };
  const renamed = entries.map((entry) =>
    entry.key === 'general.architecture'
      ? { ...entry, value: string('qwen2') }
      : { ...entry, key: entry.key.replace(/^llama\./, 'qwen2.') },
  );
  const changed = tensors.flatMap((tensor) => {
    const [, stem, part] = /^(blk\.\d+\.(attn_[qkv]))\.weight$/.exec(tensor.name) ?? [];
    if (!part) return [tensor];
    const bias = { name: `${stem}.bias`, shape: [tensor.shape[1]], type: F32, data: Buffer.alloc(4 * tensor.shape[1]) };
    return [part in heads ? { ...tensor, data: unpermute(tensor, heads[part]) } : tensor, bias];
  });
  return { entries: renamed, tensors: changed };
}

const [input, output] = process.argv.slice(2);
if (!input || !output) {
  console.error('usage: node scripts/to-qwen2.mjs LLAMA.gguf QWEN2.gguf');
  process.exit(2);
}
writeFileSync(output, write(toQwen2(parse(readFileSync(input)))));
