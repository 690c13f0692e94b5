// Four bytes a word, from the lowest.

const BYTE_SHIFT = vec4<u32>(0u, 8u, 16u, 24u);

fn bytes(w: u32) -> vec4<u32> {
    return (vec4(w) >> BYTE_SHIFT) & vec4(0xffu);
}

fn signed(w: u32) -> vec4<f32> {
    return vec4<f32>(bitcast<vec4<i32>>(vec4(w) << (vec4(24u) - BYTE_SHIFT)) >> vec4(24u));
}

// The low bytes of four words as one.
fn packed(v: vec4<u32>) -> u32 {
    let b = (v & vec4(0xffu)) << BYTE_SHIFT;
    return b.x | b.y | b.z | b.w;
}
