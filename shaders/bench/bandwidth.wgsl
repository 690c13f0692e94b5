// Reads memory as fast as it comes: a workgroup sums BLOCK vectors, four reads of each invocation at a time, and leaves
// the sums, so that no read can be left out.

@group(0) @binding(0) var<storage, read> data: array<vec4<f32>>; // [workgroups][BLOCK]
@group(0) @binding(1) var<storage, read_write> sums: array<f32>; // [workgroups][64]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let first = BLOCK * group.y + lid;
    var a = vec4(0.0);
    var b = vec4(0.0);
    var c = vec4(0.0);
    var d = vec4(0.0);
    for (var i = 0u; i < BLOCK; i += 256u) {
        a += data[first + i];
        b += data[first + i + 64u];
        c += data[first + i + 128u];
        d += data[first + i + 192u];
    }
    sums[64u * group.y + lid] = dot(a + b + c + d, vec4(1.0));
}
