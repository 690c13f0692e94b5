// y[row] = W[row] . x (+ bias[row]) (+ y[row]) for one token, with x RMS-normalised first where NORM. With GATED the
// matrix is gate and up, and y[row] = silu(gate[row] . x) * (up[row] . x) (Shazeer 2020).
//
// LANES invocations share OUTPUTS rows (with GATED of each part): each unpacks every LANES-th chunk of 32 weights, and the
// rows share what was read of x. Constants: LANES (8, 32 or 64), OUTPUTS (1, 2 or, without GATED, 4), CHUNKS (chunks a row),
// ROWS (of the matrix), BIAS, ACCUMULATE, NORM, EPS, GATED; generated: part_of, unpack.

@group(0) @binding(0) var<storage, read> wide: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;           // [cols], with NORM [tokens][cols]
@group(0) @binding(3) var<storage, read> bias: array<f32>;              // [rows], or a dummy
@group(0) @binding(4) var<storage, read_write> y: array<f32>;           // [rows], with GATED [rows / 2]
@group(0) @binding(5) var<storage, read> norm_weight: array<vec4<f32>>; // [cols], or a dummy
@group(0) @binding(6) var<storage, read> batch: array<u32>;             // for the row of x, or a dummy

var<workgroup> clusters: array<vec4<f32>, 8>;

// Sum over LANES.
fn lanes_sum(v: vec4<f32>, lid: u32) -> vec4<f32> {
    var sum = cluster_sum(v, lid);
    if (LANES > 8u) {
        if ((lid & 7u) == 0u) { clusters[lid >> 3u] = sum; }
        workgroupBarrier();
        let first = lid / LANES * (LANES / 8u);
        sum = clusters[first];
        for (var i = 1u; i < LANES / 8u; i++) { sum += clusters[first + i]; }
    }
    return sum;
}

fn dot_chunk(w: Floats, v: array<vec4<f32>, 8>, sums: vec2<f32>) -> f32 {
    let low = dot(w.q[0], v[0]) + dot(w.q[1], v[1]) + dot(w.q[2], v[2]) + dot(w.q[3], v[3]);
    let high = dot(w.q[4], v[4]) + dot(w.q[5], v[5]) + dot(w.q[6], v[6]) + dot(w.q[7], v[7]);
    return dot(w.d, vec2(low, high)) - dot(w.m, sums);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let part = part_of(group.x);
    let row = OUTPUTS * (64u / LANES * (group.x - part.first_group) + lid / LANES);
    let last = part.rows - 1u;
    var x_row = 0u;
    var scale = 1.0;
    if (NORM == 1u) {
        x_row = 8u * CHUNKS * batch_row();
        var squares = 0.0;
        for (var i = lid; i < 8u * CHUNKS; i += 64u) { squares += dot(x[x_row + i], x[x_row + i]); }
        scale = 1.0 / sqrt(group_sum(squares, lid) / f32(32u * CHUNKS) + EPS);
    }
    var acc = vec4(0.0);
    for (var c = lid % LANES; c < CHUNKS; c += LANES) {
        let at = x_row + 8u * c;
        var v = array(x[at], x[at + 1u], x[at + 2u], x[at + 3u], x[at + 4u], x[at + 5u], x[at + 6u], x[at + 7u]);
        if (NORM == 1u) {
            for (var j = 0u; j < 8u; j++) { v[j] *= scale * norm_weight[8u * c + j]; }
        }
        let sums = vec2(dot(v[0] + v[1] + v[2] + v[3], vec4(1.0)), dot(v[4] + v[5] + v[6] + v[7], vec4(1.0)));
        acc.x += dot_chunk(unpack(part.index, min(row, last), c), v, sums);
        if (OUTPUTS > 1u) { acc.y += dot_chunk(unpack(part.index, min(row + 1u, last), c), v, sums); }
        if (GATED == 1u) {
            acc.z += dot_chunk(unpack(part.index + 1u, min(row, last), c), v, sums);
            if (OUTPUTS > 1u) { acc.w += dot_chunk(unpack(part.index + 1u, min(row + 1u, last), c), v, sums); }
        } else if (OUTPUTS > 2u) {
            acc.z += dot_chunk(unpack(part.index, min(row + 2u, last), c), v, sums);
            acc.w += dot_chunk(unpack(part.index, min(row + 3u, last), c), v, sums);
        }
    }
    let sum = lanes_sum(acc, lid);
    let r = lid % LANES;
    if (r < OUTPUTS && row + r <= last) {
        let out = part.out + row + r;
        var value = sum[r];
        if (BIAS == 1u) { value += bias[out]; }
        if (GATED == 1u) {
            var up = sum[r + 2u];
            if (BIAS == 1u) { up += bias[ROWS / 2u + out]; }
            value = silu(value) * up;
        }
        if (ACCUMULATE == 1u) { value += y[out]; }
        y[out] = value;
    }
}
