// Attention of one token: RoPE (and Qwen3's head norms) of q and k, the write of k and v to the cache, and softmax(q .
// K^T / sqrt(HEAD_DIM)) . V over 64 positions, for HEADS query heads that share a key head and so each load of K and V.
// A workgroup a set of heads (group.x) and 64 positions (group.y); combine.wgsl joins what they leave (Dao et al. 2023).
// Constants: N_HEAD, N_KV_HEAD, HEAD_DIM, HEADS (at most 8), HEAD_NORM, EPS, SCALE, those of shared/rope.wgsl, and a
// shared/kv_*.wgsl.

@group(0) @binding(0) var<storage, read> rope_table: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> batch: array<u32>;
@group(0) @binding(2) var<storage, read> q_norm: array<f32>; // [HEAD_DIM], or a dummy
@group(0) @binding(3) var<storage, read> k_norm: array<f32>; // [HEAD_DIM], or a dummy
@group(0) @binding(4) var<storage, read> qkv: array<f32>;             // [q | k | v]
@group(0) @binding(5) var<storage, read_write> k_cache: array<KvBlock>; // [positions][N_KV_HEAD][HEAD_DIM]
@group(0) @binding(6) var<storage, read_write> v_cache: array<KvBlock>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec4<f32>>; // [splits][N_HEAD][HEAD_DIM + 4]

const D4 = HEAD_DIM / 4u;
const SLICES = 64u / D4;
const LOWEST = -3.0e38;

var<workgroup> query: array<f32, HEADS * HEAD_DIM>;
var<workgroup> key: array<f32, HEAD_DIM>;
var<workgroup> weights: array<array<vec4<f32>, 16>, HEADS>; // scores, then weights
var<workgroup> scratch: array<f32, 64>;
var<workgroup> parts: array<array<vec4<f32>, 64>, HEADS>; // of scores, then of outputs

// The factor that RMS-normalises HEAD_DIM values of qkv.
fn head_scale(at: u32, lid: u32) -> f32 {
    var squares = 0.0;
    for (var i = lid; i < HEAD_DIM; i += 64u) { squares += qkv[at + i] * qkv[at + i]; }
    return 1.0 / sqrt(group_sum(squares, lid) / f32(HEAD_DIM) + EPS);
}

// Element i of a query head (k: of the key head) at `at`, normed but not rotated.
fn element(at: u32, i: u32, scale: f32, is_query: bool) -> f32 {
    let v = qkv[at + i];
    if (HEAD_NORM == 0u) { return v; }
    return v * scale * select(k_norm[i], q_norm[i], is_query);
}

fn turned(at: u32, pair: u32, scale: f32, is_query: bool, pos: u32) -> vec2<f32> {
    let e = pair_elements(pair);
    return rotated(vec2(element(at, e.x, scale, is_query), element(at, e.y, scale, is_query)), rotation(pos, pair));
}

