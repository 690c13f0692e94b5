// Q2_K: w = d * scale * q - dmin * minimum, a 4-bit scale and minimum for every 16 weights.
fn q2_k_chunk(p: Planes, n: u32) -> Chunk {
    let block = n >> 3u;
    let sub = 2u * (n & 7u);
    let s = vec2(scale_byte(p, 5u * block, sub), scale_byte(p, 5u * block, sub + 1u));
    let d = words[p.scales + 5u * block + 4u];
    let q = array(
        vec4<f32>(twos(p, n, 0u)), vec4<f32>(twos(p, n, 1u)), vec4<f32>(twos(p, n, 2u)), vec4<f32>(twos(p, n, 3u)),
        vec4<f32>(twos(p, n, 4u)), vec4<f32>(twos(p, n, 5u)), vec4<f32>(twos(p, n, 6u)), vec4<f32>(twos(p, n, 7u)));
    return Chunk(q, f16_low(d) * vec2<f32>(s & vec2(15u)), f16_high(d) * vec2<f32>(s >> vec2(4u)));
}
