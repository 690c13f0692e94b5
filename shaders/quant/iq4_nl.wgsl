// IQ4_NL: w = d * value[q].
fn iq4_nl_chunk(p: Planes, n: u32) -> Chunk {
    let q = iq4_quants(p, n);
    return Chunk(q, vec2(half_at(p, n)), vec2(0.0));
}
