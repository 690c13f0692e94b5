// The product (shared/product.wgsl) without workgroup memory, for devices where a load costs much more than arithmetic, as
// on a CPU: each invocation unpacks a chunk of eight rows, and multiplies it by the chunk of each of 64 tokens, which all
// invocations read together.

const LANES = 16u; // rows r, r + LANES, ... are one invocation's
const TOKENS = 64u;

fn weights(part: Part, row: u32, c: u32) -> array<vec4<f32>, 8> {
    let w = unpack(part.index, min(row, part.rows - 1u), c);
    return array(
        w.d.x * w.q[0] - vec4(w.m.x), w.d.x * w.q[1] - vec4(w.m.x),
        w.d.x * w.q[2] - vec4(w.m.x), w.d.x * w.q[3] - vec4(w.m.x),
        w.d.y * w.q[4] - vec4(w.m.y), w.d.y * w.q[5] - vec4(w.m.y),
        w.d.y * w.q[6] - vec4(w.m.y), w.d.y * w.q[7] - vec4(w.m.y));
}

fn dot_chunk(w: array<vec4<f32>, 8>, v: array<vec4<f32>, 8>) -> f32 {
    return dot(w[0], v[0]) + dot(w[1], v[1]) + dot(w[2], v[2]) + dot(w[3], v[3])
        + dot(w[4], v[4]) + dot(w[5], v[5]) + dot(w[6], v[6]) + dot(w[7], v[7]);
}

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
            let at = 8u * ((token0 + t) * CHUNKS + c);
            let v = array(x[at], x[at + 1u], x[at + 2u], x[at + 3u], x[at + 4u], x[at + 5u], x[at + 6u], x[at + 7u]);
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
