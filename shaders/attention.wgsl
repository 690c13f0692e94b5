// out = softmax(q . K^T / sqrt(HEAD_DIM)) . V over the positions up to a token's own, for a prompt's tokens, with the
// running maximum and sum of Milakov & Gimelshein 2018. A workgroup a query head and eight tokens, which share each load
// of K and V, 64 positions at a time. Constants: N_HEAD, N_KV_HEAD, HEAD_DIM, SCALE, and a shared/kv_*.wgsl.

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;   // [tokens][q | k | v]
@group(0) @binding(1) var<storage, read> k_cache: array<KvBlock>; // [positions][N_KV_HEAD][HEAD_DIM]
@group(0) @binding(2) var<storage, read> v_cache: array<KvBlock>;
@group(0) @binding(3) var<storage, read> batch: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>; // [tokens][N_HEAD][HEAD_DIM]

const D4 = HEAD_DIM / 4u;
const SLICES = 64u / D4;
const TOKENS = 8u;
const LOWEST = -3.0e38;

var<workgroup> query: array<array<vec4<f32>, D4>, TOKENS>;
var<workgroup> weights: array<array<f32, 64>, TOKENS>; // scores, then weights
var<workgroup> scratch: array<f32, 64>;
var<workgroup> rescale: array<f32, TOKENS>;
var<workgroup> slices: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let h = group.x;
    let t0 = TOKENS * group.y;
    let n_tokens = batch_tokens();
    let row = N_KV_HEAD * D4;
    let head = (h / (N_HEAD / N_KV_HEAD)) * D4;
    for (var i = lid; i < TOKENS * D4; i += 64u) {
        let t = min(t0 + i / D4, n_tokens - 1u);
        query[i / D4][i % D4] = qkv[(t * (N_HEAD + 2u * N_KV_HEAD) + h) * D4 + i % D4] * SCALE;
    }
    workgroupBarrier();
    let d = lid % D4;
    let slice = lid / D4;
    let mine = lid >> 3u; // the token whose maximum and sum this and seven more invocations keep
    let lane = lid & 7u;
    let end = batch_pos() + min(t0 + TOKENS, n_tokens); // one past the last position of the last token
    let my_end = batch_pos() + t0 + mine + 1u;
    var most = LOWEST;
    var sum = 0.0;
    var acc: array<vec4<f32>, TOKENS>;
    for (var first = 0u; first < end; first += 64u) {
        // a position an invocation; the zeros are written out, for Chromium 156 on SwiftShader leaves them out in a loop
        var scores = array<f32, TOKENS>();
        if (first + lid < end) {
            let at = (first + lid) * row + head;
            for (var i = 0u; i < D4; i++) {
                let k = k_vec(at + i);
                for (var t = 0u; t < TOKENS; t++) { scores[t] += dot(query[t][i], k); }
            }
        }
        for (var t = 0u; t < TOKENS; t++) { weights[t][lid] = scores[t]; }
        workgroupBarrier();

        // eight invocations a token; what lies after it weighs nothing
        var new_most = most;
        for (var i = lane; i < 64u; i += 8u) {
            if (first + i < my_end) { new_most = max(new_most, weights[mine][i]); }
        }
        scratch[lid] = new_most;
        workgroupBarrier();
        for (var i = 0u; i < 8u; i++) { new_most = max(new_most, scratch[(lid & 56u) + i]); }
        let factor = exp(most - new_most);
        most = new_most;
        sum *= factor;
        for (var i = lane; i < 64u; i += 8u) {
            var weight = 0.0;
            if (first + i < my_end) { weight = exp(weights[mine][i] - most); }
            weights[mine][i] = weight;
            sum += weight;
        }
        if (lane == 0u) { rescale[mine] = factor; }
        workgroupBarrier();

        // a vector of the output and a slice of the positions an invocation
        for (var t = 0u; t < TOKENS; t++) { acc[t] *= rescale[t]; }
        if (slice < SLICES) {
            let last = min(64u, end - first);
            for (var i = slice; i < last; i += SLICES) {
                let v = v_vec((first + i) * row + head + d);
                for (var t = 0u; t < TOKENS; t++) { acc[t] += weights[t][i] * v; }
            }
        }
        workgroupBarrier();
    }
    scratch[lid] = sum;
    workgroupBarrier();
    if (lane == 0u) {
        for (var i = 1u; i < 8u; i++) { sum += scratch[lid + i]; }
        rescale[mine] = 1.0 / sum;
    }
    for (var t = 0u; t < TOKENS; t++) {
        slices[lid] = acc[t];
        workgroupBarrier();
        if (lid < D4 && t0 + t < n_tokens) {
            var total = slices[lid];
            for (var s = 1u; s < SLICES; s++) { total += slices[lid + s * D4]; }
            out[((t0 + t) * N_HEAD + h) * D4 + lid] = total * rescale[t];
        }
        workgroupBarrier();
    }
}
