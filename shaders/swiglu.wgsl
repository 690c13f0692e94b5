// y = silu(gate) * up (Shazeer 2020) for a prompt's tokens, in the form of shared/four_*.wgsl. Constants: WORKGROUP, N_FF.

@group(0) @binding(1) var<storage, read> gate_up: array<vec4<f32>>; // [tokens][gate | up]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let i = min(id.x, N_FF / 4u - 1u);
    let at = 2u * id.y * (N_FF / 4u) + i;
    let gate = gate_up[at];
    let v = vec4(silu(gate.x), silu(gate.y), silu(gate.z), silu(gate.w)) * gate_up[at + N_FF / 4u];
    store_four(id.y * (N_FF / 4u) + i, v, id.x < N_FF / 4u, lid);
}
