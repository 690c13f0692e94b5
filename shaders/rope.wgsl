// Rotary embedding of the heads of q and k, and the write of k and v to the cache, for a prompt's tokens.
// With HEAD_NORM, q and k are first RMS-normalised per head (Qwen3). One workgroup a head and token, an invocation for four
// elements: group.x counts query heads, then key heads, then value heads.
// Constants: N_HEAD, N_KV_HEAD, HEAD_DIM, HEAD_NORM, EPS, those of shared/rope.wgsl, and a shared/kv_*.wgsl.

@group(0) @binding(0) var<storage, read> rope_table: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> batch: array<u32>;
@group(0) @binding(2) var<storage, read> q_norm: array<f32>; // [HEAD_DIM], or a dummy
@group(0) @binding(3) var<storage, read> k_norm: array<f32>; // [HEAD_DIM], or a dummy
@group(0) @binding(4) var<storage, read_write> qkv: array<vec4<f32>>;   // [tokens][q | k | v]
@group(0) @binding(5) var<storage, read_write> k_cache: array<KBlock>; // [positions][N_KV_HEAD][HEAD_DIM]
@group(0) @binding(6) var<storage, read_write> v_cache: array<VBlock>;

const VECS = HEAD_DIM / 4u;

var<workgroup> head: array<f32, HEAD_DIM>;

// What element i of the head is multiplied by before it is rotated.
fn norm_weight(i: u32, scale: f32, is_query: bool) -> f32 {
    if (HEAD_NORM == 0u) { return 1.0; }
    return scale * select(k_norm[i], q_norm[i], is_query);
}

// Element i of a head of q or k, normed and rotated.
fn turned(i: u32, scale: f32, is_query: bool, pos: u32) -> f32 {
    let own = head[i] * norm_weight(i, scale, is_query);
    if (i >= N_ROT) { return own; }
    let pair = pair_of(i);
    let e = pair_elements(pair);
    let x = head[e.x] * norm_weight(e.x, scale, is_query);
    let y = head[e.y] * norm_weight(e.y, scale, is_query);
    let v = rotated(vec2(x, y), rotation(pos, pair));
    return select(v.y, v.x, i == e.x);
}

fn turned_vec(n: u32, scale: f32, is_query: bool, pos: u32) -> vec4<f32> {
    let i = 4u * n;
    return vec4(
        turned(i, scale, is_query, pos), turned(i + 1u, scale, is_query, pos),
        turned(i + 2u, scale, is_query, pos), turned(i + 3u, scale, is_query, pos));
}

@compute @workgroup_size(VECS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let pos = batch_pos() + group.y;
    let at = (group.y * (N_HEAD + 2u * N_KV_HEAD) + group.x) * VECS;
    let is_query = group.x < N_HEAD;
    let is_value = group.x >= N_HEAD + N_KV_HEAD;
    let mine = qkv[at + lid];
    head[4u * lid] = mine.x;
    head[4u * lid + 1u] = mine.y;
    head[4u * lid + 2u] = mine.z;
    head[4u * lid + 3u] = mine.w;
    workgroupBarrier();
    var scale = 1.0;
    if (HEAD_NORM == 1u) {
        var squares = 0.0;
        for (var i = 0u; i < HEAD_DIM; i++) { squares += head[i] * head[i]; }
        scale = 1.0 / sqrt(squares / f32(HEAD_DIM) + EPS);
    }
    if (is_query) {
        qkv[at + lid] = turned_vec(lid, scale, true, pos);
        return;
    }
    // by blocks of the cache
    let cache_head = pos * N_KV_HEAD + (group.x - N_HEAD) % N_KV_HEAD;
    if (is_value && lid < VECS / V_VECS) {
        var v = array<vec4<f32>, V_VECS>();
        for (var j = 0u; j < V_VECS; j++) {
            let i = 4u * (V_VECS * lid + j);
            v[j] = vec4(head[i], head[i + 1u], head[i + 2u], head[i + 3u]);
        }
        v_cache[cache_head * (VECS / V_VECS) + lid] = v_block(v);
    } else if (!is_value && lid < VECS / K_VECS) {
        var k = array<vec4<f32>, K_VECS>();
        for (var j = 0u; j < K_VECS; j++) { k[j] = turned_vec(K_VECS * lid + j, scale, false, pos); }
        k_cache[cache_head * (VECS / K_VECS) + lid] = k_block(k);
    }
}
