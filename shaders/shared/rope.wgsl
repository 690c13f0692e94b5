// Rotary embedding (Su et al. 2021). The angle of position p is split as p = 256 * high + low; the table holds cos and
// sin of both halves in f32 rounded from f64, because WGSL's own cos and sin are only good to 2^-11.
// Constants: N_ROT, NEOX. The kernel binds rope_table: [256 low + n_ctx / 256 high][N_ROT / 2].

fn rotation(pos: u32, pair: u32) -> vec2<f32> {
    let a = rope_table[(256u + (pos >> 8u)) * (N_ROT / 2u) + pair];
    let b = rope_table[(pos & 255u) * (N_ROT / 2u) + pair];
    return vec2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

// The pair that an element is of.
fn pair_of(i: u32) -> u32 {
    return select(i / 2u, i % (N_ROT / 2u), NEOX == 1u);
}

// The two elements of a pair.
fn pair_elements(pair: u32) -> vec2<u32> {
    return select(vec2(2u * pair, 2u * pair + 1u), vec2(pair, pair + N_ROT / 2u), NEOX == 1u);
}

fn rotated(v: vec2<f32>, r: vec2<f32>) -> vec2<f32> {
    return vec2(v.x * r.x - v.y * r.y, v.x * r.y + v.y * r.x);
}
