// Rotary embedding of the heads of q and k, and the write of k and v to the cache, for a prompt's tokens.
// With HEAD_NORM, q and k are first RMS-normalised per head (Qwen3). One workgroup a head and token:
// group.x counts query heads, then key heads, then value heads.
// Constants: N_HEAD, N_KV_HEAD, HEAD_DIM, HEAD_NORM, EPS, those of shared/rope.wgsl, and a shared/kv_*.wgsl.

@group(0) @binding(0) var<storage, read> rope_table: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> batch: array<u32>;
@group(0) @binding(2) var<storage, read> q_norm: array<f32>; // [HEAD_DIM], or a dummy
@group(0) @binding(3) var<storage, read> k_norm: array<f32>; // [HEAD_DIM], or a dummy
@group(0) @binding(4) var<storage, read_write> qkv: array<f32>;       // [tokens][q | k | v]
@group(0) @binding(5) var<storage, read_write> k_cache: array<KvBlock>; // [positions][N_KV_HEAD][HEAD_DIM]
@group(0) @binding(6) var<storage, read_write> v_cache: array<KvBlock>;

var<workgroup> head: array<f32, HEAD_DIM>;

// A block of `head` as the cache keeps it.
fn head_block(block: u32) -> KvBlock {
    var v = array<vec4<f32>, KV_VECS>();
    for (var j = 0u; j < KV_VECS; j++) {
        let i = 4u * (KV_VECS * block + j);
        v[j] = vec4(head[i], head[i + 1u], head[i + 2u], head[i + 3u]);
    }
    return kv_block(v);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let t = group.y;
    let pos = batch_pos() + t;
    let at = t * (N_HEAD + 2u * N_KV_HEAD) * HEAD_DIM + group.x * HEAD_DIM;
    let is_query = group.x < N_HEAD;
    let is_value = group.x >= N_HEAD + N_KV_HEAD;
    var squares = 0.0;
    for (var i = lid; i < HEAD_DIM; i += 64u) {
        head[i] = qkv[at + i];
        squares += head[i] * head[i];
    }
    if (HEAD_NORM == 1u) {
        let scale = 1.0 / sqrt(group_sum(squares, lid) / f32(HEAD_DIM) + EPS);
        for (var i = lid; i < HEAD_DIM && !is_value; i += 64u) {
            head[i] *= scale * select(k_norm[i], q_norm[i], is_query);
        }
    }
    workgroupBarrier();
    if (!is_value) {
        for (var pair = lid; pair < N_ROT / 2u; pair += 64u) {
            let e = pair_elements(pair);
            let v = rotated(vec2(head[e.x], head[e.y]), rotation(pos, pair));
            head[e.x] = v.x;
            head[e.y] = v.y;
        }
    }
    workgroupBarrier();
    if (is_query) {
        for (var i = lid; i < HEAD_DIM; i += 64u) { qkv[at + i] = head[i]; }
        return;
    }
    let kv_head = (group.x - N_HEAD) % N_KV_HEAD;
    let blocks = HEAD_DIM / 4u / KV_VECS;
    let first = (pos * N_KV_HEAD + kv_head) * blocks;
    for (var i = lid; i < blocks; i += 64u) {
        if (is_value) { v_cache[first + i] = head_block(i); } else { k_cache[first + i] = head_block(i); }
    }
}
