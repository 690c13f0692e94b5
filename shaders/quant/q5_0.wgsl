// Q5_0: w = d * (q - 16).
fn q5_0_chunk(p: Planes, n: u32) -> Chunk {
    return Chunk(quants5(p, n, 16.0), vec2(half_at(p, n)), vec2(0.0));
}
