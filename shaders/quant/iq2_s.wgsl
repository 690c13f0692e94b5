// IQ2_S: w = d * (scale + 1/2) / 4 * +-grid. Low 8 bits of the indices (8 words), a sign bit for every weight (8
// words), two high bits of each index (2 words), a 4-bit scale for every 16 weights (2 words).
fn iq2_s_chunk(p: Planes, n: u32) -> Chunk {
    let block = n >> 3u;
    let sub = n & 7u;
    let at = p.scales + 20u * block + sub;
    let high = (vec4(scale_byte(p, 20u * block, 64u + sub)) >> vec4(0u, 2u, 4u, 6u)) & vec4(3u);
    let q = iq2_quants(p, bytes(words[at]) | (high << vec4(8u)), words[at + 8u]);
    let scales = vec2(scale_byte(p, 20u * block, 72u + sub)) >> vec2(0u, 4u);
    return Chunk(q, half_at(p, block) * (vec2<f32>(scales & vec2(15u)) + 0.5) * 0.25, vec2(0.0));
}