fn query_vec(at: u32) -> vec4<f32> {
    return vec4(query[at], query[at + 1u], query[at + 2u], query[at + 3u]);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let pos = batch_pos();
    let first_head = HEADS * group.x;
    let kv_head = first_head / (N_HEAD / N_KV_HEAD);
    let first = 64u * group.y;
    let count = min(64u, pos + 1u - first);
    let row = N_KV_HEAD * D4; // of the cache
    let cache_at = first * row + kv_head * D4;

    for (var g = 0u; g < HEADS; g++) {
        let at = (first_head + g) * HEAD_DIM;
        var scale = 1.0;
        if (HEAD_NORM == 1u) { scale = head_scale(at, lid); }
        for (var pair = lid; pair < N_ROT / 2u; pair += 64u) {
            let e = pair_elements(pair);
            let v = turned(at, pair, scale, true, pos) * SCALE;
            query[g * HEAD_DIM + e.x] = v.x;
            query[g * HEAD_DIM + e.y] = v.y;
        }
        for (var i = N_ROT + lid; i < HEAD_DIM; i += 64u) {
            query[g * HEAD_DIM + i] = element(at, i, scale, true) * SCALE;
        }
    }
    // the token's own key and value, by the workgroup that needs them
    let k_at = (N_HEAD + kv_head) * HEAD_DIM;
    var k_scale = 1.0;
    if (HEAD_NORM == 1u) { k_scale = head_scale(k_at, lid); }
    for (var pair = lid; pair < N_ROT / 2u; pair += 64u) {
        let e = pair_elements(pair);
        let v = turned(k_at, pair, k_scale, false, pos);
        key[e.x] = v.x;
        key[e.y] = v.y;
    }
    for (var i = N_ROT + lid; i < HEAD_DIM; i += 64u) { key[i] = element(k_at, i, k_scale, false); }
    workgroupBarrier();
    if (first + count == pos + 1u) {
        let v_at = (N_HEAD + N_KV_HEAD + kv_head) * HEAD_DIM;
        for (var block = lid; block < D4 / KV_VECS; block += 64u) {
            var k = array<vec4<f32>, KV_VECS>();
            var v = array<vec4<f32>, KV_VECS>();
            for (var j = 0u; j < KV_VECS; j++) {
                let i = 4u * (KV_VECS * block + j);
                k[j] = vec4(key[i], key[i + 1u], key[i + 2u], key[i + 3u]);
                v[j] = vec4(qkv[v_at + i], qkv[v_at + i + 1u], qkv[v_at + i + 2u], qkv[v_at + i + 3u]);
            }
            let at = (cache_at + (count - 1u) * row) / KV_VECS + block;
            k_cache[at] = kv_block(k);
            v_cache[at] = kv_block(v);
        }
    }
    storageBarrier();
    workgroupBarrier();

    // four positions and every fourth vector of the heads an invocation, so that what it loads serves often
    let rows = cache_at + min((lid & 60u) + vec4(0u, 1u, 2u, 3u), vec4(count - 1u)) * row;
    var scores: array<vec4<f32>, HEADS>;
    for (var i = lid & 3u; i < D4; i += 4u) {
        let k = mat4x4(k_vec(rows.x + i), k_vec(rows.y + i), k_vec(rows.z + i), k_vec(rows.w + i));
        for (var g = 0u; g < HEADS; g++) { scores[g] += query_vec(g * HEAD_DIM + 4u * i) * k; }
    }
    for (var g = 0u; g < HEADS; g++) { parts[g][lid] = scores[g]; }
    workgroupBarrier();
    for (var g = 0u; g < HEADS; g++) {
        var score = 0.0;
        for (var i = 0u; i < 4u; i++) { score += parts[g][(lid & 60u) + i][lid & 3u]; }
        weights[g][lid >> 2u][lid & 3u] = select(LOWEST, score, lid < count);
    }
    workgroupBarrier();

    // eight invocations a head
    let head = lid >> 3u;
    let lane = lid & 7u;
    var largest = vec4(LOWEST);
    if (head < HEADS) { largest = max(weights[head][lane], weights[head][lane + 8u]); }
    var most = max(max(largest.x, largest.y), max(largest.z, largest.w));
    scratch[lid] = most;
    workgroupBarrier();
    for (var i = 0u; i < 8u; i++) { most = max(most, scratch[(lid & 56u) + i]); }
    var sum = 0.0;
    if (head < HEADS) {
        let low = exp(weights[head][lane] - most);
        let high = exp(weights[head][lane + 8u] - most);
        weights[head][lane] = low;
        weights[head][lane + 8u] = high;
        sum = dot(low + high, vec4(1.0));
    }
    workgroupBarrier();
    scratch[lid] = sum;
    workgroupBarrier();
    if (lane == 0u && head < HEADS) {
        for (var i = 1u; i < 8u; i++) { sum += scratch[lid + i]; }
        partial[(group.y * N_HEAD + first_head + head) * (D4 + 1u) + D4] = vec4(most, sum, 0.0, 0.0);
    }

    // a vector of the output and a slice of the positions an invocation
    let d = lid % D4;
    let slice = lid / D4;
    var acc: array<vec4<f32>, HEADS>;
    if (slice < SLICES) {
        // four positions at a time; what lies beyond the last weighs nothing
        for (var i = 4u * slice; i < count; i += 4u * SLICES) {
            let at = cache_at + min(i + vec4(0u, 1u, 2u, 3u), vec4(count - 1u)) * row + d;
            let v = mat4x4(v_vec(at.x), v_vec(at.y), v_vec(at.z), v_vec(at.w));
            for (var g = 0u; g < HEADS; g++) { acc[g] += v * weights[g][i >> 2u]; }
        }
    }
    for (var g = 0u; g < HEADS; g++) { parts[g][lid] = acc[g]; }
    workgroupBarrier();
    for (var i = lid; i < HEADS * D4; i += 64u) {
        let g = i / D4;
        var total = parts[g][i % D4];
        for (var s = 1u; s < SLICES; s++) { total += parts[g][i % D4 + s * D4]; }
        partial[(group.y * N_HEAD + first_head + g) * (D4 + 1u) + i % D4] = total;
    }
}
