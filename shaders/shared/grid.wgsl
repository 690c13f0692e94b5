// The formats whose quants are indices into a grid (quant/grids.rs). An entry has 16 bits: 8 values of 2 bits
// each (IQ1, IQ2) or 4 values of 4 bits each (IQ3).

fn grid_at(p: Planes, i: vec4<u32>) -> vec4<u32> {
    let at = p.grid + (i >> vec4(1u));
    let pairs = vec4(words[at.x], words[at.y], words[at.z], words[at.w]);
    return (pairs >> (16u * (i & vec4(1u)))) & vec4(0xffffu);
}

// Four values of 2 bits each as bytes.
fn spread_twos(v: vec4<u32>) -> vec4<u32> {
    let pairs = (v | (v << vec4(12u))) & vec4(0x000f000fu);
    return (pairs | (pairs << vec4(6u))) & vec4(0x03030303u);
}

// The values of four entries of 8.
fn grid_twos(e: vec4<u32>) -> Bytes {
    let halves = vec4(0u, 8u, 0u, 8u);
    return Bytes(spread_twos((e.xxyy >> halves) & vec4(0xffu)), spread_twos((e.zzww >> halves) & vec4(0xffu)));
}

// The values of entries of 4.
fn grid_nibbles(e: vec4<u32>) -> vec4<u32> {
    let pairs = (e | (e << vec4(8u))) & vec4(0x00ff00ffu);
    return (pairs | (pairs << vec4(4u))) & vec4(0x0f0f0f0fu);
}

// A sign bit for each of 32 weights from 7 for each 8: the eighth makes the number of set bits even.
fn even_signs(sevens: vec4<u32>) -> u32 {
    return packed(sevens | ((countOneBits(sevens) & vec4(1u)) << vec4(7u)));
}

// Four times 7 bits of a word.
fn sevens(w: u32) -> vec4<u32> {
    return (vec4(w) >> vec4(0u, 7u, 14u, 21u)) & vec4(0x7fu);
}

// Bytes of 1 to 127, with minus where the lowest four bits of `signs` say so.
fn with_signs(v: vec4<u32>, signs: vec4<u32>) -> vec4<u32> {
    let minus = ((signs & vec4(15u)) * 0x00204081u) & vec4(0x01010101u);
    return (v ^ (minus * 0xffu)) + minus; // no byte carries into the next, as none is 0
}

// With a sign bit for each weight.
fn all_signed(low: vec4<u32>, high: vec4<u32>, signs: u32) -> Bytes {
    let s = vec4(signs);
    return Bytes(
        with_signs(low, s >> vec4(0u, 4u, 8u, 12u)), with_signs(high, s >> vec4(16u, 20u, 24u, 28u)));
}

// IQ2: values 0, 1, 2 stand for 8, 25, 43.
fn iq2_values(v: vec4<u32>) -> vec4<u32> {
    return vec4(0x08080808u) + 17u * v + ((v >> vec4(1u)) & vec4(0x01010101u));
}

fn iq2_quants(p: Planes, index: vec4<u32>, signs: u32) -> Bytes {
    let v = grid_twos(grid_at(p, index));
    return all_signed(iq2_values(v.low), iq2_values(v.high), signs);
}

// IQ1: values 0, 1, 2 stand for -1, 0, 1; each 8 weights have an eighth added or, where `minus`, subtracted. All in
// eighths.
fn iq1_chunk(p: Planes, index: vec4<u32>, minus: vec4<bool>, d: vec2<f32>) -> Chunk {
    let v = grid_twos(grid_at(p, index));
    let more = select(vec4(0x02020202u), vec4(0u), minus);
    let q = centred(Bytes(8u * v.low + more.xxyy, 8u * v.high + more.zzww), 9u);
    return Chunk(q, 0.125 * d, vec2(0.0));
}
