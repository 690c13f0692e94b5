// Q6_K: w = d * scale * (q - 32), a signed 8-bit scale for every 16 weights.
fn q6_k_chunk(p: Planes, n: u32) -> Chunk {
    let q = centred(stacked(fours(p, n), twos(p, n), 4u), 32u);
    let pair = words[p.scales + (n >> 1u)] >> (16u * (n & 1u)); // scale bytes 2n and 2n + 1
    let scales = vec2<f32>(bitcast<vec2<i32>>(vec2(pair) << vec2(24u, 16u)) >> vec2(24u));
    return Chunk(q, half_at(p, n >> 3u) * scales, vec2(0.0));
}
