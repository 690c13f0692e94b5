// IQ4_XS: w = d * (scale - 32) * value[q], a 6-bit scale for every 32 weights.
fn iq4_xs_chunk(p: Planes, n: u32) -> Chunk {
    let q = iq4_quants(p, n);
    let at = p.scales + 2u * (n >> 3u);
    let s = n & 7u;
    let head = words[at];
    let low = (words[at + 1u] >> (4u * s)) & 15u;
    let high = (head >> (16u + 2u * s)) & 3u;
    let d = f16_low(head) * (f32(low | (high << 4u)) - 32.0);
    return Chunk(q, vec2(d), vec2(0.0));
}
