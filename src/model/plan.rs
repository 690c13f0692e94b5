//! How much GPU memory a model will take, from its header alone.

use super::kv_cache::{KvCache, kv_types};
use super::program::{MAX_ROWS, cache_layers, heads};
use super::{MAX_BATCH, ModelOptions};
use crate::config::ModelConfig;
use crate::gguf::Header;
use crate::kernels::decode_attention::partial_bytes;
use crate::kv_type::KvTypes;
use crate::{Error, Result};

/// Most positions that are planned for: as many as a file may say it was trained for.
const MAX_CTX: usize = 1 << 24;

/// Bytes by purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MemoryPlan {
    /// Positions of the KV cache.
    pub n_ctx: usize,
    /// Repacked weights: within 1 % the file's own bytes.
    pub weights: u64,
    /// The types of the KV cache.
    pub kv: KvTypes,
    /// Keys and values.
    pub kv_cache: u64,
    /// Buffers between kernels and the staging buffer.
    pub activations: u64,
    /// All of it.
    pub total: u64,
}

impl MemoryPlan {
    /// The plan for one context as `options` want it. Errors: those of
    /// [`kv_types`], and [`Error::InvalidRequest`] for more than 2^24 positions.
    pub fn new(config: &ModelConfig, header: &Header, options: &ModelOptions) -> Result<Self> {
        let kv = kv_types(config, options.kv, !options.no_f16)?;
        let n_ctx = options.n_ctx.unwrap_or(config.n_ctx_train);
        if n_ctx > MAX_CTX {
            let problem = format!("{n_ctx} positions are more than {MAX_CTX}");
            return Err(Error::InvalidRequest { param: "n_ctx".into(), problem });
        }
        let heads = heads(config, kv);
        let weights = header.tensors.iter().map(|t| t.bytes).sum();
        let kv_cache = KvCache::bytes(&cache_layers(config, kv), n_ctx);
        let q = config.n_head * config.head_dim;
        let k = config.n_kv_head * config.head_dim;
        let row = 2 * config.n_embd + 2 * q + 2 * k + 3 * config.n_ff;
        let staging = crate::kernels::repack::STAGE;
        // the vocabulary: rows of logits, and the sampler's bias, counts and candidates, which are two words each
        let activations = (4 * (MAX_BATCH * row + (MAX_ROWS + 4) * config.n_vocab) + staging) as u64
            + partial_bytes(heads, n_ctx);
        Ok(Self { n_ctx, weights, kv, kv_cache, activations, total: weights + kv_cache + activations })
    }
}
