// The 16 values of the non-linear 4-bit formats, four a word: -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69,
// 89, 113.
fn iq4_values(nibbles: u32) -> u32 {
    let i = bytes(nibbles);
    let negative = select(vec4(0xbfad9881u), vec4(0xf6eaddcfu), (i & vec4(4u)) != vec4(0u));
    let positive = select(vec4(0x26190d01u), vec4(0x71594535u), (i & vec4(4u)) != vec4(0u));
    return packed(select(negative, positive, i >= vec4(8u)) >> (8u * (i & vec4(3u))));
}

fn iq4_quants(p: Planes, n: u32) -> Bytes {
    let q = fours(p, n);
    return Bytes(
        vec4(iq4_values(q.low.x), iq4_values(q.low.y), iq4_values(q.low.z), iq4_values(q.low.w)),
        vec4(iq4_values(q.high.x), iq4_values(q.high.y), iq4_values(q.high.z), iq4_values(q.high.w)));
}
