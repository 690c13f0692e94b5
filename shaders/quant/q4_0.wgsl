// Q4_0: w = d * (q - 8).
fn q4_0_chunk(p: Planes, n: u32) -> Chunk {
    return Chunk(quants4(wide[p.wide + n], 8.0), vec2(half_at(p, n)), vec2(0.0));
}
