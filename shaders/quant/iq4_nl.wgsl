// IQ4_NL: w = d * value[q].
fn iq4_nl_chunk(p: Planes, n: u32) -> Chunk {
    return Chunk(iq4_quants(wide[p.wide + n]), vec2(half_at(p, n)), vec2(0.0));
}
