// What a workgroup of matvec.wgsl makes for itself of x, a chunk an invocation, and then multiplies by: in fixed point
// (fixed.wgsl).

var<workgroup> kept: array<vec4<u32>, BLOCK * CHUNKS>;

fn keep(c: u32, v: array<vec4<f32>, 8>) {
    var block = fixed_block(v);
    for (var j = 0u; j < BLOCK; j++) { kept[BLOCK * c + j] = block[j]; }
}

fn operand(c: u32) -> Operand {
    let at = BLOCK * c;
    return Operand(kept[at], kept[at + 1u], kept[at + 2u], kept[at + 3u], kept[at + 4u], kept[at + 5u], kept[at + 6u]);
}
