// y = silu(gate) * up (Shazeer 2020) for a prompt's tokens. Constants: N_FF.

@group(0) @binding(0) var<storage, read> gate_up: array<f32>; // [tokens][gate | up]
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // [tokens][n_ff]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= N_FF) { return; }
    let at = 2u * id.y * N_FF + id.x;
    y[id.y * N_FF + id.x] = silu(gate_up[at]) * gate_up[at + N_FF];
}
