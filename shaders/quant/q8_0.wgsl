// Q8_0: w = d * q, q a signed byte.
fn signed_bytes(w: u32) -> vec4<f32> {
    return vec4<f32>(bitcast<vec4<i32>>(vec4(w) << (vec4(24u) - BYTE_SHIFT)) >> vec4(24u));
}

fn q8_0_chunk(p: Planes, n: u32) -> Chunk {
    let a = wide[p.wide + 2u * n];
    let b = wide[p.wide + 2u * n + 1u];
    let q = array(
        signed_bytes(a.x), signed_bytes(a.y), signed_bytes(a.z), signed_bytes(a.w),
        signed_bytes(b.x), signed_bytes(b.y), signed_bytes(b.z), signed_bytes(b.w));
    return Chunk(q, vec2(half_at(p, n)), vec2(0.0));
}
