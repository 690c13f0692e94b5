// Sum and maximum over a workgroup, the same value in every invocation, without subgroups. Constants: WORKGROUP.
var<workgroup> reduce_scratch: array<f32, WORKGROUP>;

fn four(i: u32) -> vec4<f32> {
    return vec4(reduce_scratch[i], reduce_scratch[i + 1u], reduce_scratch[i + 2u], reduce_scratch[i + 3u]);
}

fn group_sum(v: f32, lid: u32) -> f32 {
    workgroupBarrier();
    reduce_scratch[lid] = v;
    workgroupBarrier();
    var sum = vec4(0.0);
    for (var i = 0u; i < WORKGROUP; i += 4u) { sum += four(i); }
    return sum.x + sum.y + sum.z + sum.w;
}

fn group_max(v: f32, lid: u32) -> f32 {
    workgroupBarrier();
    reduce_scratch[lid] = v;
    workgroupBarrier();
    var most = four(0u);
    for (var i = 4u; i < WORKGROUP; i += 4u) { most = max(most, four(i)); }
    return max(max(most.x, most.y), max(most.z, most.w));
}
