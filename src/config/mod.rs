//! The model's dimensions, from GGUF metadata: strictly, because a key that asks for something we do not do
//! must be an error and not a wrong answer.

mod keys;
mod rope;

pub use rope::{Rope, Scaling};

use crate::gguf::{Header, MAX_ARRAY};
use crate::{Error, Result};
use keys::Keys;

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
