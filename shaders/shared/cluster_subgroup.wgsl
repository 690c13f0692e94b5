// Sum over clusters of CLUSTER neighbouring lanes (8, 16 or 32); needs subgroups that are no smaller.
fn cluster_sum(v: vec4<f32>, lid: u32) -> vec4<f32> {
    var sum = v;
    sum += subgroupShuffleXor(sum, 1u);
    sum += subgroupShuffleXor(sum, 2u);
    sum += subgroupShuffleXor(sum, 4u);
    if (CLUSTER > 8u) { sum += subgroupShuffleXor(sum, 8u); }
    if (CLUSTER > 16u) { sum += subgroupShuffleXor(sum, 16u); }
    return sum;
}
