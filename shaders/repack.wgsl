// Blocks as they lie in the file -> planes (shared/weights.wgsl). One invocation a chunk of 32 weights.
// Constants: BLOCK_BYTES, CHUNKS (chunks a block), SCALE_WORDS, HAS_LONE,
// LONE_OFFSET, LONE_BITS; generated: `fields` and `scales`.

struct Params {
    first_block: u32, // number of the first block in `raw` within the matrix; a multiple of 4
    blocks: u32,      // blocks in `raw`
    wide: u32,
    two: u32,
    one: u32,
    scales: u32,
    lone: u32,
}

@group(0) @binding(0) var<storage, read> raw: array<u32>;
@group(0) @binding(1) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read_write> planes: array<u32>;

const LONE_PER = 32u / LONE_BITS; // blocks whose lone scales share a word

fn word_at(byte: u32) -> u32 {
    let shift = 8u * (byte & 3u);
    let low = raw[byte >> 2u] >> shift;
    if (shift == 0u) { return low; }
    return low | (raw[(byte >> 2u) + 1u] << (32u - shift));
}

// `bits` bits of element e of a field that starts at byte `field` (quant.rs, Field).
fn element(field: u32, bits: u32, stride: u32, e: u32) -> u32 {
    if (bits == 32u) { return word_at(field + 4u * e); }
    if (bits == 16u) { return word_at(field + 2u * e) & 0xffffu; }
    let per = 8u / bits;
    let byte = field + stride * (e / (stride * per)) + e % stride;
    let shift = bits * (e / stride % per);
    return (word_at(byte) >> shift) & ((1u << bits) - 1u);
}

// One field of the chunk whose first element is e0, to the words of its plane from `at` on.
fn pack(field: u32, bits: u32, stride: u32, e0: u32, at: u32) {
    let per = 32u / bits;
    for (var w = 0u; w < bits; w++) {
        var word = 0u;
        for (var i = 0u; i < per; i++) {
            // the 4-bit plane pairs elements e and e + 16 in a byte
            let e = select(per * w + i, 4u * w + (i & 3u) + 16u * (i >> 2u), bits == 4u);
            let shift = select(bits * i, 8u * (i & 3u) + 4u * (i >> 2u), bits == 4u);
            word |= element(field, bits, stride, e0 + e) << shift;
        }
        planes[at + w] = word;
    }
}

// The lone scale of `block` and those that share its word.
fn lone_word(block: u32) -> u32 {
    var word = 0u;
    for (var i = 0u; i < LONE_PER; i++) {
        if (block + i < params.blocks) {
            let scale = word_at((block + i) * BLOCK_BYTES + LONE_OFFSET) & (0xffffffffu >> (32u - LONE_BITS));
            word |= scale << (LONE_BITS * i);
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
        if (HAS_LONE == 1u && block % LONE_PER == 0u) {
            planes[params.lone + (params.first_block + block) / LONE_PER] = lone_word(block);
        }
    }
}
