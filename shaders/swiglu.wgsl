// y = silu(gate) * up (Shazeer 2020) for a prompt's tokens. An invocation has VECS vectors of four: with FIXED, where y is in
// fixed point (fixed.wgsl), a block. Constants: N_FF, VECS (1, with FIXED 8), FIXED.

@group(0) @binding(0) var<storage, read> gate_up: array<vec4<f32>>; // [tokens][gate | up]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<u32>>; // [tokens][n_ff], f32 or blocks

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x * VECS;
    if (i >= N_FF / 4u) { return; }
    let at = 2u * id.y * (N_FF / 4u) + i;
    var v: array<vec4<f32>, 8>;
    for (var j = 0u; j < VECS; j++) {
        let gate = gate_up[at + j];
        v[j] = vec4(silu(gate.x), silu(gate.y), silu(gate.z), silu(gate.w)) * gate_up[at + j + N_FF / 4u];
    }
    if (FIXED == 1u) {
        let block = fixed_block(v);
        for (var j = 0u; j < BLOCK; j++) { y[(id.y * (N_FF / 32u) + id.x) * BLOCK + j] = block[j]; }
    } else {
        y[id.y * (N_FF / 4u) + i] = bitcast<vec4<u32>>(v[0]);
    }
}
