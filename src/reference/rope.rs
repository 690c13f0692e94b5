//! Rotary embedding (Su et al. 2021).

/// Turns the first `2 * inv_freq.len()` elements of a head to position `pos`, in NEOX (i, i + n_rot / 2) or NORM
/// (2i, 2i + 1) pairs; cos and sin are multiplied by `mscale`.
pub fn rope(head: &mut [f64], pos: usize, inv_freq: &[f64], mscale: f64, neox: bool) {
    let half = inv_freq.len();
    for (pair, freq) in inv_freq.iter().enumerate() {
        let (i, j) = if neox { (pair, pair + half) } else { (2 * pair, 2 * pair + 1) };
        let (sin, cos) = (pos as f64 * freq).sin_cos();
        let (a, b) = (head[i], head[j]);
        head[i] = mscale * (a * cos - b * sin);
        head[j] = mscale * (a * sin + b * cos);
    }
}
