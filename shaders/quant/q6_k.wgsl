// Q6_K: w = d * scale * (q - 32), a signed 8-bit scale for every 16 weights.
fn q6_k_quants(p: Planes, n: u32, v: vec4<u32>, j: u32) -> vec4<f32> {
    return vec4<f32>(nibbles(v, j) | (twos(p, n, j) << vec4(4u))) - vec4(32.0);
}

fn q6_k_chunk(p: Planes, n: u32) -> Chunk {
    let v = wide[p.wide + n];
    let pair = words[p.scales + (n >> 1u)] >> (16u * (n & 1u)); // scale bytes 2n and 2n + 1
    let scales = vec2<f32>(bitcast<vec2<i32>>(vec2(pair) << vec2(24u, 16u)) >> vec2(24u));
    let q = array(
        q6_k_quants(p, n, v, 0u), q6_k_quants(p, n, v, 1u), q6_k_quants(p, n, v, 2u), q6_k_quants(p, n, v, 3u),
        q6_k_quants(p, n, v, 4u), q6_k_quants(p, n, v, 5u), q6_k_quants(p, n, v, 6u), q6_k_quants(p, n, v, 7u));
    return Chunk(q, half_at(p, n >> 3u) * scales, vec2(0.0));
}
