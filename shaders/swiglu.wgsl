// y = silu(gate) * up (Shazeer 2020), silu(g) = g / (1 + exp(-g)); the
// exponent is cut at 80, where silu is 0 in f32 anyway. Constants: N4 (n_ff / 4).

@group(0) @binding(0) var<storage, read> gate_up: array<vec4<f32>>; // [tokens][gate | up]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>; // [tokens][n_ff]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= N4) { return; }
    let gate = gate_up[2u * id.y * N4 + id.x];
    let up = gate_up[(2u * id.y + 1u) * N4 + id.x];
    y[id.y * N4 + id.x] = gate / (1.0 + exp(min(-gate, vec4(80.0)))) * up;
}
