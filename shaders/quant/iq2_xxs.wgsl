// IQ2_XXS: w = d * (scale + 1/2) / 4 * +-grid. For every 32 weights a word of 8-bit indices, and a word of four
// times 7 sign bits and a 4-bit scale.
fn iq2_xxs_chunk(p: Planes, n: u32) -> Chunk {
    let w = words[p.scales + 2u * n + 1u];
    let q = iq2_quants(p, bytes(words[p.scales + 2u * n]), even_signs(sevens(w)));
    return Chunk(q, vec2(half_at(p, n >> 3u) * (f32(w >> 28u) + 0.5) * 0.25), vec2(0.0));
}
