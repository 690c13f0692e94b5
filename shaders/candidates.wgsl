// The tokens of each span that may be drawn: those whose weight, relative to the likeliest token's, is not below the least.
// One workgroup of LANES = BLOCK a span; its order is always the same, because sums of floats depend on it. A greedy reply
// needs none.

@group(0) @binding(4) var<storage, read> bests: array<Best>;                 // [SPANS]
@group(0) @binding(5) var<storage, read_write> candidates: array<vec2<u32>>; // [1 + n][SPANS]: how many; id and weight

var<workgroup> counts_of: array<u32, LANES>;

fn weight(id: u32, best: f32) -> u32 {
    let exponent = (adjusted(id) - best) / params.temperature;
    if (exponent < -22.0) { return 0u; } // as most are, and as what follows would say
    return u32(exp(exponent) * 0x1p31f);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    if (params.temperature == 0.0) { return; }
    var own = NONE;
    for (var span = lid; span < SPANS; span += LANES) { own = better(own, bests[span]); }
    let best = group_best(own, lid).value;

    let first = group.x * BLOCK + lid;
    var count = 0u;
    for (var id = first; id < params.n_vocab; id += SPANS * BLOCK) {
        count += select(0u, 1u, weight(id, best) >= params.min_weight);
    }
    counts_of[lid] = count;
    workgroupBarrier();
    var row = 1u; // of this invocation's next candidate
    for (var lane = 0u; lane < lid; lane++) { row += counts_of[lane]; }
    if (lid == LANES - 1u) { candidates[group.x] = vec2(row - 1u + count, 0u); }
    if (count == 0u) { return; }
    for (var id = first; id < params.n_vocab; id += SPANS * BLOCK) {
        let w = weight(id, best);
        if (w >= params.min_weight) {
            candidates[row * SPANS + group.x] = vec2(id, w);
            row++;
        }
    }
}
