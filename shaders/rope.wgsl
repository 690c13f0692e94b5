// Rotary embedding (Su et al. 2021) of the heads of q and k, and the write of k and v to the cache.
// With HEAD_NORM, q and k are first RMS-normalised per head (Qwen3). One workgroup a head and token:
// group.x counts query heads, then key heads, then value heads.
//
// The angle of position p is split as p = 256 * high + low; the table holds cos and sin of both halves in
// f32 rounded from f64, because WGSL's own cos and sin are only good to 2^-11.
// Constants: N_HEAD, N_KV_HEAD, HEAD_DIM, N_ROT, N_CTX, NEOX, HEAD_NORM, HIGH_ROWS, EPS.

@group(0) @binding(0) var<storage, read> rope_table: array<vec2<f32>>; // [HIGH_ROWS + 256][N_ROT / 2]
@group(0) @binding(1) var<storage, read> batch: array<u32>;
@group(0) @binding(2) var<storage, read> q_norm: array<f32>; // [HEAD_DIM], or a dummy
@group(0) @binding(3) var<storage, read> k_norm: array<f32>; // [HEAD_DIM], or a dummy
@group(0) @binding(4) var<storage, read_write> qkv: array<f32>;       // [tokens][q | k | v]
@group(0) @binding(5) var<storage, read_write> k_cache: array<KvVec>; // [N_KV_HEAD][N_CTX][HEAD_DIM]
@group(0) @binding(6) var<storage, read_write> v_cache: array<KvVec>;

const LARGEST_HALF = 65504.0;

var<workgroup> head: array<f32, HEAD_DIM>;

fn rotation(pos: u32, pair: u32) -> vec2<f32> {
    let a = rope_table[(pos >> 8u) * (N_ROT / 2u) + pair];
    let b = rope_table[(HIGH_ROWS + (pos & 255u)) * (N_ROT / 2u) + pair];
    return vec2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

fn head_vec(i: u32) -> KvVec {
    let v = vec4(head[4u * i], head[4u * i + 1u], head[4u * i + 2u], head[4u * i + 3u]);
    return KvVec(clamp(v, vec4(-LARGEST_HALF), vec4(LARGEST_HALF)));
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
    let sum = group_sum(squares, lid); // also makes `head` visible
    if (!is_value) {
        if (HEAD_NORM == 1u) {
            let scale = 1.0 / sqrt(sum / f32(HEAD_DIM) + EPS);
            for (var i = lid; i < HEAD_DIM; i += 64u) {
                head[i] *= scale * select(k_norm[i], q_norm[i], is_query);
            }
        }
    }
    workgroupBarrier();
    if (!is_value) {
        for (var pair = lid; pair < N_ROT / 2u; pair += 64u) {
            let i = select(2u * pair, pair, NEOX == 1u);
            let j = select(2u * pair + 1u, pair + N_ROT / 2u, NEOX == 1u);
            let r = rotation(pos, pair);
            let a = head[i];
            let b = head[j];
            head[i] = a * r.x - b * r.y;
            head[j] = a * r.y + b * r.x;
        }
    }
    workgroupBarrier();
    if (is_query) {
        for (var i = lid; i < HEAD_DIM; i += 64u) { qkv[at + i] = head[i]; }
        return;
    }
    let kv_head = (group.x - N_HEAD) % N_KV_HEAD;
    let row = (kv_head * N_CTX + pos) * (HEAD_DIM / 4u);
    for (var i = lid; i < HEAD_DIM / 4u; i += 64u) {
        if (is_value) { v_cache[row + i] = head_vec(i); } else { k_cache[row + i] = head_vec(i); }
    }
}
