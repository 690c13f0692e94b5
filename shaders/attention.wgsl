// out = softmax(q . K^T / sqrt(HEAD_DIM)) . V over the positions up to a token's own, for a prompt's tokens, with the
// running maximum and sum of Milakov & Gimelshein 2018. A workgroup a query head and 4 * GROUPS tokens, HEAD_DIM positions
// at a time. Each invocation has four tokens; it makes their scores for four positions, then a vector of their outputs, so
// that what it loads serves four times. Neighbours want keys of different positions, which lie apart in the cache: with TILED
// they come through workgroup memory, GROUPS vectors of each position at a time. Values they want side by side, as they lie.
// Constants: N_HEAD, N_KV_HEAD, HEAD_DIM, GROUPS, TILED, SCALE, FIXED (whether out is in fixed point, see fixed.wgsl; with heads
// of a multiple of 32), and a shared/kv_*.wgsl.

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;   // [tokens][q | k | v]
@group(0) @binding(1) var<storage, read> k_cache: array<KBlock>; // [positions][N_KV_HEAD][HEAD_DIM]
@group(0) @binding(2) var<storage, read> v_cache: array<VBlock>;
@group(0) @binding(3) var<storage, read> batch: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<u32>>; // [tokens][N_HEAD][HEAD_DIM], f32 or with FIXED blocks

const LANES = HEAD_DIM / 4u; // invocations that share four tokens; vectors of a head
const ROW = N_KV_HEAD * LANES; // of the cache
const BLOCKS = max(1u, LANES / 8u); // of a head in fixed point
const LOWEST = -3.0e38;

const SIZE = GROUPS * LANES; // invocations
const KEY_VECS = select(LANES, min(GROUPS, LANES), TILED == 1u); // that are multiplied between two barriers
const STRIDE = HEAD_DIM + 8u / GROUPS; // so that what neighbours store lies in different banks

// With TILED keys, [vector][position % 4][position / 4]; when they have been used weights, [token][position / 4].
var<workgroup> tile: array<vec4<f32>, GROUPS * STRIDE>;
var<workgroup> of_lanes: array<vec4<f32>, SIZE>; // what each invocation has of its four tokens

// Puts share j of four of an invocation into the tile: keys of the positions from `first` on, from vector v on. Neighbours read
// a position's vectors side by side.
fn fetch(j: u32, lid: u32, first: u32, last: u32, v: u32, head_at: u32) {
    let i = SIZE * j + lid;
    let k = i % GROUPS;
    let column = i / GROUPS;
    let position = min(first + 4u * (column % LANES) + column / LANES, last);
    tile[STRIDE * k + column] = k_vec(position * ROW + head_at + min(v + k, LANES - 1u));
}

// Vector v + i of the keys at an invocation's four positions, as columns.
fn keys(at: vec4<u32>, v: u32, i: u32, lane: u32) -> mat4x4<f32> {
    if (TILED == 1u) {
        let t = STRIDE * i + lane;
        return mat4x4(tile[t], tile[t + LANES], tile[t + 2u * LANES], tile[t + 3u * LANES]);
    }
    return mat4x4(k_vec(at.x + v + i), k_vec(at.y + v + i), k_vec(at.z + v + i), k_vec(at.w + v + i));
}

// Vector i of a head's values at four positions, as columns.
fn values(at: vec4<u32>, i: u32) -> mat4x4<f32> {
    return mat4x4(v_vec(at.x + i), v_vec(at.y + i), v_vec(at.z + i), v_vec(at.w + i));
}

