// y[row] = W[row] . x (+ bias[row]) (+ y[row]) for one token, with x RMS-normalised first where NORM. With GATED the
// matrix is gate and up, and y[row] = silu(gate[row] . x) * (up[row] . x) (Shazeer 2020).
//
// LANES invocations share OUTPUTS rows (with GATED of each part), ROUNDS times: each takes every LANES-th chunk of 32 weights,
// and the rows share what was read of x. What x is made of, say shared/matvec_*.wgsl, its form and how it is multiplied,
// shared/operand_*.wgsl; where y goes, shared/output_*.wgsl.
// Constants: WORKGROUP, LANES, CLUSTER (neighbours that cluster_sum sums over: LANES or a part of them), OUTPUTS (1, 2 or,
// without GATED, 4), ROUNDS, CHUNKS (chunks a row), ROWS (of the matrix), BIAS, ACCUMULATE, NORM, EPS, GATED; generated:
// part_of, and unpack or chunk.

@group(0) @binding(1) var<storage, read> wide: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> words: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;              // [rows], or a dummy
@group(0) @binding(5) var<storage, read> norm_weight: array<vec4<f32>>; // [cols], or a dummy
@group(0) @binding(6) var<storage, read> batch: array<u32>;             // for the row of x, or a dummy

const TILE = WORKGROUP / LANES * OUTPUTS; // rows of a round

var<workgroup> clusters: array<vec4<f32>, WORKGROUP / CLUSTER>;

// Sum over LANES.
fn lanes_sum(v: vec4<f32>, lid: u32) -> vec4<f32> {
    if (ROUNDS > 1u) { workgroupBarrier(); } // until all have read the last round's
    var sum = cluster_sum(v, lid);
    if (LANES > CLUSTER) {
        if (lid % CLUSTER == 0u) { clusters[lid / CLUSTER] = sum; }
        workgroupBarrier();
        let first = lid / LANES * (LANES / CLUSTER);
        sum = clusters[first];
        for (var i = 1u; i < LANES / CLUSTER; i++) { sum += clusters[first + i]; }
    }
    return sum;
}

// Of OUTPUTS rows, then with GATED of as many of the next part.
fn products(part: u32, row: u32, last: u32, lane: u32) -> vec4<f32> {
    var sum = vec4(0.0);
    for (var c = lane; c < CHUNKS; c += LANES) {
        let v = operand(c);
        sum.x += product(part, min(row, last), c, v);
        if (OUTPUTS > 1u) { sum.y += product(part, min(row + 1u, last), c, v); }
        if (GATED == 1u) {
            sum.z += product(part + 1u, min(row, last), c, v);
            if (OUTPUTS > 1u) { sum.w += product(part + 1u, min(row + 1u, last), c, v); }
        } else if (OUTPUTS > 2u) {
            sum.z += product(part, min(row + 2u, last), c, v);
            sum.w += product(part, min(row + 3u, last), c, v);
        }
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let part = part_of(group.x);
    let first = ROUNDS * TILE * (group.x - part.first_group);
    let last = part.rows - 1u;
    prepare(lid);
    for (var round = 0u; round < ROUNDS; round++) {
        let row = first + round * TILE + lid / LANES * OUTPUTS;
        let sum = finished(lanes_sum(products(part.index, row, last, lid % LANES), lid));
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
            store(out, value);
        }
    }
    finish(part.out + first, lid);
}
