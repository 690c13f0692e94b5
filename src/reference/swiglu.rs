//! The gate of the feed-forward layer (Shazeer 2020).

/// `silu(gate) * up` of rows `[gate | up]` of `n_ff` elements each.
pub fn swiglu(gate_up: &[f64], n_ff: usize) -> Vec<f64> {
    let row = |row: &[f64]| {
        let (gate, up) = row.split_at(n_ff);
        let one = |(g, u): (&f64, &f64)| g / (1.0 + (-g).exp()) * u;
        gate.iter().zip(up).map(one).collect::<Vec<_>>()
    };
    gate_up.chunks(2 * n_ff).flat_map(row).collect()
}
