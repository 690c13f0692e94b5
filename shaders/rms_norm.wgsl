// y = x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019). One workgroup a row. Constants: WORKGROUP, N4 (columns / 4),
// EPS, SOME_ROWS (whether the batch says which rows of x), FIXED (whether y is in fixed point, see fixed.wgsl).

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;       // [tokens][n]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;  // [n]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<u32>>; // [tokens][n], f32 or blocks
@group(0) @binding(3) var<storage, read> batch: array<u32>;         // of rows instead of tokens, or a dummy

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    var row = N4 * group.y;
    if (SOME_ROWS == 1u) { row = N4 * batch_token(group.y); }
    var squares = 0.0;
    for (var i = lid; i < N4; i += WORKGROUP) { squares += dot(x[row + i], x[row + i]); }
    let scale = 1.0 / sqrt(group_sum(squares, lid) / f32(4u * N4) + EPS);
    if (FIXED == 1u) {
        for (var c = lid; c < N4 / 8u; c += WORKGROUP) {
            var v: array<vec4<f32>, 8>;
            for (var j = 0u; j < 8u; j++) { v[j] = x[row + 8u * c + j] * scale * weight[8u * c + j]; }
            let block = fixed_block(v);
            for (var j = 0u; j < BLOCK; j++) { y[BLOCK * (N4 / 8u * group.y + c) + j] = block[j]; }
        }
    } else {
        for (var i = lid; i < N4; i += WORKGROUP) {
            y[N4 * group.y + i] = bitcast<vec4<u32>>(x[row + i] * scale * weight[i]);
        }
    }
}
