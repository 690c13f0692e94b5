// IQ1_M: w = d * (2 * scale + 1) * (grid +- 1/8). Low 8 bits of an index for every 8 weights (8 words), then for each
// a nibble (4 words): three high bits, and whether it is minus; then four half words, each with a 3-bit scale for
// four times 16 weights and, on top, a nibble of d.
fn iq1_m_chunk(p: Planes, n: u32) -> Chunk {
    let sub = n & 7u;
    let at = p.scales + 14u * (n >> 3u);
    let nibble = (vec4(words[at + 8u + (sub >> 1u)]) >> (vec4(0u, 4u, 8u, 12u) + vec4(16u * (sub & 1u)))) & vec4(15u);
    let index = bytes(words[at + sub]) | ((nibble & vec4(7u)) << vec4(8u));
    let a = words[at + 12u];
    let b = words[at + 13u];
    let d = f16_bits(((a >> 12u) & 0xfu) | ((a >> 24u) & 0xf0u) | ((b >> 4u) & 0xf00u) | ((b >> 16u) & 0xf000u));
    let half_word = select(a, b, sub >= 4u) >> (16u * ((sub >> 1u) & 1u) + 6u * (sub & 1u));
    let scales = (vec2(half_word) >> vec2(0u, 3u)) & vec2(7u);
    return iq1_chunk(p, index, (nibble & vec4(8u)) != vec4(0u), d * vec2<f32>(2u * scales + 1u));
}
