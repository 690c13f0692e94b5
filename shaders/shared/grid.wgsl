// The formats whose quants are indices into a grid (quant/grids.rs). An entry has 16 bits: 8 values of 2 bits
// each (IQ1, IQ2) or 4 values of 4 bits each (IQ3).

fn grid_at(p: Planes, i: vec4<u32>) -> vec4<u32> {
    let at = p.grid + (i >> vec4(1u));
    let pairs = vec4(words[at.x], words[at.y], words[at.z], words[at.w]);
    return (pairs >> (16u * (i & vec4(1u)))) & vec4(0xffffu);
}

// 2-bit values 0 to 3 or, with `half` 1, 4 to 7 of an entry.
fn grid_twos(entry: u32, half: u32) -> vec4<u32> {
    return (vec4(entry) >> (vec4(0u, 2u, 4u, 6u) + vec4(8u * half))) & vec4(3u);
}

fn grid_nibbles(entry: u32) -> vec4<u32> {
    return (vec4(entry) >> vec4(0u, 4u, 8u, 12u)) & vec4(15u);
}

// A sign bit for each of 32 weights from 7 for each 8: the eighth makes the number of set bits even.
fn even_signs(sevens: vec4<u32>) -> u32 {
    let eighth = (countOneBits(sevens) & vec4(1u)) << vec4(7u);
    let s = (sevens | eighth) << BYTE_SHIFT;
    return s.x | s.y | s.z | s.w;
}

// Four times 7 bits of a word.
fn sevens(w: u32) -> vec4<u32> {
    return (vec4(w) >> vec4(0u, 7u, 14u, 21u)) & vec4(0x7fu);
}

// Vector j of a chunk, with minus where the sign bit is set.
fn with_signs(v: vec4<f32>, signs: u32, j: u32) -> vec4<f32> {
    let bits = (vec4(signs) >> (vec4(0u, 1u, 2u, 3u) + vec4(4u * j))) & vec4(1u);
    return select(v, -v, bits == vec4(1u));
}

// IQ2: values 0, 1, 2 stand for 8, 25, 43.
fn iq2_vector(entry: u32, signs: u32, j: u32) -> vec4<f32> {
    let q = grid_twos(entry, j & 1u);
    return with_signs(vec4<f32>(vec4(8u) + 17u * q + (q >> vec4(1u))), signs, j);
}

fn iq2_quants(p: Planes, index: vec4<u32>, signs: u32) -> array<vec4<f32>, 8> {
    let e = grid_at(p, index);
    return array(
        iq2_vector(e.x, signs, 0u), iq2_vector(e.x, signs, 1u), iq2_vector(e.y, signs, 2u), iq2_vector(e.y, signs, 3u),
        iq2_vector(e.z, signs, 4u), iq2_vector(e.z, signs, 5u), iq2_vector(e.w, signs, 6u), iq2_vector(e.w, signs, 7u));
}

// IQ1: values 0, 1, 2 stand for -1, 0, 1; each 8 weights have an eighth added or, where `minus`, subtracted.
fn iq1_quants(p: Planes, index: vec4<u32>, minus: vec4<bool>) -> array<vec4<f32>, 8> {
    let e = grid_at(p, index);
    let shift = select(vec4(-0.875), vec4(-1.125), minus);
    return array(
        vec4<f32>(grid_twos(e.x, 0u)) + vec4(shift.x), vec4<f32>(grid_twos(e.x, 1u)) + vec4(shift.x),
        vec4<f32>(grid_twos(e.y, 0u)) + vec4(shift.y), vec4<f32>(grid_twos(e.y, 1u)) + vec4(shift.y),
        vec4<f32>(grid_twos(e.z, 0u)) + vec4(shift.z), vec4<f32>(grid_twos(e.z, 1u)) + vec4(shift.z),
        vec4<f32>(grid_twos(e.w, 0u)) + vec4(shift.w), vec4<f32>(grid_twos(e.w, 1u)) + vec4(shift.w));
}
