// The product (shared/product.wgsl) by tiles in workgroup memory.
//
// A workgroup makes a tile of 64 rows by 64 tokens, 32 columns at a time: each invocation unpacks one row's chunk into
// workgroup memory, then multiplies 8 rows by 8 tokens in registers (by 4, where the batch has no more). Everything is
// written out, because compilers that do not unroll loops would keep the sums in memory. The vectors of row or token n
// are exchanged by n % 8, so that neighbouring rows lie in different banks.

@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>; // [tokens][cols]

var<workgroup> w_tile: array<vec4<f32>, 512>; // 64 rows
var<workgroup> x_tile: array<vec4<f32>, 512>; // 64 tokens

fn load_w(part: Part, row: u32, lid: u32, c: u32) {
    let w = unpack(part.index, row, c);
    let at = 8u * lid;
    let s = lid & 7u;
    w_tile[at + (0u ^ s)] = w.d.x * w.q[0] - vec4(w.m.x);
    w_tile[at + (1u ^ s)] = w.d.x * w.q[1] - vec4(w.m.x);
    w_tile[at + (2u ^ s)] = w.d.x * w.q[2] - vec4(w.m.x);
    w_tile[at + (3u ^ s)] = w.d.x * w.q[3] - vec4(w.m.x);
    w_tile[at + (4u ^ s)] = w.d.y * w.q[4] - vec4(w.m.y);
    w_tile[at + (5u ^ s)] = w.d.y * w.q[5] - vec4(w.m.y);
    w_tile[at + (6u ^ s)] = w.d.y * w.q[6] - vec4(w.m.y);
    w_tile[at + (7u ^ s)] = w.d.y * w.q[7] - vec4(w.m.y);
}

// Columns: tokens t, t + 8, t + 16, t + 24 from `at` on.
fn four_tokens(at: u32) -> mat4x4<f32> {
    return mat4x4(x_tile[at], x_tile[at + 64u], x_tile[at + 128u], x_tile[at + 192u]);
}

// Sums of a row for tokens t, t + 8, ..., t + 56.
fn store_row(part: Part, row: u32, t: u32, n_tokens: u32, a: vec4<f32>, b: vec4<f32>) {
    store(part, row, t, n_tokens, a.x);
    store(part, row, t + 8u, n_tokens, a.y);
    store(part, row, t + 16u, n_tokens, a.z);
    store(part, row, t + 24u, n_tokens, a.w);
    store(part, row, t + 32u, n_tokens, b.x);
    store(part, row, t + 40u, n_tokens, b.y);
    store(part, row, t + 48u, n_tokens, b.z);
    store(part, row, t + 56u, n_tokens, b.w);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let part = part_of(group.x);
    let row0 = 64u * (group.x - part.first_group);
    let token0 = 64u * group.y;
    let n_tokens = batch_tokens();
    let more = n_tokens > token0 + 32u;
    let r = lid & 7u;
    let t = lid >> 3u;
    let my_row = min(row0 + lid, part.rows - 1u);
    var a0 = vec4(0.0); var b0 = vec4(0.0);
    var a1 = vec4(0.0); var b1 = vec4(0.0);
    var a2 = vec4(0.0); var b2 = vec4(0.0);
    var a3 = vec4(0.0); var b3 = vec4(0.0);
    var a4 = vec4(0.0); var b4 = vec4(0.0);
    var a5 = vec4(0.0); var b5 = vec4(0.0);
    var a6 = vec4(0.0); var b6 = vec4(0.0);
    var a7 = vec4(0.0); var b7 = vec4(0.0);
    for (var c = 0u; c < CHUNKS; c++) {
        load_w(part, my_row, lid, c);
        for (var j = 0u; j < select(4u, 8u, more); j++) {
            let token = min(token0 + t + 8u * j, n_tokens - 1u);
            x_tile[64u * j + 8u * t + (r ^ t)] = x[8u * (token * CHUNKS + c) + r];
        }
        workgroupBarrier();
        for (var k = 0u; k < 8u; k++) {
            let w_at = 8u * r + (k ^ r);
            let x_at = 8u * t + (k ^ t);
            let w0 = w_tile[w_at];
            let w1 = w_tile[w_at + 64u];
            let w2 = w_tile[w_at + 128u];
            let w3 = w_tile[w_at + 192u];
            let w4 = w_tile[w_at + 256u];
            let w5 = w_tile[w_at + 320u];
            let w6 = w_tile[w_at + 384u];
            let w7 = w_tile[w_at + 448u];
            let low = four_tokens(x_at);
            a0 += w0 * low;
            a1 += w1 * low;
            a2 += w2 * low;
            a3 += w3 * low;
            a4 += w4 * low;
            a5 += w5 * low;
            a6 += w6 * low;
            a7 += w7 * low;
            if (more) {
                let high = four_tokens(x_at + 256u);
                b0 += w0 * high;
                b1 += w1 * high;
                b2 += w2 * high;
                b3 += w3 * high;
                b4 += w4 * high;
                b5 += w5 * high;
                b6 += w6 * high;
                b7 += w7 * high;
            }
        }
        workgroupBarrier();
    }
    let row = row0 + r;
    let token = token0 + t;
    store_row(part, row, token, n_tokens, a0, b0);
    store_row(part, row + 8u, token, n_tokens, a1, b1);
    store_row(part, row + 16u, token, n_tokens, a2, b2);
    store_row(part, row + 24u, token, n_tokens, a3, b3);
    store_row(part, row + 32u, token, n_tokens, a4, b4);
    store_row(part, row + 40u, token, n_tokens, a5, b5);
    store_row(part, row + 48u, token, n_tokens, a6, b6);
    store_row(part, row + 56u, token, n_tokens, a7, b7);
}
