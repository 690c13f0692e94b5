//! The model's dimensions, from GGUF metadata: strictly, because a key that asks for something we do not do
//! must be an error and not a wrong answer.

use crate::gguf::{Header, MAX_ARRAY, Metadata, Value};
use crate::{Error, Result};

/// `general.architecture` values this engine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Llama 2 and 3, DeepSeek-R1-Distill-Llama, SmolLM2.
    Llama,
    /// Qwen 2 and 2.5, DeepSeek-R1-Distill-Qwen.
    Qwen2,
    /// Qwen 3, DeepSeek-R1-0528-Qwen3.
    Qwen3,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Llama, Self::Qwen2, Self::Qwen3];

    /// The name in `general.architecture` and in front of the model's keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
        }
    }
}

/// Dimensions and constants of the forward pass.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ModelConfig {
    /// Which forward pass.
    pub architecture: Architecture,
    /// `general.name`.
    pub name: Option<String>,
    /// Layers.
    pub n_layer: usize,
    /// Query heads.
    pub n_head: usize,
    /// Key and value heads.
    pub n_kv_head: usize,
    /// Elements of a head.
    pub head_dim: usize,
    /// Width of the residual stream.
    pub n_embd: usize,
    /// Width of the feed-forward layer.
    pub n_ff: usize,
    /// Rows of the embedding.
    pub n_vocab: usize,
    /// Positions the model was trained for.
    pub n_ctx_train: usize,
    /// Added to the mean square in RMSNorm.
    pub rms_eps: f32,
    /// Keys have a bias, in any layer.
    pub key_bias: bool,
    /// Rotary embedding.
    pub rope: Rope,
}

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

/// A tensor that the architecture has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name in the file.
    pub name: String,
    /// Dimensions, innermost first.
    pub shape: Vec<u64>,
    /// Whether a model can be without it.
    pub optional: bool,
}

impl ModelConfig {
    /// Reads and checks metadata and tensor table.
    pub fn from_header(header: &Header) -> Result<Self> {
        let keys = Keys::new(&header.metadata)?;
        keys.refuse_unknown()?;
        let n_embd = keys.dimension("embedding_length", 1 << 16)?;
        let n_head = keys.dimension("attention.head_count", 1024)?;
        let n_kv_head = keys.optional("attention.head_count_kv", n_head, 1024)?;
        let head_dim = keys.optional("attention.key_length", n_embd / n_head, 256)?;
        let config = Self {
            architecture: keys.architecture,
            name: header.metadata.str("general.name")?.map(String::from),
            n_layer: keys.dimension("block_count", 512)?,
            n_head,
            n_kv_head,
            head_dim,
            n_embd,
            n_ff: keys.dimension("feed_forward_length", 1 << 18)?,
            n_vocab: n_vocab(header)?,
            n_ctx_train: keys.dimension("context_length", 1 << 24)?,
            rms_eps: keys.rms_eps()?,
            key_bias: header.tensors.iter().any(|tensor| tensor.name.ends_with(".attn_k.bias")),
            rope: keys.rope(head_dim)?,
        };
        config.check_dimensions(&keys)?;
        config.check_tensors(header)?;
        Ok(config)
    }

    fn check_dimensions(&self, keys: &Keys) -> Result<()> {
        let require = |ok: bool, name: &str, value: usize, expected: &str| match ok {
            true => Ok(()),
            false => Err(keys.wrong(name, value, expected)),
        };
        let q = self.n_head / self.n_kv_head * self.n_kv_head;
        require(
            q == self.n_head,
            "attention.head_count_kv",
            self.n_kv_head,
            "a divisor of attention.head_count",
        )?;
        require(self.n_embd.is_multiple_of(32), "embedding_length", self.n_embd, "a multiple of 32")?;
        require(self.n_ff.is_multiple_of(32), "feed_forward_length", self.n_ff, "a multiple of 32")?;
        require(
            self.head_dim.is_multiple_of(8),
            "attention.key_length",
            self.head_dim,
            "a multiple of 8 up to 256",
        )
    }

    /// All tensors of the architecture at these dimensions.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let (embd, ff, vocab) = (self.n_embd as u64, self.n_ff as u64, self.n_vocab as u64);
        let q = (self.n_head * self.head_dim) as u64;
        let kv = (self.n_kv_head * self.head_dim) as u64;
        let mut all = Vec::new();
        let mut add = |name: String, shape: &[u64], optional| {
            all.push(TensorSpec { name, shape: shape.into(), optional });
        };
        add("token_embd.weight".into(), &[embd, vocab], false);
        for i in 0..self.n_layer {
            for norm in ["attn_norm", "ffn_norm"] {
                add(format!("blk.{i}.{norm}.weight"), &[embd], false);
            }
            let matrices = [
                ("attn_q", embd, q),
                ("attn_k", embd, kv),
                ("attn_v", embd, kv),
                ("attn_output", q, embd),
                ("ffn_gate", embd, ff),
                ("ffn_up", embd, ff),
                ("ffn_down", ff, embd),
            ];
            for (name, cols, rows) in matrices {
                add(format!("blk.{i}.{name}.weight"), &[cols, rows], false);
                add(format!("blk.{i}.{name}.bias"), &[rows], true);
            }
            if self.architecture == Architecture::Qwen3 {
                for norm in ["attn_q_norm", "attn_k_norm"] {
                    add(format!("blk.{i}.{norm}.weight"), &[self.head_dim as u64], false);
                }
            }
        }
        add("output_norm.weight".into(), &[embd], false);
        add("output.weight".into(), &[embd, vocab], true);
        add("output.bias".into(), &[vocab], true);
        if self.architecture == Architecture::Llama {
            add("rope_freqs.weight".into(), &[self.rope.n_rot as u64 / 2], true);
        }
        all
    }

    /// Every tensor is there, has its shape, and none is left over.
    fn check_tensors(&self, header: &Header) -> Result<()> {
        let mut found: std::collections::HashMap<_, _> =
            header.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
        for spec in self.tensors() {
            match found.remove(spec.name.as_str()) {
                Some(tensor) if tensor.shape != spec.shape => {
                    return Err(Error::TensorShape {
                        name: spec.name,
                        found: tensor.shape.clone(),
                        expected: spec.shape,
                    });
                }
                None if !spec.optional => return Err(Error::TensorMissing { name: spec.name }),
                _ => {}
            }
        }
        match found.into_keys().min() {
            Some(name) => {
                Err(Error::TensorUnknown { name: name.into(), architecture: self.architecture.name().into() })
            }
            None => Ok(()),
        }
    }
}

