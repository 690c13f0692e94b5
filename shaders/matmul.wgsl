// y[t][row] = W[row] . x[t] (+ bias[row]) (+ y[t][row]) for a batch of tokens.
//
// A workgroup makes a tile of 64 rows by 32 tokens, 32 columns at a time: each invocation unpacks one
// row's chunk into workgroup memory, then multiplies 8 rows by 4 tokens in registers. Rows of the tiles
// are padded to 9 vectors so that neighbouring rows lie in different banks.
// Constants: CHUNKS (chunks a row), ROWS (row length of y), BIAS, ACCUMULATE; generated: part_of, unpack.

@group(0) @binding(0) var<storage, read> wide: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>; // [tokens][cols]
@group(0) @binding(3) var<storage, read> bias: array<f32>;    // [rows], or a dummy
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // [tokens][rows]
@group(0) @binding(5) var<storage, read> batch: array<u32>;

var<workgroup> w_tile: array<vec4<f32>, 576>; // 64 rows
var<workgroup> x_tile: array<vec4<f32>, 288>; // 32 tokens

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let part = part_of(group.x);
    let row0 = 64u * (group.x - part.first_group);
    let token0 = 32u * group.y;
    let n_tokens = batch_tokens();
    let r = lid & 7u;
    let t = lid >> 3u;
    let my_row = min(row0 + lid, part.rows - 1u);
    var acc: array<vec4<f32>, 8>; // rows r, r + 8, ...; tokens t, t + 8, t + 16, t + 24
    for (var c = 0u; c < CHUNKS; c++) {
        let w = unpack(part.index, my_row, c);
        for (var j = 0u; j < 4u; j++) {
            w_tile[9u * lid + j] = w.d.x * w.q[j] - vec4(w.m.x);
            w_tile[9u * lid + 4u + j] = w.d.y * w.q[4u + j] - vec4(w.m.y);
            let token = min(token0 + t + 8u * j, n_tokens - 1u);
            x_tile[9u * (t + 8u * j) + r] = x[8u * (token * CHUNKS + c) + r];
        }
        workgroupBarrier();
        for (var k = 0u; k < 8u; k++) {
            let x0 = x_tile[9u * t + k];
            let x1 = x_tile[9u * (t + 8u) + k];
            let x2 = x_tile[9u * (t + 16u) + k];
            let x3 = x_tile[9u * (t + 24u) + k];
            for (var i = 0u; i < 8u; i++) {
                let v = w_tile[9u * (r + 8u * i) + k];
                acc[i] += vec4(dot(v, x0), dot(v, x1), dot(v, x2), dot(v, x3));
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < 8u; i++) {
        let row = row0 + r + 8u * i;
        for (var j = 0u; j < 4u; j++) {
            let token = token0 + t + 8u * j;
            if (row >= part.rows || token >= n_tokens) { continue; }
            let out = token * ROWS + part.out + row;
            var value = acc[i][j];
            if (BIAS == 1u) { value += bias[part.out + row]; }
            if (ACCUMULATE == 1u) { value += y[out]; }
            y[out] = value;
        }
    }
}
