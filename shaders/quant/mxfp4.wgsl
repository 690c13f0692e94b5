// MXFP4 (OCP Microscaling Formats 1.0): w = 2^(e - 127) * q, q a 4-bit float: sign, two bits of exponent, one of
// mantissa. Here q is doubled and d halved, so that a large e still gives a finite d.
fn mxfp4_values(nibbles: u32) -> u32 {
    let q = bytes(nibbles);
    // nibble i of the constant is the doubled magnitude i
    let magnitude = (vec4(0xc8643210u) >> (4u * (q & vec4(7u)))) & vec4(15u);
    return packed(select(magnitude, vec4(0u) - magnitude, q >= vec4(8u)));
}

fn mxfp4_chunk(p: Planes, n: u32) -> Chunk {
    let v = fours(p, n);
    let e = (words[p.narrow + (n >> 2u)] >> (8u * (n & 3u))) & 0xffu;
    // 2^(e - 128); below e = 2 that is subnormal, which a GPU may take for 0
    let d = bitcast<f32>(select((e - 1u) << 23u, 0x200000u << e, e < 2u));
    let low = vec4(mxfp4_values(v.low.x), mxfp4_values(v.low.y), mxfp4_values(v.low.z), mxfp4_values(v.low.w));
    let high = vec4(mxfp4_values(v.high.x), mxfp4_values(v.high.y), mxfp4_values(v.high.z), mxfp4_values(v.high.w));
    return Chunk(Bytes(low, high), vec2(d), vec2(0.0));
}
