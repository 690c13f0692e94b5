// Q5_1: w = d * q + m.
fn q5_1_chunk(p: Planes, n: u32) -> Chunk {
    let s = words[p.scales + n];
    return Chunk(quants5(p, n, 0.0), vec2(f16_low(s)), vec2(-f16_high(s)));
}
