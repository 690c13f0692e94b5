// The product (shared/product.wgsl) by tiles in workgroup memory, of activations in fixed point (shared/fixed.wgsl).
//
// A workgroup of 128 makes a tile of 64 rows by 64 tokens, 32 columns at a time, and an invocation 4 rows by 8 tokens of it. Half
// of the invocations unpack the rows, while the others fetch the tokens.
// Without THREE_BYTES only the bytes a and b of the activations are used: what c adds is less than 2^-16 of a block's largest
// value. Where that is an outlier, it is read nevertheless. Rows and tokens are interleaved, so that neighbours read neighbours.

@group(0) @binding(2) var<storage, read> x: array<vec4<u32>>; // [tokens][cols / 32][BLOCK]

const ROW_VECS = 3u;   // of a row's chunk: the bytes, then d and m
const TOKEN_VECS = 5u + 2u * THREE_BYTES; // of a token's: the bytes a, b and perhaps c, then the header

var<workgroup> w_tile: array<vec4<u32>, 64u * ROW_VECS>;
var<workgroup> x_tile: array<vec4<u32>, 64u * TOKEN_VECS>;

struct Row {
    low: vec4<u32>,
    high: vec4<u32>,
    scales: vec4<f32>, // d and m
}

fn row_at(i: u32) -> Row {
    let at = ROW_VECS * i;
    return Row(w_tile[at], w_tile[at + 1u], bitcast<vec4<f32>>(w_tile[at + 2u]));
}

// A row's sum of products with the bytes of two planes, as 256 of the first and the second, times d.
fn weighed(w: Row, a: vec2<i32>, b: vec2<i32>) -> f32 {
    if (HALVES) { return w.scales.x * f32(256 * a.x + b.x) + w.scales.y * f32(256 * a.y + b.y); }
    return w.scales.x * f32(256 * (a.x + a.y) + b.x + b.y);
}

fn halves(w: Row, low: vec4<u32>, high: vec4<u32>) -> vec2<i32> {
    return vec2(sum_of_products(w.low, low), sum_of_products(w.high, high));
}

fn one_row(w: Row, at: u32, header: vec4<f32>) -> f32 {
    let a = halves(w, x_tile[at], x_tile[at + 1u]);
    let b = halves(w, x_tile[at + 2u], x_tile[at + 3u]);
    return 256.0 * header.x * weighed(w, a, b) - dot(w.scales.zw, header.yz);
}

// The same with the bytes c.
fn rest(w: Row, low: vec4<u32>, high: vec4<u32>) -> f32 {
    return weighed(w, vec2(0), halves(w, low, high));
}

// Four rows with the chunk c of token t of the tile, which is token `token` of the batch.
fn four_rows(w0: Row, w1: Row, w2: Row, w3: Row, t: u32, token: u32, c: u32) -> vec4<f32> {
    let at = TOKEN_VECS * t;
    let header = bitcast<vec4<f32>>(x_tile[at + TOKEN_VECS - 1u]);
    var sums = vec4(one_row(w0, at, header), one_row(w1, at, header), one_row(w2, at, header), one_row(w3, at, header));
    if (THREE_BYTES == 1u) {
        let low = x_tile[at + 4u];
        let high = x_tile[at + 5u];
        sums += header.x * vec4(rest(w0, low, high), rest(w1, low, high), rest(w2, low, high), rest(w3, low, high));
    } else if (header.w != 0.0) {
        let low = x[BLOCK * (token * CHUNKS + c) + 4u];
        let high = x[BLOCK * (token * CHUNKS + c) + 5u];
        sums += header.x * vec4(rest(w0, low, high), rest(w1, low, high), rest(w2, low, high), rest(w3, low, high));
    }
    return sums;
}

fn store_token(part: Part, row: u32, token: u32, n_tokens: u32, sums: vec4<f32>) {
    store(part, row, token, n_tokens, sums.x);
    store(part, row + 16u, token, n_tokens, sums.y);
    store(part, row + 32u, token, n_tokens, sums.z);
    store(part, row + 48u, token, n_tokens, sums.w);
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let part = part_of(group.x);
    let row0 = 64u * (group.x - part.first_group);
    let token0 = 64u * group.y;
    let n_tokens = batch_tokens();
    let eights = min(8u, (n_tokens - token0 + 7u) / 8u); // of tokens that there are
    let last = n_tokens - 1u;
    let r = lid % 16u;
    let t = lid / 16u;
    let token = token0 + t;
    let own = lid % 64u;
    var at: array<u32, TOKEN_VECS>; // where an invocation's share of the tokens is
    for (var j = 0u; j < TOKEN_VECS; j++) {
        let i = 64u * j + own;
        let k = i % TOKEN_VECS;
        at[j] = BLOCK * CHUNKS * min(token0 + i / TOKEN_VECS, last) + select(k, BLOCK - 1u, k == TOKEN_VECS - 1u);
    }
    var s0 = vec4(0.0); var s1 = vec4(0.0); var s2 = vec4(0.0); var s3 = vec4(0.0);
    var s4 = vec4(0.0); var s5 = vec4(0.0); var s6 = vec4(0.0); var s7 = vec4(0.0);
    for (var c = 0u; c < CHUNKS; c++) {
        if (lid < 64u) {
            let w = chunk(part.index, min(row0 + own, part.rows - 1u), c);
            w_tile[ROW_VECS * own] = w.q.low;
            w_tile[ROW_VECS * own + 1u] = w.q.high;
            w_tile[ROW_VECS * own + 2u] = bitcast<vec4<u32>>(vec4(w.d, w.m));
        } else {
            for (var j = 0u; j < TOKEN_VECS; j++) { x_tile[64u * j + own] = x[at[j] + BLOCK * c]; }
        }
        workgroupBarrier();
        let w0 = row_at(r);
        let w1 = row_at(r + 16u);
        let w2 = row_at(r + 32u);
        let w3 = row_at(r + 48u);
        s0 += four_rows(w0, w1, w2, w3, t, min(token, last), c);
        if (eights > 1u) { s1 += four_rows(w0, w1, w2, w3, t + 8u, min(token + 8u, last), c); }
        if (eights > 2u) { s2 += four_rows(w0, w1, w2, w3, t + 16u, min(token + 16u, last), c); }
        if (eights > 3u) { s3 += four_rows(w0, w1, w2, w3, t + 24u, min(token + 24u, last), c); }
        if (eights > 4u) { s4 += four_rows(w0, w1, w2, w3, t + 32u, min(token + 32u, last), c); }
        if (eights > 5u) { s5 += four_rows(w0, w1, w2, w3, t + 40u, min(token + 40u, last), c); }
        if (eights > 6u) { s6 += four_rows(w0, w1, w2, w3, t + 48u, min(token + 48u, last), c); }
        if (eights > 7u) { s7 += four_rows(w0, w1, w2, w3, t + 56u, min(token + 56u, last), c); }
        workgroupBarrier();
    }
    let row = row0 + r;
    store_token(part, row, token, n_tokens, s0);
    store_token(part, row, token + 8u, n_tokens, s1);
    store_token(part, row, token + 16u, n_tokens, s2);
    store_token(part, row, token + 24u, n_tokens, s3);
    store_token(part, row, token + 32u, n_tokens, s4);
    store_token(part, row, token + 40u, n_tokens, s5);
    store_token(part, row, token + 48u, n_tokens, s6);
    store_token(part, row, token + 56u, n_tokens, s7);
}
