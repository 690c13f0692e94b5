// The product (shared/product.wgsl) for at most 8 tokens, for which a tile would be nearly empty: as in matvec.wgsl eight
// invocations share a row and each unpacks every eighth chunk, once for all tokens.

fn four_tokens(w: array<vec4<f32>, 8>, first: u32, last: u32, c: u32) -> vec4<f32> {
    return vec4(
        dot_chunk(w, chunk_of(min(first, last), c)), dot_chunk(w, chunk_of(min(first + 1u, last), c)),
        dot_chunk(w, chunk_of(min(first + 2u, last), c)), dot_chunk(w, chunk_of(min(first + 3u, last), c)));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let part = part_of(group.x);
    let row = 8u * (group.x - part.first_group) + (lid >> 3u);
    let lane = lid & 7u;
    let n_tokens = batch_tokens();
    var low = vec4(0.0); // sums of the first four tokens
    var high = vec4(0.0);
    for (var c = lane; c < CHUNKS; c += 8u) {
        let w = weights(part, row, c);
        low += four_tokens(w, 0u, n_tokens - 1u, c);
        if (n_tokens > 4u) { high += four_tokens(w, 4u, n_tokens - 1u, c); }
    }
    low = cluster_sum(low, lid);
    workgroupBarrier(); // cluster_sum may use workgroup memory
    high = cluster_sum(high, lid);
    store(part, row, lane, n_tokens, select(low, high, lane > 3u)[lane & 3u]);
}
