// Where matvec.wgsl puts its sums: in fixed point (fixed.wgsl), a block a workgroup.

@group(0) @binding(4) var<storage, read_write> y: array<vec4<u32>>; // [rows / 32][BLOCK]

var<workgroup> sums: array<f32, 32>;

fn store(out: u32, value: f32) { sums[out % 32u] = value; }

// Writes the outputs from `first` on.
fn finish(first: u32, lid: u32) {
    workgroupBarrier();
    if (lid > 0u) { return; }
    var v: array<vec4<f32>, 8>;
    for (var i = 0u; i < 8u; i++) { v[i] = vec4(sums[4u * i], sums[4u * i + 1u], sums[4u * i + 2u], sums[4u * i + 3u]); }
    let block = fixed_block(v);
    let at = BLOCK * (first / 32u);
    for (var i = 0u; i < BLOCK; i++) { y[at + i] = block[i]; }
}
