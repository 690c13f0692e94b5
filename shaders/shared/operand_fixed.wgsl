// 32 values as matvec.wgsl multiplies a chunk of weights by them: in fixed point (fixed.wgsl, dot_fixed.wgsl).

alias Operand = array<vec4<u32>, BLOCK>;

fn product(part: u32, row: u32, c: u32, x: Operand) -> f32 { return dot_fixed(chunk(part, row, c), x); }
