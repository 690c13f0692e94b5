// Blocks as they lie in the file -> planes (shared/weights.wgsl). One invocation a chunk of 32 weights.
// Constants: BLOCK_BYTES, CHUNKS (chunks a block), SCALE_WORDS, HAS_NARROW,
// NARROW_OFFSET, NARROW_BITS; generated: `fields` and `scales`.

struct Params {
    first_block: u32, // number of the first block in `raw` within the matrix; a multiple of 4
    blocks: u32,      // blocks in `raw`
    wide: u32,
    two: u32,
    one: u32,
    scales: u32,
    narrow: u32,
}

@group(0) @binding(0) var<storage, read> raw: array<u32>;
@group(0) @binding(1) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read_write> planes: array<u32>;

const NARROW_PER = 32u / NARROW_BITS; // blocks whose narrow scales share a word

fn word_at(byte: u32) -> u32 {
    let shift = 8u * (byte & 3u);
    let low = raw[byte >> 2u] >> shift;
    if (shift == 0u) { return low; }
    return low | (raw[(byte >> 2u) + 1u] << (32u - shift));
}

// Words that lie in the file as they do in the planes.
fn copy(byte: u32, count: u32, at: u32) {
    for (var i = 0u; i < count; i++) { planes[at + i] = word_at(byte + 4u * i); }
}

// The chunk whose first element is e0, of a field that starts at byte `field` (quant.rs, Field), its stride at least 32:
// the elements have a byte each, all at the same bit, so that a word holds four of them.
fn gather(field: u32, bits: u32, stride: u32, e0: u32, at: u32) {
    let per = 8u / bits;
    let byte = field + stride * (e0 / (stride * per)) + e0 % stride;
    let shift = bits * (e0 / stride % per);
    let mask = 0x01010101u * ((1u << bits) - 1u);
    for (var w = 0u; w < bits; w++) {
        var word = 0u;
        for (var i = 0u; i < per; i++) {
            word |= ((word_at(byte + 4u * (w + bits * i)) >> shift) & mask) << (bits * i);
        }
        planes[at + w] = word;
    }
}

// A chunk whose 32 elements are the bits of a word.
fn spread(byte: u32, at: u32) {
    let bits = word_at(byte);
    var word = 0u;
    for (var i = 0u; i < 8u; i++) {
        word |= ((((bits >> (4u * i)) & 15u) * 0x00204081u) & 0x01010101u) << i;
    }
    planes[at] = word;
}

// The narrow scale of `block` and those that share its word.
fn narrow_word(block: u32) -> u32 {
    var word = 0u;
    for (var i = 0u; i < NARROW_PER; i++) {
        if (block + i < params.blocks) {
            let byte = (block + i) * BLOCK_BYTES + NARROW_OFFSET; // even where it has 16 bits, which so lie in one word
            let scale = (raw[byte >> 2u] >> (8u * (byte & 3u))) & (0xffffffffu >> (32u - NARROW_BITS));
            word |= scale << (NARROW_BITS * i);
        }
    }
    return word;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let block = id.x / CHUNKS;
    let sub = id.x % CHUNKS;
    if (block >= params.blocks) { return; }
    let start = block * BLOCK_BYTES;
    let chunk = (params.first_block + block) * CHUNKS + sub;
    fields(start, 32u * sub, chunk);
    if (sub == 0u) {
        scales(start, params.scales + (params.first_block + block) * SCALE_WORDS);
        if (HAS_NARROW == 1u && block % NARROW_PER == 0u) {
            planes[params.narrow + (params.first_block + block) / NARROW_PER] = narrow_word(block);
        }
    }
}
