// IQ1_S: w = d * (2 * scale + 1) * (grid +- 1/8). Low 8 bits of an index for every 8 weights (8 words), then for
// every 32 a half word (4 words): three high bits of each index, a 3-bit scale, and whether it is minus.
fn iq1_s_chunk(p: Planes, n: u32) -> Chunk {
    let block = n >> 3u;
    let sub = n & 7u;
    let at = p.scales + 12u * block;
    let w = words[at + 8u + (sub >> 1u)] >> (16u * (sub & 1u));
    let high = (vec4(w) >> vec4(0u, 3u, 6u, 9u)) & vec4(7u);
    let index = bytes(words[at + sub]) | (high << vec4(8u));
    let d = half_at(p, block) * f32(2u * ((w >> 12u) & 7u) + 1u);
    return iq1_chunk(p, index, vec4((w & 0x8000u) != 0u), vec2(d));
}
