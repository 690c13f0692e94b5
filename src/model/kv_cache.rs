//! Keys and values of all positions so far.

use crate::Result;
use crate::gpu::{Buffer, Gpu};
use crate::kernels::decode_attention::partial_bytes;
use crate::kernels::rope::{Heads, position_bytes};
use crate::kv_type::KvType;

/// Positions of the smallest cache.
const FIRST: usize = 1024;

/// Positions to make room for where `needed` are: steps of about a fifth, so that little lies idle, and copying costs
/// nothing beside the replies that are so long.
fn capacity(needed: usize, n_ctx: usize) -> usize {
    let step = FIRST.max(needed.next_power_of_two() / 8);
    needed.next_multiple_of(step).min(n_ctx)
}

/// The cache and what attention over it needs, for a number of positions that grows with use.
#[derive(Debug)]
pub struct KvCache {
    /// Keys and values of each layer, `[positions][n_kv_head][head_dim]` of the device's KV type.
    pub layers: Vec<(Buffer, Buffer)>,
    /// What the workgroups of one token's attention leave for each other.
    pub partial: Buffer,
    /// Positions that there is room for.
    pub capacity: usize,
    heads: Heads,
}

impl KvCache {
    /// Bytes of the cache of all layers for so many positions.
    pub fn bytes(kv: KvType, heads: Heads, n_layer: usize, positions: usize) -> u64 {
        2 * (n_layer * positions) as u64 * position_bytes(kv, heads)
    }

    /// Most positions for which a layer's keys fit one binding.
    pub fn most_positions(gpu: &Gpu, heads: Heads) -> usize {
        (gpu.caps.max_binding / position_bytes(gpu.caps.kv, heads)) as usize
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
        let bytes = capacity as u64 * position_bytes(gpu.caps.kv, heads);
        let what = format!("the KV cache of {capacity} positions");
        let make = || {
            let layer = |_| Ok((gpu.buffer(&what, bytes)?, gpu.buffer(&what, bytes)?));
            let layers = (0..n_layer).map(layer).collect::<Result<_>>()?;
            let partial = gpu.buffer("the parts of attention", partial_bytes(heads, capacity))?;
            Ok(Self { layers, partial, capacity, heads })
        };
        gpu.allocate(&what, 2 * n_layer as u64 * bytes, make).await
    }
}

/// A browser frees a buffer when its garbage is collected, which knows nothing of a GPU's memory.
impl Drop for KvCache {
    fn drop(&mut self) {
        self.layers.iter().for_each(|(k, v)| [k, v].into_iter().for_each(Buffer::destroy));
        self.partial.destroy();
    }
}
