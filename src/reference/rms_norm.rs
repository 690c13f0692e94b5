//! RMSNorm (Zhang & Sennrich 2019).

/// `x / sqrt(mean(x^2) + eps) * weight` of each row of `weight.len()` elements.
pub fn rms_norm(x: &[f64], weight: &[f32], eps: f32) -> Vec<f64> {
    let norm = |row: &[f64]| {
        let squares: f64 = row.iter().map(|v| v * v).sum();
        let scale = 1.0 / (squares / row.len() as f64 + f64::from(eps)).sqrt();
        row.iter().zip(weight).map(|(v, w)| v * scale * f64::from(*w)).collect::<Vec<_>>()
    };
    x.chunks(weight.len()).flat_map(norm).collect()
}
