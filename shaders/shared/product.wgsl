// y[t][row] = W[row] . x[t] (+ bias[row]) (+ y[t][row]) for a batch of tokens: what all kernels of it share but x, binding 2.
// Constants: CHUNKS (chunks a row), ROWS (row length of y), BIAS, ACCUMULATE; generated: part_of, and unpack or chunk.

@group(0) @binding(0) var<storage, read> wide: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;    // [rows], or a dummy
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // [tokens][rows]
@group(0) @binding(5) var<storage, read> batch: array<u32>;

fn store(part: Part, row: u32, token: u32, n_tokens: u32, sum: f32) {
    if (row >= part.rows || token >= n_tokens) { return; }
    let out = token * ROWS + part.out + row;
    var value = sum;
    if (BIAS == 1u) { value += bias[part.out + row]; }
    if (ACCUMULATE == 1u) { value += y[out]; }
    y[out] = value;
}
