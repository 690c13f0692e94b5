// Attention of one token: RoPE (and Qwen3's head norms) of q and k, the write of k and v to the cache, and softmax(q .
// K^T / sqrt(HEAD_DIM)) . V over 64 TILES positions, for HEADS query heads that share a key head and so each load of K and
// V. A workgroup a set of heads (group.x) and so many positions (group.y); combine.wgsl joins what they leave (Dao et al.
// 2023). What is read of the cache is asked for a step before it is used, and at first before the heads are turned.
// Constants: WORKGROUP (64 or more), N_HEAD, N_KV_HEAD, HEAD_DIM, HEADS (at most 8), TILES, HEAD_NORM, EPS, SCALE, those of
// shared/rope.wgsl and shared/heads.wgsl, and a shared/kv_*.wgsl.

@group(0) @binding(0) var<storage, read> rope_table: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> batch: array<u32>;
@group(0) @binding(2) var<storage, read> q_norm: array<f32>; // [HEAD_DIM], or a dummy
@group(0) @binding(3) var<storage, read> k_norm: array<f32>; // [HEAD_DIM], or a dummy
@group(0) @binding(4) var<storage, read> qkv: array<f32>;             // [q | k | v]
@group(0) @binding(5) var<storage, read_write> k_cache: array<KBlock>; // [positions][N_KV_HEAD][HEAD_DIM]
@group(0) @binding(6) var<storage, read_write> v_cache: array<VBlock>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec4<f32>>; // [splits][N_HEAD][HEAD_DIM + 4]

const D4 = HEAD_DIM / 4u;
const ROW = N_KV_HEAD * D4;     // of the cache
const LANES = WORKGROUP / 16u;  // invocations that share four positions of each tile
const SLICES = WORKGROUP / D4;
const LOWEST = -3.0e38;

var<workgroup> query: array<f32, HEADS * HEAD_DIM>;
var<workgroup> key: array<f32, HEAD_DIM>;
var<workgroup> parts: array<array<vec4<f32>, WORKGROUP * TILES>, HEADS>; // of scores, then of outputs
var<workgroup> weights: array<array<vec4<f32>, 16u * TILES>, HEADS>;    // scores, then weights, of four positions
var<workgroup> largest: array<array<f32, 16>, HEADS>; // of an invocation's scores
var<workgroup> sums: array<array<f32, 16>, HEADS>;    // of an invocation's weights

// Vector i at four positions from `first` on; beyond the last it is the last's.
fn places(cache_at: u32, first: u32, last: u32, i: u32) -> vec4<u32> {
    return cache_at + min(first + vec4(0u, 1u, 2u, 3u), vec4(last)) * ROW + i;
}

fn keys(cache_at: u32, first: u32, last: u32, i: u32) -> mat4x4<f32> {
    let at = places(cache_at, first, last, i);
    return mat4x4(k_vec(at.x), k_vec(at.y), k_vec(at.z), k_vec(at.w));
}

fn values(cache_at: u32, first: u32, last: u32, i: u32) -> mat4x4<f32> {
    let at = places(cache_at, first, last, i);
    return mat4x4(v_vec(at.x), v_vec(at.y), v_vec(at.z), v_vec(at.w));
}

fn query_vec(at: u32) -> vec4<f32> {
    return vec4(query[at], query[at + 1u], query[at + 2u], query[at + 3u]);
}

