// What a workgroup of matvec.wgsl makes for itself of x, a chunk an invocation, and then multiplies by: in f32.

var<workgroup> kept: array<vec4<f32>, 8u * CHUNKS>;

fn keep(c: u32, v: array<vec4<f32>, 8>) {
    var values = v;
    for (var j = 0u; j < 8u; j++) { kept[8u * c + j] = values[j]; }
}

fn operand(c: u32) -> Operand {
    let at = 8u * c;
    return operand_of(array(
        kept[at], kept[at + 1u], kept[at + 2u], kept[at + 3u], kept[at + 4u], kept[at + 5u], kept[at + 6u], kept[at + 7u]));
}
