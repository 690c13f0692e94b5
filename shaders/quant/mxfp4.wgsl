// MXFP4 (OCP Microscaling Formats 1.0): w = 2^(e - 127) * q, q a 4-bit float: sign, two bits of exponent, one of
// mantissa. Here q is doubled and d halved, so that a large e still gives a finite d.
fn mxfp4_vector(v: vec4<u32>, j: u32) -> vec4<f32> {
    let q = nibbles(v, j);
    // nibble i of the constant is the doubled magnitude i
    let magnitude = vec4<f32>((vec4(0xc8643210u) >> (4u * (q & vec4(7u)))) & vec4(15u));
    return select(magnitude, -magnitude, q >= vec4(8u));
}

fn mxfp4_chunk(p: Planes, n: u32) -> Chunk {
    let v = wide[p.wide + n];
    let e = (words[p.narrow + (n >> 2u)] >> (8u * (n & 3u))) & 0xffu;
    // 2^(e - 128); below e = 2 that is subnormal, which a GPU may take for 0
    let d = bitcast<f32>(select((e - 1u) << 23u, 0x200000u << e, e < 2u));
    let q = array(
        mxfp4_vector(v, 0u), mxfp4_vector(v, 1u), mxfp4_vector(v, 2u), mxfp4_vector(v, 3u),
        mxfp4_vector(v, 4u), mxfp4_vector(v, 5u), mxfp4_vector(v, 6u), mxfp4_vector(v, 7u));
    return Chunk(q, vec2(d), vec2(0.0));
}
