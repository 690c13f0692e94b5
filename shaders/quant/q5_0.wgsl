// Q5_0: w = d * (q - 16).
fn q5_0_chunk(p: Planes, n: u32) -> Chunk {
    let q = centred(stacked(fours(p, n), ones(p, n), 4u), 16u);
    return Chunk(q, vec2(half_at(p, n)), vec2(0.0));
}
