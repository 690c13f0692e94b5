// F16: 4 vectors a chunk, two elements a word.
fn f16_pair(w: vec2<u32>) -> vec4<f32> {
    return vec4(f16_low(w.x), f16_high(w.x), f16_low(w.y), f16_high(w.y));
}

fn f16_floats(p: Planes, n: u32) -> Floats {
    let a = wide[p.wide + 4u * n];
    let b = wide[p.wide + 4u * n + 1u];
    let c = wide[p.wide + 4u * n + 2u];
    let d = wide[p.wide + 4u * n + 3u];
    let q = array(
        f16_pair(a.xy), f16_pair(a.zw), f16_pair(b.xy), f16_pair(b.zw),
        f16_pair(c.xy), f16_pair(c.zw), f16_pair(d.xy), f16_pair(d.zw));
    return Floats(q, vec2(1.0), vec2(0.0));
}
