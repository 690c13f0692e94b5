// The product (shared/product.wgsl) without workgroup memory, for devices where a load costs much more than arithmetic, as
// on a CPU: each invocation unpacks a chunk of eight rows, and multiplies it by the chunk of each of 16 tokens, which all
// invocations read together. With 64 tokens a prompt is 8 % faster on lavapipe, which then compiles twice as long.

const LANES = 16u; // rows r, r + LANES, ... are one invocation's
const TOKENS = 16u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let part = part_of(group.x);
    let row = 8u * LANES * (group.x - part.first_group) + lid;
    let token0 = TOKENS * group.y;
    let n_tokens = batch_tokens();
    let count = min(TOKENS, n_tokens - token0);
    let rows = min(8u, (max(part.rows, row) - row + LANES - 1u) / LANES);
    var low: array<vec4<f32>, TOKENS>; // sums of the first four rows
    var high: array<vec4<f32>, TOKENS>;
    var w: array<array<vec4<f32>, 8>, 8>;
    for (var c = 0u; c < CHUNKS; c++) {
        // a compiler copies `weights` to each place that calls it: a loop that it cannot unroll has one
        for (var i = rows; i > 0u; i--) { w[i - 1u] = weights(part, row + (i - 1u) * LANES, c); }
        for (var t = 0u; t < count; t++) {
            let v = chunk_of(token0 + t, c);
            low[t] += vec4(dot_chunk(w[0], v), dot_chunk(w[1], v), dot_chunk(w[2], v), dot_chunk(w[3], v));
            high[t] += vec4(dot_chunk(w[4], v), dot_chunk(w[5], v), dot_chunk(w[6], v), dot_chunk(w[7], v));
        }
    }
    for (var t = 0u; t < count; t++) {
        for (var i = 0u; i < rows; i++) {
            let sums = select(low[t], high[t], i > 3u);
            store(part, row + i * LANES, token0 + t, n_tokens, sums[i & 3u]);
        }
    }
}
