// Q5_1: w = d * q + m.
fn q5_1_chunk(p: Planes, n: u32) -> Chunk {
    let q = stacked(fours(p, n), ones(p, n), 4u);
    let s = words[p.scales + n];
    return Chunk(q, vec2(f16_low(s)), vec2(-f16_high(s)));
}
