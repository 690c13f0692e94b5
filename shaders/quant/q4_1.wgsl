// Q4_1: w = d * q + m.
fn q4_1_chunk(p: Planes, n: u32) -> Chunk {
    let q = fours(p, n);
    let s = words[p.scales + n];
    return Chunk(q, vec2(f16_low(s)), vec2(-f16_high(s)));
}
