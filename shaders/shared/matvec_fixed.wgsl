// What matvec.wgsl multiplies by: blocks in fixed point (fixed.wgsl).

@group(0) @binding(3) var<storage, read> x: array<vec4<u32>>; // [cols / 32][BLOCK]

fn prepare(lid: u32) {}

fn operand(c: u32) -> Operand {
    let at = BLOCK * c;
    return Operand(x[at], x[at + 1u], x[at + 2u], x[at + 3u], x[at + 4u], x[at + 5u], x[at + 6u]);
}

fn finished(sum: vec4<f32>) -> vec4<f32> { return sum; }
