// The product (shared/product.wgsl) without workgroup memory, for devices where a load costs much more than arithmetic, as
// on a CPU: each invocation unpacks a chunk of eight rows, and multiplies it by the chunk of each of 64 tokens, which all
// invocations read together.

const LANES = 16u; // rows r, r + LANES, ... are one invocation's
const TOKENS = 64u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let part = part_of(group.x);
    let row = 8u * LANES * (group.x - part.first_group) + lid;
    let token0 = TOKENS * group.y;
    let n_tokens = batch_tokens();
    let count = min(TOKENS, n_tokens - token0);
    var low: array<vec4<f32>, TOKENS>; // sums of the first four rows
    var high: array<vec4<f32>, TOKENS>;
    for (var c = 0u; c < CHUNKS; c++) {
        let w0 = weights(part, row, c);
        let w1 = weights(part, row + LANES, c);
        let w2 = weights(part, row + 2u * LANES, c);
        let w3 = weights(part, row + 3u * LANES, c);
        let w4 = weights(part, row + 4u * LANES, c);
        let w5 = weights(part, row + 5u * LANES, c);
        let w6 = weights(part, row + 6u * LANES, c);
        let w7 = weights(part, row + 7u * LANES, c);
        for (var t = 0u; t < count; t++) {
            let v = chunk_of(token0 + t, c);
            low[t] += vec4(dot_chunk(w0, v), dot_chunk(w1, v), dot_chunk(w2, v), dot_chunk(w3, v));
            high[t] += vec4(dot_chunk(w4, v), dot_chunk(w5, v), dot_chunk(w6, v), dot_chunk(w7, v));
        }
    }
    for (var t = 0u; t < count; t++) {
        for (var i = 0u; i < 4u; i++) {
            store(part, row + i * LANES, token0 + t, n_tokens, low[t][i]);
            store(part, row + (4u + i) * LANES, token0 + t, n_tokens, high[t][i]);
        }
    }
}
