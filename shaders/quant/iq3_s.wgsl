// IQ3_S: w = d * (2 * scale + 1) * +-grid. Low 8 bits of an index for every 4 weights (16 words), its high bit (2
// words), a sign bit for every weight (8 words), a 4-bit scale for every 32 (1 word).
fn iq3_s_chunk(p: Planes, n: u32) -> Chunk {
    let block = n >> 3u;
    let sub = n & 7u;
    let at = p.scales + 27u * block;
    let s = words[at + 18u + sub];
    // bit j to bit 8 of index j
    let high = vec4(scale_byte(p, 27u * block, 64u + sub)) << vec4(8u, 7u, 6u, 5u);
    let a = grid_at(p, bytes(words[at + 2u * sub]) | (high & vec4(256u)));
    let b = grid_at(p, bytes(words[at + 2u * sub + 1u]) | ((high >> vec4(4u)) & vec4(256u)));
    let q = all_signed(2u * grid_nibbles(a) + vec4(0x01010101u), 2u * grid_nibbles(b) + vec4(0x01010101u), s);
    let scale = (words[at + 26u] >> (4u * sub)) & 15u;
    return Chunk(q, vec2(half_at(p, block) * f32(2u * scale + 1u)), vec2(0.0));
}
