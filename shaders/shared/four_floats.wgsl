// Where a kernel leaves its results, a vector an invocation: in f32.

@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;

// Vector i, where it exists.
fn store_four(i: u32, v: vec4<f32>, exists: bool, lid: u32) {
    if (exists) { y[i] = v; }
}
