// The product (shared/product.wgsl) for at most 8 tokens, for which a tile would be nearly empty: as in matvec.wgsl eight
// invocations share two rows and each unpacks every eighth chunk of them, once for all tokens.

fn one_token(w0: array<vec4<f32>, 8>, w1: array<vec4<f32>, 8>, token: u32, c: u32) -> vec2<f32> {
    let v = chunk_of(min(token, batch_tokens() - 1u), c);
    return vec2(dot_chunk(w0, v), dot_chunk(w1, v));
}

fn two_tokens(w0: array<vec4<f32>, 8>, w1: array<vec4<f32>, 8>, token: u32, c: u32) -> vec4<f32> {
    return vec4(one_token(w0, w1, token, c), one_token(w0, w1, token + 1u, c));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let part = part_of(group.x);
    let row = 16u * (group.x - part.first_group) + 2u * (lid >> 3u);
    let lane = lid & 7u;
    let n_tokens = batch_tokens();
    var sums = array<vec4<f32>, 4>(); // of two rows each for tokens 2i and 2i + 1
    for (var c = lane; c < CHUNKS; c += 8u) {
        let w0 = weights(part, row, c);
        let w1 = weights(part, row + 1u, c);
        sums[0] += two_tokens(w0, w1, 0u, c);
        if (n_tokens > 2u) { sums[1] += two_tokens(w0, w1, 2u, c); }
        if (n_tokens > 4u) { sums[2] += two_tokens(w0, w1, 4u, c); }
        if (n_tokens > 6u) { sums[3] += two_tokens(w0, w1, 6u, c); }
    }
    var mine = vec4(0.0);
    for (var i = 0u; i < 4u; i++) {
        workgroupBarrier(); // cluster_sum may use workgroup memory
        let sum = cluster_sum(sums[i], lid);
        if (lane >> 1u == i) { mine = sum; }
    }
    let value = select(mine.xy, mine.zw, (lane & 1u) == 1u);
    store(part, row, lane, n_tokens, value.x);
    store(part, row + 1u, lane, n_tokens, value.y);
}
