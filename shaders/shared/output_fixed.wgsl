// Where matvec.wgsl puts its sums: in fixed point (four_fixed.wgsl), a block a workgroup.

var<workgroup> sums: array<f32, 32>;

fn store(out: u32, value: f32) { sums[out % 32u] = value; }

// Writes the outputs from `first` on.
fn finish(first: u32, lid: u32) {
    workgroupBarrier();
    let i = lid & 7u;
    let v = vec4(sums[4u * i], sums[4u * i + 1u], sums[4u * i + 2u], sums[4u * i + 3u]);
    store_four(first / 4u + i, v, lid < 8u, lid);
}
