// y = x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019), in the form of shared/four_*.wgsl. One workgroup a row.
// Constants: WORKGROUP, N4 (columns / 4), EPS, SOME_ROWS (whether the batch says which rows of x).

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;      // [tokens][n]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>; // [n]
@group(0) @binding(3) var<storage, read> batch: array<u32>;        // of rows instead of tokens, or a dummy

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    var row = N4 * group.y;
    if (SOME_ROWS == 1u) { row = N4 * batch_token(group.y); }
    var squares = 0.0;
    for (var i = lid; i < N4; i += WORKGROUP) { squares += dot(x[row + i], x[row + i]); }
    let scale = 1.0 / sqrt(group_sum(squares, lid) / f32(4u * N4) + EPS);
    for (var first = 0u; first < N4; first += WORKGROUP) {
        let i = min(first + lid, N4 - 1u);
        store_four(N4 * group.y + i, x[row + i] * scale * weight[i], first + lid < N4, lid);
    }
}
