//! Attention of one query head over the positions so far.

/// `softmax(q . k[p] / sqrt(head_dim)) . v`, with `keys` and `values` `[positions][head_dim]`.
pub fn attention(query: &[f64], keys: &[f64], values: &[f64]) -> Vec<f64> {
    let dim = query.len();
    let scale = 1.0 / (dim as f64).sqrt();
    let dot = |key: &[f64]| scale * query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>();
    let scores: Vec<f64> = keys.chunks(dim).map(dot).collect();
    let most = scores.iter().fold(f64::NEG_INFINITY, |m, s| m.max(*s));
    let weights: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut out = vec![0.0; dim];
    for (weight, value) in weights.iter().zip(values.chunks(dim)) {
        out.iter_mut().zip(value).for_each(|(o, v)| *o += weight / total * v);
    }
    out
}
