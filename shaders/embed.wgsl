// x[t] = the embedding row of token t. Constants: CHUNKS (chunks a row), FIRST_ROW, ROWS (rows of this slab);
// generated: part_of, unpack.

@group(0) @binding(0) var<storage, read> wide: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(2) var<storage, read> batch: array<u32>;
@group(0) @binding(3) var<storage, read_write> x: array<vec4<f32>>; // [tokens][n_embd]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let t = group.y;
    let c = 64u * group.x + lid;
    let row = batch_token(t) - FIRST_ROW; // wraps below FIRST_ROW: then it is no row of this slab
    if (c >= CHUNKS || row >= ROWS) { return; }
    let part = part_of(row);
    let w = unpack(part.index, row - part.first_group, c);
    let at = 8u * (t * CHUNKS + c);
    for (var j = 0u; j < 8u; j++) {
        x[at + j] = w.d[j >> 2u] * w.q[j] - vec4(w.m[j >> 2u]);
    }
}