fn largest_of(head: u32) -> f32 {
    var most = largest[head][0];
    for (var i = 1u; i < 16u; i++) { most = max(most, largest[head][i]); }
    return most;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let pos = batch_pos();
    let first_head = HEADS * group.x;
    let kv_head = first_head / (N_HEAD / N_KV_HEAD);
    let first = 64u * TILES * group.y;
    let last = min(64u * TILES, pos + 1u - first) - 1u; // the last position, from `first` on
    let cache_at = first * ROW + kv_head * D4;
    let quad = lid / LANES;
    let lane = lid % LANES;
    var k: array<mat4x4<f32>, TILES>;
    for (var t = 0u; t < TILES; t++) { k[t] = keys(cache_at, 64u * t + 4u * quad, last, lane); }

    let k_at = (N_HEAD + kv_head) * HEAD_DIM;
    var scales: array<f32, HEADS>;
    var k_scale = 1.0;
    if (HEAD_NORM == 1u) {
        for (var g = 0u; g < HEADS; g++) { scales[g] = head_scale((first_head + g) * HEAD_DIM, lid); }
        k_scale = head_scale(k_at, lid);
    }
    for (var pair = lid; pair < N_ROT / 2u; pair += WORKGROUP) {
        let e = pair_elements(pair);
        let r = rotation(pos, pair);
        for (var g = 0u; g < HEADS; g++) {
            let v = turned((first_head + g) * HEAD_DIM, e, scales[g], true, r) * SCALE;
            query[g * HEAD_DIM + e.x] = v.x;
            query[g * HEAD_DIM + e.y] = v.y;
        }
        let v = turned(k_at, e, k_scale, false, r);
        key[e.x] = v.x;
        key[e.y] = v.y;
    }
    for (var i = N_ROT + lid; i < HEAD_DIM; i += WORKGROUP) {
        for (var g = 0u; g < HEADS; g++) {
            query[g * HEAD_DIM + i] = element((first_head + g) * HEAD_DIM, i, scales[g], true) * SCALE;
        }
        key[i] = element(k_at, i, k_scale, false);
    }
    workgroupBarrier();
    // the token's own key and value, by the workgroup that needs them
    let has_own = first + last == pos;
    if (has_own) {
        let v_at = (N_HEAD + N_KV_HEAD + kv_head) * HEAD_DIM;
        let own = cache_at + last * ROW;
        for (var block = lid; block < D4 / K_VECS; block += WORKGROUP) {
            var all = array<vec4<f32>, K_VECS>();
            for (var j = 0u; j < K_VECS; j++) {
                let i = 4u * (K_VECS * block + j);
                all[j] = vec4(key[i], key[i + 1u], key[i + 2u], key[i + 3u]);
            }
            k_cache[own / K_VECS + block] = k_block(all);
        }
        for (var block = lid; block < D4 / V_VECS; block += WORKGROUP) {
            var all = array<vec4<f32>, V_VECS>();
            for (var j = 0u; j < V_VECS; j++) {
                let i = v_at + 4u * (V_VECS * block + j);
                all[j] = vec4(qkv[i], qkv[i + 1u], qkv[i + 2u], qkv[i + 3u]);
            }
            v_cache[own / V_VECS + block] = v_block(all);
        }
    }
    storageBarrier();
    for (var t = 0u; t < TILES; t++) {
        if (has_own && 16u * t + quad == last / 4u) { k[t] = keys(cache_at, 64u * t + 4u * quad, last, lane); }
    }

    // four positions of each tile and some vectors of the heads an invocation, so that what it loads serves often
    var scores: array<vec4<f32>, HEADS * TILES>;
    for (var i = lane; i < D4; i += LANES) {
        var q = array<vec4<f32>, HEADS>();
        for (var g = 0u; g < HEADS; g++) { q[g] = query_vec(g * HEAD_DIM + 4u * i); }
        for (var t = 0u; t < TILES; t++) {
            let now = k[t];
            if (i + LANES < D4) { k[t] = keys(cache_at, 64u * t + 4u * quad, last, i + LANES); }
            for (var g = 0u; g < HEADS; g++) { scores[HEADS * t + g] += q[g] * now; }
        }
    }
    for (var i = 0u; i < HEADS * TILES; i++) { parts[i % HEADS][WORKGROUP * (i / HEADS) + lid] = scores[i]; }
    workgroupBarrier();

    let d = lid % D4;
    let slice = lid / D4;
    var v = values(cache_at, 4u * slice, last, d);

    // four positions of each tile and some of the heads an invocation
    let own_four = lid & 15u;
    for (var g = lid >> 4u; g < HEADS; g += LANES) {
        var most = vec4(LOWEST);
        for (var t = 0u; t < TILES; t++) {
            let at = WORKGROUP * t + LANES * own_four;
            var score = parts[g][at];
            for (var i = 1u; i < LANES; i++) { score += parts[g][at + i]; }
            let known = select(vec4(LOWEST), score, 64u * t + 4u * own_four + vec4(0u, 1u, 2u, 3u) <= vec4(last));
            weights[g][16u * t + own_four] = known;
            most = max(most, known);
        }
        largest[g][own_four] = max(max(most.x, most.y), max(most.z, most.w));
    }
    workgroupBarrier();
    for (var g = lid >> 4u; g < HEADS; g += LANES) {
        let most = largest_of(g);
        var sum = vec4(0.0);
        for (var t = 0u; t < TILES; t++) {
            let weight = exp(weights[g][16u * t + own_four] - most);
            weights[g][16u * t + own_four] = weight;
            sum += weight;
        }
        sums[g][own_four] = dot(sum, vec4(1.0));
    }
    workgroupBarrier();

    // a vector of the output and a slice of the positions an invocation
    var acc: array<vec4<f32>, HEADS>;
    if (slice < SLICES) {
        // four positions at a time; what lies beyond the last weighs nothing
        for (var i = 4u * slice; i <= last; i += 4u * SLICES) {
            let now = v;
            if (i + 4u * SLICES <= last) { v = values(cache_at, i + 4u * SLICES, last, d); }
            for (var g = 0u; g < HEADS; g++) { acc[g] += now * weights[g][i >> 2u]; }
        }
    }
    for (var g = 0u; g < HEADS; g++) { parts[g][lid] = acc[g]; }
    workgroupBarrier();
    let out = (group.y * N_HEAD + first_head) * (D4 + 1u);
    for (var i = lid; i < HEADS * D4; i += WORKGROUP) {
        let g = i / D4;
        var total = parts[g][i % D4];
        for (var s = 1u; s < SLICES; s++) { total += parts[g][i % D4 + s * D4]; }
        partial[out + g * (D4 + 1u) + i % D4] = total;
    }
    if (lid < HEADS) {
        var sum = 0.0;
        for (var i = 0u; i < 16u; i++) { sum += sums[lid][i]; }
        partial[out + lid * (D4 + 1u) + D4] = vec4(largest_of(lid), sum, 0.0, 0.0);
    }
}