/// Rows of the embedding; no more than a list of tokens may have, so that products of dimensions stay small.
fn n_vocab(header: &Header) -> Result<usize> {
    let name = "token_embd.weight";
    let embedding = header.tensors.iter().find(|t| t.name == name);
    let rows = embedding.and_then(|t| t.shape.get(1)).copied().unwrap_or(0);
    if rows > MAX_ARRAY {
        let what = format!("the number of rows of {name}");
        return Err(Error::TooLarge { what, value: rows, limit: MAX_ARRAY });
    }
    Ok(rows as usize)
}

/// The metadata under the architecture's prefix.
struct Keys<'a> {
    metadata: &'a Metadata,
    architecture: Architecture,
}

/// Keys under the architecture's prefix that are read, or that change nothing.
const KNOWN: &[&str] = &[
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_rms_epsilon",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.attn_factor",
    "rope.scaling.original_context_length",
    "rope.scaling.finetuned",
    // written by converters, ignored by llama.cpp for these architectures (golden/README.md)
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_log_multiplier",
    "vocab_size",
    "tensor_data_layout",
    "use_parallel_residual",
];

impl<'a> Keys<'a> {
    fn new(metadata: &'a Metadata) -> Result<Self> {
        let key = "general.architecture";
        let name = metadata.str(key)?.ok_or_else(|| Error::MetadataMissing { key: key.into() })?;
        let known = Architecture::ALL;
        let architecture =
            known.into_iter().find(|a| a.name() == name).ok_or_else(|| Error::Unsupported {
                what: key.into(),
                value: name.into(),
                supported: Some(known.map(Architecture::name).join(", ")),
            })?;
        Ok(Self { metadata, architecture })
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture.name())
    }

    fn wrong(&self, name: &str, found: impl ToString, expected: &str) -> Error {
        Error::MetadataValue { key: self.key(name), expected: expected.into(), found: found.to_string() }
    }

    /// Refuses a key we do not read, unless its value turns the feature off.
    fn refuse_unknown(&self) -> Result<()> {
        let prefix = self.key("");
        for key in self.metadata.keys() {
            let Some(name) = key.strip_prefix(&prefix) else {
                continue;
            };
            let value = self.metadata.get(key);
            if name == "attention.sliding_window" && self.window_covers_context()? {
                continue;
            }
            let neutral = match value {
                Some(Value::Bool(on)) => *on == (name == "attention.causal"),
                Some(Value::Uint(0) | Value::Int(0)) => true,
                Some(Value::Float(v)) => *v == 0.0,
                _ => false,
            };
            if !neutral && !KNOWN.contains(&name) {
                let value = value.map(Value::describe).unwrap_or_default();
                return Err(Error::Unsupported { what: key.into(), value, supported: None });
            }
        }
        Ok(())
    }

    /// A window not smaller than the context changes nothing.
    fn window_covers_context(&self) -> Result<bool> {
        let window = self.metadata.u32(&self.key("attention.sliding_window"))?.unwrap_or(0);
        Ok(window >= self.metadata.u32(&self.key("context_length"))?.unwrap_or(u32::MAX))
    }

    fn optional(&self, name: &str, default: usize, limit: usize) -> Result<usize> {
        let key = self.key(name);
        let value = self.metadata.u32(&key)?.map_or(default, |v| v as usize);
        match value {
            0 => Err(self.wrong(name, 0, "at least 1")),
            v if v > limit => Err(Error::TooLarge { what: key, value: v as u64, limit: limit as u64 }),
            v => Ok(v),
        }
    }

    fn dimension(&self, name: &str, limit: usize) -> Result<usize> {
        match self.metadata.get(&self.key(name)) {
            Some(_) => self.optional(name, 0, limit),
            None => Err(Error::MetadataMissing { key: self.key(name) }),
        }
    }

    fn rms_eps(&self) -> Result<f32> {
        let name = "attention.layer_norm_rms_epsilon";
        let eps = self.metadata.f32(&self.key(name))?;
        let eps = eps.ok_or_else(|| Error::MetadataMissing { key: self.key(name) })?;
        if !(0.0..=0.1).contains(&eps) {
            return Err(self.wrong(name, eps, "a number from 0 to 0.1"));
        }
        Ok(eps)
    }

    fn float(&self, name: &str) -> Result<Option<f64>> {
        Ok(self.metadata.f32(&self.key(name))?.map(f64::from))
    }

    fn rope(&self, head_dim: usize) -> Result<Rope> {
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
