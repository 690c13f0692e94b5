// Sum and maximum over a workgroup, the same value in every invocation; needs subgroups of at least 8.
// Constants: WORKGROUP.
var<workgroup> reduce_scratch: array<f32, WORKGROUP / 8u>; // of clusters of 8 neighbouring lanes

fn group_sum(v: f32, lid: u32) -> f32 {
    var sum = v;
    sum += subgroupShuffleXor(sum, 1u);
    sum += subgroupShuffleXor(sum, 2u);
    sum += subgroupShuffleXor(sum, 4u);
    workgroupBarrier();
    if ((lid & 7u) == 0u) { reduce_scratch[lid >> 3u] = sum; }
    workgroupBarrier();
    sum = reduce_scratch[0];
    for (var i = 1u; i < WORKGROUP / 8u; i++) { sum += reduce_scratch[i]; }
    return sum;
}

fn group_max(v: f32, lid: u32) -> f32 {
    var most = v;
    most = max(most, subgroupShuffleXor(most, 1u));
    most = max(most, subgroupShuffleXor(most, 2u));
    most = max(most, subgroupShuffleXor(most, 4u));
    workgroupBarrier();
    if ((lid & 7u) == 0u) { reduce_scratch[lid >> 3u] = most; }
    workgroupBarrier();
    most = reduce_scratch[0];
    for (var i = 1u; i < WORKGROUP / 8u; i++) { most = max(most, reduce_scratch[i]); }
    return most;
}
