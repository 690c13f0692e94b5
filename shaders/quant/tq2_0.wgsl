// TQ2_0: w = d * (q - 1).
fn tq2_0_chunk(p: Planes, n: u32) -> Chunk {
    let c = vec4(1.0);
    let q = array(
        vec4<f32>(twos(p, n, 0u)) - c, vec4<f32>(twos(p, n, 1u)) - c,
        vec4<f32>(twos(p, n, 2u)) - c, vec4<f32>(twos(p, n, 3u)) - c,
        vec4<f32>(twos(p, n, 4u)) - c, vec4<f32>(twos(p, n, 5u)) - c,
        vec4<f32>(twos(p, n, 6u)) - c, vec4<f32>(twos(p, n, 7u)) - c);
    return Chunk(q, vec2(half_at(p, n >> 3u)), vec2(0.0));
}
