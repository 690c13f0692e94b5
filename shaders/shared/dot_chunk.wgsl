// A row's chunk of 32 weights as vectors, and its product with as many values.

@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>; // [tokens][cols]

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

// The chunk of a token.
fn chunk_of(token: u32, c: u32) -> array<vec4<f32>, 8> {
    let at = 8u * (token * CHUNKS + c);
    return array(x[at], x[at + 1u], x[at + 2u], x[at + 3u], x[at + 4u], x[at + 5u], x[at + 6u], x[at + 7u]);
}
