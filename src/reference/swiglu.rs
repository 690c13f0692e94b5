//! The gate of the feed-forward layer (Shazeer 2020).

/// `silu(gate) * up` of rows `[gate | up]` of `n_ff` elements each.
pub fn swiglu(gate_up: &[f32], n_ff: usize) -> Vec<f64> {
    let row = |row: &[f32]| {
        let (gate, up) = row.split_at(n_ff);
        let one = |(g, u): (&f32, &f32)| f64::from(*g) / (1.0 + (-f64::from(*g)).exp()) * f64::from(*u);
        gate.iter().zip(up).map(one).collect::<Vec<_>>()
    };
    gate_up.chunks(2 * n_ff).flat_map(row).collect()
}
