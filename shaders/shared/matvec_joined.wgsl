// What matvec.wgsl multiplies by: the heads that decode_attention.wgsl left in parts, joined as combine.wgsl joins them.
// Where there are few parts, each workgroup can do that for itself in less time than a dispatch takes.
// Constants: N_HEAD, HEAD_DIM (a multiple of 32), SPLIT (positions of a part).

@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>; // [splits][N_HEAD][HEAD_DIM + 4]

const D4 = HEAD_DIM / 4u;

fn prepare(lid: u32) {
    let splits = batch_pos() / SPLIT + 1u;
    for (var c = lid; c < CHUNKS; c += WORKGROUP) {
        let head = 8u * c / D4 * (D4 + 1u);
        var most = -3.0e38;
        for (var s = 0u; s < splits; s++) { most = max(most, x[s * N_HEAD * (D4 + 1u) + head + D4].x); }
        var v: array<vec4<f32>, 8>;
        var sum = 0.0;
        for (var s = 0u; s < splits; s++) {
            let at = s * N_HEAD * (D4 + 1u) + head;
            let part = x[at + D4]; // the largest score and the sum
            let weight = exp(part.x - most);
            sum += weight * part.y;
            for (var j = 0u; j < 8u; j++) { v[j] += weight * x[at + 8u * c % D4 + j]; }
        }
        for (var j = 0u; j < 8u; j++) { v[j] /= sum; }
        keep(c, v);
    }
    workgroupBarrier();
}

fn finished(sum: vec4<f32>) -> vec4<f32> { return sum; }
