// Q4_0: w = d * (q - 8).
fn q4_0_chunk(p: Planes, n: u32) -> Chunk {
    let q = centred(fours(p, n), 8u);
    return Chunk(q, vec2(half_at(p, n)), vec2(0.0));
}
