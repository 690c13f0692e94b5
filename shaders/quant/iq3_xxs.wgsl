// IQ3_XXS: w = d * (scale + 1/2) / 2 * +-grid. An 8-bit index for every 4 weights (16 words), then for every 32 a
// word of four times 7 sign bits and a 4-bit scale.

// Values 0 to 7 stand for 4, 12, 20, 28, 36, 44, 52 and 62.
fn iq3_xxs_values(v: vec4<u32>) -> vec4<u32> {
    let seven = v & (v >> vec4(1u)) & (v >> vec4(2u)) & vec4(0x01010101u);
    return vec4(0x04040404u) + 8u * v + 2u * seven;
}

fn iq3_xxs_chunk(p: Planes, n: u32) -> Chunk {
    let block = n >> 3u;
    let sub = n & 7u;
    let at = p.scales + 24u * block;
    let w = words[at + 16u + sub];
    let s = even_signs(sevens(w));
    let a = grid_at(p, bytes(words[at + 2u * sub]));
    let b = grid_at(p, bytes(words[at + 2u * sub + 1u]));
    let q = all_signed(iq3_xxs_values(grid_nibbles(a)), iq3_xxs_values(grid_nibbles(b)), s);
    return Chunk(q, vec2(half_at(p, block) * (f32(w >> 28u) + 0.5) * 0.5), vec2(0.0));
}
