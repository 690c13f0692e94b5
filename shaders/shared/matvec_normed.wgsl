// What matvec.wgsl multiplies by: the RMSNorm of x, which each workgroup makes for itself, as that takes less time than a
// dispatch. It keeps x times the norm's weight (kept_fixed.wgsl), and multiplies what comes out by the norm's scale.

@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>; // [tokens][cols]

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
        keep(c, v);
    }
    // its barriers also show every invocation what is kept
    x_scale = 1.0 / sqrt(group_sum(squares, lid) / f32(32u * CHUNKS) + EPS);
}

fn finished(sum: vec4<f32>) -> vec4<f32> { return x_scale * sum; }
