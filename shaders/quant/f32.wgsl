// F32: 8 vectors a chunk, as they are.
fn f32_floats(p: Planes, n: u32) -> Floats {
    let at = p.wide + 8u * n;
    let q = array(
        bitcast<vec4<f32>>(wide[at]), bitcast<vec4<f32>>(wide[at + 1u]),
        bitcast<vec4<f32>>(wide[at + 2u]), bitcast<vec4<f32>>(wide[at + 3u]),
        bitcast<vec4<f32>>(wide[at + 4u]), bitcast<vec4<f32>>(wide[at + 5u]),
        bitcast<vec4<f32>>(wide[at + 6u]), bitcast<vec4<f32>>(wide[at + 7u]));
    return Floats(q, vec2(1.0), vec2(0.0));
}
