// Sum and maximum over a workgroup of 64, the same value in every invocation.
var<workgroup> reduce_scratch: array<vec4<f32>, 16>;

fn group_sum(v: f32, lid: u32) -> f32 {
    workgroupBarrier();
    reduce_scratch[lid >> 2u][lid & 3u] = v;
    workgroupBarrier();
    var sum = vec4(0.0);
    for (var i = 0u; i < 16u; i++) { sum += reduce_scratch[i]; }
    return sum.x + sum.y + sum.z + sum.w;
}

fn group_max(v: f32, lid: u32) -> f32 {
    workgroupBarrier();
    reduce_scratch[lid >> 2u][lid & 3u] = v;
    workgroupBarrier();
    var most = reduce_scratch[0];
    for (var i = 1u; i < 16u; i++) { most = max(most, reduce_scratch[i]); }
    return max(max(most.x, most.y), max(most.z, most.w));
}
