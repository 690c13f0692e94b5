// IQ2_XS: w = d * (scale + 1/2) / 4 * +-grid. For every 8 weights 9 bits of index and 7 sign bits (16 words), for
// every 16 a 4-bit scale (2 words).
fn iq2_xs_chunk(p: Planes, n: u32) -> Chunk {
    let block = n >> 3u;
    let sub = n & 7u;
    let at = p.scales + 18u * block + 2u * sub;
    let w = vec2(words[at], words[at + 1u]);
    let group = vec4(w.x & 0xffffu, w.x >> 16u, w.y & 0xffffu, w.y >> 16u);
    let q = iq2_quants(p, group & vec4(511u), even_signs(group >> vec4(9u)));
    let scales = vec2(scale_byte(p, 18u * block, 64u + sub)) >> vec2(0u, 4u);
    return Chunk(q, half_at(p, block) * (vec2<f32>(scales & vec2(15u)) + 0.5) * 0.25, vec2(0.0));
}
