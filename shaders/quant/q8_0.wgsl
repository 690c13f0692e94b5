// Q8_0: w = d * q, q a signed byte.
fn q8_0_chunk(p: Planes, n: u32) -> Chunk {
    return Chunk(Bytes(wide[p.wide + 2u * n], wide[p.wide + 2u * n + 1u]), vec2(half_at(p, n)), vec2(0.0));
}
