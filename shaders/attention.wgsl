// out = softmax(q . K^T / sqrt(HEAD_DIM)) . V over the positions up to the token's own, with the running
// maximum and sum of Milakov & Gimelshein 2018. One workgroup a query head and token; 64 positions at a
// time: first one position an invocation, then every invocation sums one vector of the output over a slice
// of them. Constants: N_HEAD, N_KV_HEAD, HEAD_DIM, N_CTX, SCALE.

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;   // [tokens][q | k | v]
@group(0) @binding(1) var<storage, read> k_cache: array<KvVec>;   // [N_KV_HEAD][N_CTX][HEAD_DIM]
@group(0) @binding(2) var<storage, read> v_cache: array<KvVec>;
@group(0) @binding(3) var<storage, read> batch: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>; // [tokens][N_HEAD][HEAD_DIM]

const D4 = HEAD_DIM / 4u;
const SLICES = 64u / D4;
const LOWEST = -3.0e38;

var<workgroup> query: array<vec4<f32>, D4>;
var<workgroup> weights: array<f32, 64>;
var<workgroup> partial: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let h = group.x;
    let t = group.y;
    let last = batch_pos() + t;
    let kv_row = (h / (N_HEAD / N_KV_HEAD)) * N_CTX;
    let q_row = (t * (N_HEAD + 2u * N_KV_HEAD) + h) * D4;
    for (var i = lid; i < D4; i += 64u) { query[i] = qkv[q_row + i] * SCALE; }
    workgroupBarrier();
    let d = lid % D4;
    let slice = lid / D4;
    var most = LOWEST;
    var sum = 0.0;
    var acc = vec4(0.0);
    for (var first = 0u; first <= last; first += 64u) {
        let pos = first + lid;
        var score = LOWEST;
        if (pos <= last) {
            var products = vec4(0.0);
            for (var i = 0u; i < D4; i++) { products += query[i] * vec4<f32>(k_cache[(kv_row + pos) * D4 + i]); }
            score = products.x + products.y + products.z + products.w;
        }
        let new_most = max(most, group_max(score, lid));
        let rescale = exp(most - new_most);
        let weight = select(0.0, exp(score - new_most), pos <= last);
        most = new_most;
        sum = sum * rescale + weight;
        acc *= rescale;
        weights[lid] = weight;
        workgroupBarrier();
        if (slice < SLICES) {
            let end = min(64u, last - first + 1u);
            for (var i = slice; i < end; i += SLICES) {
                acc += weights[i] * vec4<f32>(v_cache[(kv_row + first + i) * D4 + d]);
            }
        }
    }
    let total = group_sum(sum, lid);
    partial[lid] = acc;
    workgroupBarrier();
    if (lid < D4) {
        for (var s = 1u; s < SLICES; s++) { acc += partial[lid + s * D4]; }
        out[(t * N_HEAD + h) * D4 + lid] = acc / total;
    }
}
