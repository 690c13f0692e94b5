// Where matvec.wgsl puts its sums: in f32. Constants: ACCUMULATE.

@group(0) @binding(0) var<storage, read_write> y: array<f32>; // [rows], with GATED [rows / 2]

fn store(out: u32, value: f32) {
    if (ACCUMULATE == 1u) { y[out] += value; } else { y[out] = value; }
}

fn finish(first: u32, lid: u32) {}
