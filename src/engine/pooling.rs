//! From what a model makes of each token to what it makes of a text.

use serde::Deserialize;

/// How the tokens' vectors become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The last one, which has seen all others.
    Last,
}

impl Pooling {
    /// One vector of length 1 for `hidden`, at least one, of the same size each.
    pub fn of(self, hidden: &[Vec<f32>]) -> Vec<f32> {
        let n = hidden.last().map_or(0, Vec::len);
        let mut sum = vec![0f64; n];
        let rows = if self == Self::Mean { hidden } else { &hidden[hidden.len().saturating_sub(1)..] };
        for row in rows {
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        sum.iter().map(|value| (value / length) as f32).collect()
    }
}
