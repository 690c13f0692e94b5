// What matvec.wgsl multiplies by: the RMSNorm of x in fixed point, which each workgroup makes for itself, as that takes less
// time than a dispatch. It keeps x times the norm's weight, and multiplies what comes out by the norm's scale.

@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>; // [tokens][cols]

alias Operand = array<vec4<u32>, BLOCK>;

var<workgroup> blocks: array<vec4<u32>, BLOCK * CHUNKS>;
var<private> x_scale = 1.0;

fn prepare(lid: u32) {
    let row = 8u * CHUNKS * batch_row();
    var squares = 0.0;
    for (var c = lid; c < CHUNKS; c += WORKGROUP) {
        var v: array<vec4<f32>, 8>;
        for (var j = 0u; j < 8u; j++) {
            let value = x[row + 8u * c + j];
            squares += dot(value, value);
            v[j] = value * norm_weight[8u * c + j];
        }
        let block = fixed_block(v);
        for (var j = 0u; j < BLOCK; j++) { blocks[BLOCK * c + j] = block[j]; }
    }
    // its barriers also show every invocation the blocks
    x_scale = 1.0 / sqrt(group_sum(squares, lid) / f32(32u * CHUNKS) + EPS);
}

fn operand(c: u32) -> Operand {
    let at = BLOCK * c;
    return Operand(blocks[at], blocks[at + 1u], blocks[at + 2u], blocks[at + 3u], blocks[at + 4u], blocks[at + 5u], blocks[at + 6u]);
}

fn product(part: u32, row: u32, c: u32, x: Operand) -> f32 { return dot_fixed(chunk(part, row, c), x); }

fn finished(sum: vec4<f32>) -> vec4<f32> { return x_scale * sum; }
