// Next to nothing, but the next dispatch has to wait for it.

@group(0) @binding(0) var<storage, read_write> data: array<f32>; // [64]

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lid: u32) {
    data[lid] += 1.0;
}
