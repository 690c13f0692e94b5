// What matvec.wgsl multiplies by: x in f32, RMS-normalised first where NORM.

@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>; // [cols], with NORM [tokens][cols]

var<private> x_row = 0u;
var<private> x_scale = 1.0;

struct Operand {
    v: array<vec4<f32>, 8>,
    sums: vec2<f32>, // of its halves
}

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
    let sums = vec2(dot(v[0] + v[1] + v[2] + v[3], vec4(1.0)), dot(v[4] + v[5] + v[6] + v[7], vec4(1.0)));
    return Operand(v, sums);
}

fn product(part: u32, row: u32, c: u32, x: Operand) -> f32 {
    let w = unpack(part, row, c);
    let low = dot(w.q[0], x.v[0]) + dot(w.q[1], x.v[1]) + dot(w.q[2], x.v[2]) + dot(w.q[3], x.v[3]);
    let high = dot(w.q[4], x.v[4]) + dot(w.q[5], x.v[5]) + dot(w.q[6], x.v[6]) + dot(w.q[7], x.v[7]);
    return dot(w.d, vec2(low, high)) - dot(w.m, x.sums);
}

fn finished(sum: vec4<f32>) -> vec4<f32> { return sum; }
