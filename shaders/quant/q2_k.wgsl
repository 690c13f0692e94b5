// Q2_K: w = d * scale * q - dmin * minimum, a 4-bit scale and minimum for every 16 weights.
fn q2_k_chunk(p: Planes, n: u32) -> Chunk {
    let q = twos(p, n);
    let block = n >> 3u;
    let sub = 2u * (n & 7u);
    let s = vec2(scale_byte(p, 5u * block, sub), scale_byte(p, 5u * block, sub + 1u));
    let d = words[p.scales + 5u * block + 4u];
    return Chunk(q, f16_low(d) * vec2<f32>(s & vec2(15u)), f16_high(d) * vec2<f32>(s >> vec2(4u)));
}
