//! Keys and values of all positions so far.

use crate::config::ModelConfig;
use crate::gpu::{Buffer, Gpu};
use crate::kernels::decode_attention::partial_bytes;
use crate::kernels::rope::Heads;
use crate::kv_type::{KvType, KvTypes};
use crate::{Error, Result};

/// Positions of the smallest cache.
const FIRST: usize = 1024;

/// Positions to make room for where `needed` are: steps of about a fifth, so that little lies idle, and copying costs
/// nothing beside the replies that are so long.
fn capacity(needed: usize, n_ctx: usize) -> usize {
    let step = FIRST.max(needed.next_power_of_two() / 8);
    needed.next_multiple_of(step).min(n_ctx)
}

/// The types of a model's cache: those that were `asked` for, else the smallest that are exact for it. A key's error is
/// that of a score, and so of a weight by as much as scores are large; a value's is at most the result's own.
///
/// Keys with biases, as Qwen2's layers have them, need f32: the biases are up to 200 times what the rest of a key is, and
/// take its digits. They are what `f16: false` (no half precision) leaves to any model.
///
/// Errors: [`Error::Unsupported`] for q8_0 keys of models for which it is not shown to be harmless, and for heads that
/// are no whole blocks.
pub fn kv_types(config: &ModelConfig, asked: Option<KvTypes>, f16: bool) -> Result<KvTypes> {
    let smallest = |exact_in_f16: bool| if f16 && exact_in_f16 { KvType::F16 } else { KvType::F32 };
    let default = KvTypes { keys: smallest(!config.key_bias), values: smallest(true) };
    let kv = asked.unwrap_or(default);
    kv.keys.check(config.head_dim)?;
    kv.values.check(config.head_dim)?;
    if kv.keys == KvType::Q8_0 && config.key_bias {
        return Err(Error::Unsupported {
            what: "q8_0 keys of a model whose keys have a bias, beside which the rest would be lost: kv"
                .into(),
            value: kv.to_string(),
            supported: Some("q8_0 for values only, as f32,q8_0".into()),
        });
    }
    Ok(kv)
}

/// The cache and what attention over it needs, for a number of positions that grows with use.
#[derive(Debug)]
pub struct KvCache {
    /// Keys and values of each layer, `[positions][n_kv_head][head_dim]` of the types that `heads` names.
    pub layers: Vec<(Buffer, Buffer)>,
    /// What the workgroups of one token's attention leave for each other.
    pub partial: Buffer,
    /// Positions that there is room for.
    pub capacity: usize,
    /// Whose keys and values.
    pub heads: Heads,
}

impl KvCache {
    /// Bytes of the cache of all layers for so many positions.
    pub fn bytes(heads: Heads, n_layer: usize, positions: usize) -> u64 {
        (n_layer * positions) as u64 * heads.position_bytes()
    }

    /// Most positions for which a layer's keys, and its values, fit one binding.
    pub fn most_positions(gpu: &Gpu, heads: Heads) -> usize {
        (gpu.caps.max_binding / heads.key_bytes().max(heads.value_bytes())) as usize
    }

    /// An empty cache. Errors: [`crate::Error::OutOfMemory`].
    pub async fn new(gpu: &Gpu, heads: Heads, n_layer: usize, n_ctx: usize) -> Result<Self> {
        Self::allocate(gpu, heads, n_layer, capacity(1, n_ctx)).await
    }

    /// A cache with the same contents and room for `needed` positions of at most `n_ctx`.
    pub async fn grown(&self, gpu: &Gpu, needed: usize, n_ctx: usize) -> Result<Self> {
        let grown = Self::allocate(gpu, self.heads, self.layers.len(), capacity(needed, n_ctx)).await?;
        let pairs = self.layers.iter().zip(&grown.layers);
        let copies: Vec<_> = pairs.flat_map(|(old, new)| [(&old.0, &new.0), (&old.1, &new.1)]).collect();
        gpu.copy(&copies);
        Ok(grown)
    }

    async fn allocate(gpu: &Gpu, heads: Heads, n_layer: usize, capacity: usize) -> Result<Self> {
        let [keys, values] = [heads.key_bytes(), heads.value_bytes()].map(|bytes| capacity as u64 * bytes);
        let what = format!("the KV cache of {capacity} positions");
        let make = || {
            let layer = |_| Ok((gpu.buffer(&what, keys)?, gpu.buffer(&what, values)?));
            let layers = (0..n_layer).map(layer).collect::<Result<_>>()?;
            let partial = gpu.buffer("the parts of attention", partial_bytes(heads, capacity))?;
            Ok(Self { layers, partial, capacity, heads })
        };
        gpu.allocate(&what, Self::bytes(heads, n_layer, capacity), make).await
    }
}

/// A browser frees a buffer when its garbage is collected, which knows nothing of a GPU's memory.
impl Drop for KvCache {
    fn drop(&mut self) {
        self.layers.iter().for_each(|(k, v)| [k, v].into_iter().for_each(Buffer::destroy));
        self.partial.destroy();
    }
}
