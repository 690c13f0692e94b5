//! Matrix times vectors.

/// `y[t][row] = W[row] . x[t]` and the same over absolute values, to measure errors by. `w` is `[rows][cols]`, `x`
/// `[tokens][cols]`; both results are `[tokens][rows]`.
pub fn matmul(w: &[f32], cols: usize, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut sums = Vec::new();
    for token in x.chunks(cols) {
        for row in w.chunks(cols) {
            let products = row.iter().zip(token).map(|(w, x)| f64::from(*w) * x);
            sums.push(products.fold((0.0, 0.0), |(sum, abs), p| (sum + p, abs + p.abs())));
        }
    }
    sums.into_iter().unzip()
}