fn largest(v: vec4<f32>) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let head = group.x;
    let n_tokens = batch_tokens();
    let lane = lid % LANES;
    let group_at = lid - lane; // the first of the invocations that share four tokens
    let token0 = 4u * GROUPS * group.y;
    let tokens = token0 + 4u * (lid / LANES) + vec4(0u, 1u, 2u, 3u);
    let rows = min(tokens, vec4(n_tokens - 1u));
    let q_at = (rows * (N_HEAD + 2u * N_KV_HEAD) + head) * LANES;
    let positions = batch_pos() + rows;
    let end = batch_pos() + min(token0 + 4u * GROUPS, n_tokens); // one past the last position of the last token
    let head_at = head / (N_HEAD / N_KV_HEAD) * LANES;

    var most = vec4(LOWEST);
    var sum = vec4(0.0); // of this invocation's positions
    var out0 = vec4(0.0);
    var out1 = vec4(0.0);
    var out2 = vec4(0.0);
    var out3 = vec4(0.0);
    for (var first = 0u; first < end; first += HEAD_DIM) {
        let mine = first + 4u * lane + vec4(0u, 1u, 2u, 3u);
        let k_at = min(mine, vec4(end - 1u)) * ROW + head_at;
        var score0 = vec4(0.0);
        var score1 = vec4(0.0);
        var score2 = vec4(0.0);
        var score3 = vec4(0.0);
        for (var v = 0u; v < LANES; v += KEY_VECS) {
            if (TILED == 1u) {
                workgroupBarrier(); // what was in the tile has been read
                for (var j = 0u; j < 4u; j++) { fetch(j, lid, first, end - 1u, v, head_at); }
                workgroupBarrier();
            }
            for (var i = 0u; i < min(KEY_VECS, LANES - v); i++) {
                let k = keys(k_at, v, i, lane);
                score0 += qkv[q_at.x + v + i] * k;
                score1 += qkv[q_at.y + v + i] * k;
                score2 += qkv[q_at.z + v + i] * k;
                score3 += qkv[q_at.w + v + i] * k;
            }
        }
        score0 = select(vec4(LOWEST), SCALE * score0, mine <= vec4(positions.x));
        score1 = select(vec4(LOWEST), SCALE * score1, mine <= vec4(positions.y));
        score2 = select(vec4(LOWEST), SCALE * score2, mine <= vec4(positions.z));
        score3 = select(vec4(LOWEST), SCALE * score3, mine <= vec4(positions.w));

        of_lanes[lid] = vec4(largest(score0), largest(score1), largest(score2), largest(score3));
        workgroupBarrier();
        let before = most;
        for (var i = 0u; i < LANES; i++) { most = max(most, of_lanes[group_at + i]); }
        let rescale = exp(before - most);
        score0 = exp(score0 - most.x);
        score1 = exp(score1 - most.y);
        score2 = exp(score2 - most.z);
        score3 = exp(score3 - most.w);
        sum = rescale * sum
            + vec4(dot(score0, vec4(1.0)), dot(score1, vec4(1.0)), dot(score2, vec4(1.0)), dot(score3, vec4(1.0)));
        let at = 4u * group_at;
        tile[at + lane] = score0;
        tile[at + LANES + lane] = score1;
        tile[at + 2u * LANES + lane] = score2;
        tile[at + 3u * LANES + lane] = score3;
        workgroupBarrier();

        out0 *= rescale.x;
        out1 *= rescale.y;
        out2 *= rescale.z;
        out3 *= rescale.w;
        let quads = min(LANES, (end - first + 3u) / 4u);
        for (var i = 0u; i < quads; i++) {
            let v_at = min(first + 4u * i + vec4(0u, 1u, 2u, 3u), vec4(end - 1u)) * ROW + head_at;
            let v = values(v_at, lane);
            out0 += v * tile[at + i];
            out1 += v * tile[at + LANES + i];
            out2 += v * tile[at + 2u * LANES + i];
            out3 += v * tile[at + 3u * LANES + i];
        }
    }
    // the last iteration's readers of of_lanes have passed its second barrier
    of_lanes[lid] = sum;
    workgroupBarrier();
    var total = vec4(0.0);
    for (var i = 0u; i < LANES; i++) { total += of_lanes[group_at + i]; }
    if (FIXED == 1u) {
        let at = 4u * group_at + lane; // as the weights, of which all are read
        tile[at] = out0 / total.x;
        tile[at + LANES] = out1 / total.y;
        tile[at + 2u * LANES] = out2 / total.z;
        tile[at + 3u * LANES] = out3 / total.w;
        workgroupBarrier();
        for (var b = lid; b < SIZE / 2u; b += SIZE) {
            let token = token0 + 8u * b / LANES;
            let v = 8u * b;
            let block = fixed_block(array(
                tile[v], tile[v + 1u], tile[v + 2u], tile[v + 3u],
                tile[v + 4u], tile[v + 5u], tile[v + 6u], tile[v + 7u]));
            if (token < n_tokens) {
                let at = BLOCK * ((token * N_HEAD + head) * BLOCKS + b % BLOCKS);
                for (var j = 0u; j < BLOCK; j++) { out[at + j] = block[j]; }
            }
        }
        return;
    }
    let out_at = (tokens * N_HEAD + head) * LANES + lane;
    if (tokens.x < n_tokens) { out[out_at.x] = bitcast<vec4<u32>>(out0 / total.x); }
    if (tokens.y < n_tokens) { out[out_at.y] = bitcast<vec4<u32>>(out1 / total.y); }
    if (tokens.z < n_tokens) { out[out_at.z] = bitcast<vec4<u32>>(out2 / total.z); }
    if (tokens.w < n_tokens) { out[out_at.w] = bitcast<vec4<u32>>(out3 / total.w); }
}
