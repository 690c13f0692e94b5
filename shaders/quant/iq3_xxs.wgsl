// IQ3_XXS: w = d * (scale + 1/2) / 2 * +-grid. An 8-bit index for every 4 weights (16 words), then for every 32 a
// word of four times 7 sign bits and a 4-bit scale.
fn iq3_xxs_vector(entry: u32, signs: u32, j: u32) -> vec4<f32> {
    let q = grid_nibbles(entry); // stand for 4, 12, 20, 28, 36, 44, 52 and 62
    return with_signs(vec4<f32>(vec4(4u) + 8u * q + 2u * (q / vec4(7u))), signs, j);
}

fn iq3_xxs_chunk(p: Planes, n: u32) -> Chunk {
    let block = n >> 3u;
    let sub = n & 7u;
    let at = p.scales + 24u * block;
    let w = words[at + 16u + sub];
    let s = even_signs(sevens(w));
    let a = grid_at(p, bytes(words[at + 2u * sub]));
    let b = grid_at(p, bytes(words[at + 2u * sub + 1u]));
    let q = array(
        iq3_xxs_vector(a.x, s, 0u), iq3_xxs_vector(a.y, s, 1u), iq3_xxs_vector(a.z, s, 2u), iq3_xxs_vector(a.w, s, 3u),
        iq3_xxs_vector(b.x, s, 4u), iq3_xxs_vector(b.y, s, 5u), iq3_xxs_vector(b.z, s, 6u), iq3_xxs_vector(b.w, s, 7u));
    return Chunk(q, vec2(half_at(p, block) * (f32(w >> 28u) + 0.5) * 0.5), vec2(0.0));
}
