// 32 values as matvec.wgsl multiplies a chunk of weights by them: in f32.

struct Operand {
    v: array<vec4<f32>, 8>,
    sums: vec2<f32>, // of its halves
}

fn operand_of(v: array<vec4<f32>, 8>) -> Operand {
    return Operand(v, vec2(dot(v[0] + v[1] + v[2] + v[3], vec4(1.0)), dot(v[4] + v[5] + v[6] + v[7], vec4(1.0))));
}

fn product(part: u32, row: u32, c: u32, x: Operand) -> f32 {
    let w = unpack(part, row, c);
    let low = dot(w.q[0], x.v[0]) + dot(w.q[1], x.v[1]) + dot(w.q[2], x.v[2]) + dot(w.q[3], x.v[3]);
    let high = dot(w.q[4], x.v[4]) + dot(w.q[5], x.v[5]) + dot(w.q[6], x.v[6]) + dot(w.q[7], x.v[7]);
    return dot(w.d, vec2(low, high)) - dot(w.m, x.sums);
}
