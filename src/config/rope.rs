//! Rotary embedding: what the metadata asks for, and the angles that follow from it (MODEL.md).

use super::Architecture;
use super::keys::Keys;
use crate::{Error, Result};

/// Rotary embedding with the scaling that the metadata asks for.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Rope {
    /// Pairs are (i, i + n_rot / 2) instead of (2i, 2i + 1).
    pub neox: bool,
    /// Rotated elements of each head.
    pub n_rot: usize,
    /// `rope.freq_base`.
    pub base: f64,
    /// Factor on cos and sin.
    pub mscale: f64,
    /// How angles are scaled.
    pub scaling: Scaling,
}

/// `rope.scaling.type`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// Angles as they are.
    None,
    /// All angles divided by a factor.
    Linear(f64),
    /// YaRN (Peng et al. 2023): slow pairs divided by the factor, fast ones kept, a ramp between.
    Yarn {
        /// The factor.
        factor: f64,
        /// Context length before scaling.
        n_ctx_orig: f64,
    },
}

impl Rope {
    /// Angle per position of each pair. `factors` (Llama 3.1's `rope_freqs.weight`) divide the angles first.
    pub fn inv_freq(&self, factors: Option<&[f32]>) -> Vec<f64> {
        let n_rot = self.n_rot as f64;
        let plain = (0..self.n_rot / 2).map(|i| {
            let factor = factors.and_then(|f| f.get(i)).map_or(1.0, |f| f64::from(*f));
            self.base.powf(-2.0 * i as f64 / n_rot) / factor
        });
        match self.scaling {
            Scaling::None => plain.collect(),
            Scaling::Linear(factor) => plain.map(|freq| freq / factor).collect(),
            Scaling::Yarn { factor, n_ctx_orig } => {
                // the (fractional) pair that makes `turns` turns over the original context
                let pair = |turns: f64| {
                    n_rot * (n_ctx_orig / (turns * std::f64::consts::TAU)).ln() / (2.0 * self.base.ln())
                };
                let low = pair(32.0).floor().max(0.0);
                let high = pair(1.0).ceil().min(n_rot - 1.0);
                let keep = |i: usize| 1.0 - ((i as f64 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
                plain.enumerate().map(|(i, f)| f / factor * (1.0 - keep(i)) + f * keep(i)).collect()
            }
        }
    }
}

impl Keys<'_> {
    pub fn rope(&self, head_dim: usize) -> Result<Rope> {
        let value_dim = self.optional("attention.value_length", head_dim, 256)?;
        if value_dim != head_dim {
            return Err(self.wrong("attention.value_length", value_dim, &format!("{head_dim}, as the keys")));
        }
        let n_rot = self.optional("rope.dimension_count", head_dim, 256)?;
        if n_rot > head_dim || n_rot % 2 != 0 {
            return Err(self.wrong(
                "rope.dimension_count",
                n_rot,
                &format!("an even number up to {head_dim}"),
            ));
        }
        let base = self.float("rope.freq_base")?.unwrap_or(10_000.0);
        if base <= 1.0 {
            return Err(self.wrong("rope.freq_base", base, "a number above 1"));
        }
        let (scaling, mscale) = self.scaling()?;
        Ok(Rope { neox: self.architecture != Architecture::Llama, n_rot, base, mscale, scaling })
    }

    /// The rules of golden/README.md, measured on llama.cpp v0.5.0.
    fn scaling(&self) -> Result<(Scaling, f64)> {
        let factor = match self.float("rope.scaling.factor")? {
            Some(factor) => factor,
            None => self.float("rope.scale_linear")?.unwrap_or(0.0),
        };
        let factor = if factor == 0.0 { 1.0 } else { factor };
        if factor < 0.0 {
            return Err(self.wrong("rope.scaling.factor", factor, "a positive number"));
        }
        let mscale = self.float("rope.scaling.attn_factor")?.unwrap_or(1.0);
        let kind = self.metadata.str(&self.key("rope.scaling.type"))?.unwrap_or("linear");
        match kind {
            "none" => Ok((Scaling::None, mscale)),
            "linear" => Ok((Scaling::Linear(factor), mscale)),
            "yarn" => {
                let context = self.dimension("context_length", 1 << 24)?;
                let n_ctx_orig =
                    self.optional("rope.scaling.original_context_length", context, 1 << 24)? as f64;
                let gain = if factor > 1.0 { 1.0 + 0.1 * factor.ln() } else { 1.0 };
                Ok((Scaling::Yarn { factor, n_ctx_orig }, mscale * gain))
            }
            other => Err(Error::Unsupported {
                what: self.key("rope.scaling.type"),
                value: other.into(),
                supported: Some("none, linear, yarn".into()),
            }),
        }
    }
}
