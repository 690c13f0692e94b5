// `node scripts/to-qwen2.mjs LLAMA.gguf QWEN2.gguf`: the same model as a qwen2 one, so that a model that really
// speaks goes through qwen2's path (NEOX pairs, QKV bias) and must say the same.
//
// llama files hold the rows of Q and K permuted for neighbouring RoPE pairs (2i, 2i + 1); qwen2 wants pairs
// (i, i + head_dim / 2): row j * head_dim / 2 + i of a head comes from row 2i + j. Biases are zero.

import { readFileSync, writeFileSync } from 'node:fs';
import { F32, parse, string, write } from './gguf.mjs';

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
