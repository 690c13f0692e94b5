// Joins the parts that decode_attention.wgsl left: out = sum(exp(most - largest) acc) / sum(exp(most - largest) sum).
// A workgroup a head (group.x) and four vectors of it (group.y), so that many share what a long context leaves.
// Constants: N_HEAD, HEAD_DIM, TILES.

@group(0) @binding(0) var<storage, read> partial: array<vec4<f32>>; // [splits][N_HEAD][HEAD_DIM + 4]
@group(0) @binding(1) var<storage, read> batch: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>; // [N_HEAD][HEAD_DIM]

const D4 = HEAD_DIM / 4u;
const SLICES = 16u;

var<workgroup> slices: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let splits = batch_pos() / (64u * TILES) + 1u;
    var most = -3.0e38;
    for (var s = lid; s < splits; s += 64u) { most = max(most, partial[(s * N_HEAD + group.x) * (D4 + 1u) + D4].x); }
    most = group_max(most, lid);
    let d = 4u * group.y + lid % 4u;
    var acc = vec4(0.0);
    var sum = 0.0;
    for (var s = lid / 4u; s < splits; s += SLICES) {
        let at = (s * N_HEAD + group.x) * (D4 + 1u);
        let part = partial[at + D4]; // the largest score and the sum
        let scale = exp(part.x - most);
        acc += scale * partial[at + min(d, D4 - 1u)];
        sum += scale * part.y;
    }
    // every slice has its own sum, the same in all its invocations
    sum = group_sum(select(0.0, sum, lid % 4u == 0u), lid);
    slices[lid] = acc;
    workgroupBarrier();
    if (lid < 4u && d < D4) {
        for (var s = 1u; s < SLICES; s++) { acc += slices[lid + 4u * s]; }
        out[group.x * D4 + d] = acc / sum;
    }
}
