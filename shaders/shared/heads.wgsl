// A token's query and key heads in qkv, normed (Qwen3) and turned. Constants: WORKGROUP, HEAD_DIM, HEAD_NORM, EPS. The kernel
// binds qkv, q_norm and k_norm.

// The factor that RMS-normalises HEAD_DIM values of qkv.
fn head_scale(at: u32, lid: u32) -> f32 {
    var squares = 0.0;
    for (var i = lid; i < HEAD_DIM; i += WORKGROUP) { squares += qkv[at + i] * qkv[at + i]; }
    return 1.0 / sqrt(group_sum(squares, lid) / f32(HEAD_DIM) + EPS);
}

// Element i of a query head (k: of the key head) at `at`, normed but not rotated.
fn element(at: u32, i: u32, scale: f32, is_query: bool) -> f32 {
    let v = qkv[at + i];
    if (HEAD_NORM == 0u) { return v; }
    return v * scale * select(k_norm[i], q_norm[i], is_query);
}

fn turned(at: u32, e: vec2<u32>, scale: f32, is_query: bool, r: vec2<f32>) -> vec2<f32> {
    return rotated(vec2(element(at, e.x, scale, is_query), element(at, e.y, scale, is_query)), r);
}
