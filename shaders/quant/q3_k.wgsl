// Q3_K: w = d * (scale - 32) * (q - 4), a 6-bit scale for every 16 weights.
fn q3_k_scale(p: Planes, block: u32, i: u32) -> f32 {
    let low = (scale_byte(p, 3u * block, i & 7u) >> (4u * (i >> 3u))) & 15u;
    let high = (scale_byte(p, 3u * block, 8u + (i & 3u)) >> (2u * (i >> 2u))) & 3u;
    return f32(low | (high << 4u)) - 32.0;
}

fn q3_k_chunk(p: Planes, n: u32) -> Chunk {
    let q = centred(stacked(twos(p, n), ones(p, n), 2u), 4u);
    let block = n >> 3u;
    let sub = 2u * (n & 7u);
    let scales = vec2(q3_k_scale(p, block, sub), q3_k_scale(p, block, sub + 1u));
    return Chunk(q, half_at(p, block) * scales, vec2(0.0));
}
