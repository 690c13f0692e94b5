// Sum over clusters of 8 neighbouring lanes of a workgroup, without subgroups. Constants: WORKGROUP.
var<workgroup> cluster_scratch: array<vec4<f32>, WORKGROUP>;

fn cluster_sum(v: vec4<f32>, lid: u32) -> vec4<f32> {
    cluster_scratch[lid] = v;
    workgroupBarrier();
    let first = lid & ~7u;
    var sum = cluster_scratch[first];
    for (var i = 1u; i < 8u; i++) { sum += cluster_scratch[first + i]; }
    return sum;
}
