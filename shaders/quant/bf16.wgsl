// BF16: the high half of an f32, two elements a word.
fn bf16_pair(w: vec2<u32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4(w.x << 16u, w.x & 0xffff0000u, w.y << 16u, w.y & 0xffff0000u));
}

fn bf16_floats(p: Planes, n: u32) -> Floats {
    let a = wide[p.wide + 4u * n];
    let b = wide[p.wide + 4u * n + 1u];
    let c = wide[p.wide + 4u * n + 2u];
    let d = wide[p.wide + 4u * n + 3u];
    let q = array(
        bf16_pair(a.xy), bf16_pair(a.zw), bf16_pair(b.xy), bf16_pair(b.zw),
        bf16_pair(c.xy), bf16_pair(c.zw), bf16_pair(d.xy), bf16_pair(d.zw));
    return Floats(q, vec2(1.0), vec2(0.0));
}
