// Sum over clusters of 8 neighbouring lanes; needs subgroups of at least 8.
fn cluster_sum(v: vec4<f32>, lid: u32) -> vec4<f32> {
    var sum = v;
    sum += subgroupShuffleXor(sum, 1u);
    sum += subgroupShuffleXor(sum, 2u);
    sum += subgroupShuffleXor(sum, 4u);
    return sum;
}
