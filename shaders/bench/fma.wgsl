// Multiply-adds as fast as they go: ROUNDS rounds of 16 for each of eight vectors that do not wait for each other. Factor and
// summand come from memory, and the sums go there, so that no round can be left out.
//
// A round is long because wgpu bounds every loop natively: its counters cost as much as a few multiply-adds.

@group(0) @binding(0) var<storage, read> terms: array<vec4<f32>>; // factor, summand
@group(0) @binding(1) var<storage, read_write> sums: array<vec4<f32>>; // [workgroups along x][64]

fn four(a: vec4<f32>, m: vec4<f32>, s: vec4<f32>) -> vec4<f32> {
    return fma(fma(fma(fma(a, m, s), m, s), m, s), m, s);
}

fn sixteen(a: vec4<f32>, m: vec4<f32>, s: vec4<f32>) -> vec4<f32> {
    return four(four(four(four(a, m, s), m, s), m, s), m, s);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let m = terms[0];
    let s = terms[1];
    var a0 = vec4(f32(lid));
    var a1 = a0 + s;
    var a2 = a1 + s;
    var a3 = a2 + s;
    var a4 = a3 + s;
    var a5 = a4 + s;
    var a6 = a5 + s;
    var a7 = a6 + s;
    for (var i = 0u; i < ROUNDS; i++) {
        a0 = sixteen(a0, m, s);
        a1 = sixteen(a1, m, s);
        a2 = sixteen(a2, m, s);
        a3 = sixteen(a3, m, s);
        a4 = sixteen(a4, m, s);
        a5 = sixteen(a5, m, s);
        a6 = sixteen(a6, m, s);
        a7 = sixteen(a7, m, s);
    }
    sums[64u * group.x + lid] = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7;
}
