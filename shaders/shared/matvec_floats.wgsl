// What matvec.wgsl multiplies by: x in f32, RMS-normalised first where NORM.

@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>; // [cols], with NORM [tokens][cols]

var<private> x_row = 0u;
var<private> x_scale = 1.0;

fn prepare(lid: u32) {
    if (NORM == 1u) {
        x_row = 8u * CHUNKS * batch_row();
        var squares = 0.0;
        for (var i = lid; i < 8u * CHUNKS; i += WORKGROUP) { squares += dot(x[x_row + i], x[x_row + i]); }
        x_scale = 1.0 / sqrt(group_sum(squares, lid) / f32(32u * CHUNKS) + EPS);
    }
}

fn operand(c: u32) -> Operand {
    let at = x_row + 8u * c;
    var v = array(x[at], x[at + 1u], x[at + 2u], x[at + 3u], x[at + 4u], x[at + 5u], x[at + 6u], x[at + 7u]);
    if (NORM == 1u) {
        for (var j = 0u; j < 8u; j++) { v[j] *= x_scale * norm_weight[8u * c + j]; }
    }
    return operand_of(v);
}

fn finished(sum: vec4<f32>) -> vec4<f32> { return sum; }
