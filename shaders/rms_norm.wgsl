// y = x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019). One workgroup a row. Constants: N4 (columns / 4), EPS,
// SOME_ROWS (whether the batch says which rows of x).

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;      // [tokens][n]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>; // [n]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> batch: array<u32>;        // of rows instead of tokens, or a dummy

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    var row = N4 * group.y;
    let out = row;
    if (SOME_ROWS == 1u) { row = N4 * batch_token(group.y); }
    var squares = 0.0;
    for (var i = lid; i < N4; i += WORKGROUP) { squares += dot(x[row + i], x[row + i]); }
    let scale = 1.0 / sqrt(group_sum(squares, lid) / f32(4u * N4) + EPS);
    for (var i = lid; i < N4; i += WORKGROUP) { y[out + i] = x[row + i] * scale * weight[i]; }
}
