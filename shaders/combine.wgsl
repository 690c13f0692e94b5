// Joins the parts that decode_attention.wgsl left: out = sum(exp(most - largest) acc) / sum(exp(most - largest) sum).
// A workgroup 32 elements, of each vector of which 16 invocations share the splits; they go where shared/four_*.wgsl says.
// Constants: WORKGROUP (128), N_HEAD, HEAD_DIM, TILES.

@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>; // [splits][N_HEAD][HEAD_DIM + 4]
@group(0) @binding(2) var<storage, read> batch: array<u32>;

const D4 = HEAD_DIM / 4u;
const VECS = 8u;
const SLICES = WORKGROUP / VECS;

struct Share {
    acc: vec4<f32>,
    most: f32, // the largest score
    sum: f32,
}

var<workgroup> outputs: array<vec4<f32>, WORKGROUP>;
var<workgroup> of_slices: array<vec2<f32>, WORKGROUP>; // largest score and sum

fn together(a: Share, b: Share) -> Share {
    let most = max(a.most, b.most);
    let x = exp(a.most - most);
    let y = exp(b.most - most);
    return Share(x * a.acc + y * b.acc, most, x * a.sum + y * b.sum);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let splits = batch_pos() / (64u * TILES) + 1u;
    let v = VECS * group.x + lid % VECS;
    let head = min(v / D4, N_HEAD - 1u);
    var share = Share(vec4(0.0), -3.0e38, 0.0);
    for (var s = lid / VECS; s < splits; s += SLICES) {
        let at = (s * N_HEAD + head) * (D4 + 1u);
        let part = partial[at + D4]; // the largest score and the sum
        share = together(share, Share(partial[at + v % D4], part.x, part.y));
    }
    outputs[lid] = share.acc;
    of_slices[lid] = vec2(share.most, share.sum);
    workgroupBarrier();
    if (lid < VECS) {
        for (var s = 1u; s < SLICES; s++) {
            let other = of_slices[lid + VECS * s];
            share = together(share, Share(outputs[lid + VECS * s], other.x, other.y));
        }
    }
    store_four(v, share.acc / share.sum, lid < VECS && v < N_HEAD * D4, lid);
}
