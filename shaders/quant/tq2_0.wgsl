// TQ2_0: w = d * (q - 1).
fn tq2_0_chunk(p: Planes, n: u32) -> Chunk {
    let q = centred(twos(p, n), 1u);
    return Chunk(q, vec2(half_at(p, n >> 3u)), vec2(0.0));
}
