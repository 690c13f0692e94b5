// The likeliest token of each span. One workgroup of LANES = BLOCK a span.

@group(0) @binding(4) var<storage, read_write> bests: array<Best>; // [SPANS]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    var best = NONE;
    for (var id = group.x * BLOCK + lid; id < params.n_vocab; id += SPANS * BLOCK) {
        let l = adjusted(id);
        let finite = (bitcast<u32>(l) & 0x7f800000u) != 0x7f800000u;
        best = better(best, Best(l, select(NOT_A_TOKEN, id, finite)));
    }
    best = group_best(best, lid);
    if (lid == 0u) { bests[group.x] = best; }
}
