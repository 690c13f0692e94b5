//! Keys and values of all positions so far.

use crate::config::ModelConfig;
use crate::gpu::{Buffer, Gpu};
use crate::kernels::decode_attention::partial_bytes;
use crate::kernels::rope::Heads;
use crate::kv_type::{KvType, KvTypes};
use crate::{Error, Result};

/// Positions of the smallest cache.
const FIRST: usize = 1024;

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

/// Bytes that a layer keeps of one position. Layers may differ, and keys from values: it is the architecture's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionBytes {
    /// Of keys.
    pub keys: u64,
    /// Of values.
    pub values: u64,
}

/// The cache and what attention over it needs, for a number of positions that grows with use.
#[derive(Debug)]
pub struct KvCache {
    /// Of each layer.
    pub layers: Vec<LayerCache>,
    /// What the workgroups of one token's attention leave for each other.
    pub partial: Buffer,
    /// Positions that there is room for.
    pub capacity: usize,
}

/// Keys and values of a layer: of dense attention `[positions][n_kv_head][head_dim]`, of the types that [`Heads`] names.
#[derive(Debug)]
pub struct LayerCache {
    /// Keys.
    pub keys: Buffer,
    /// Values.
    pub values: Buffer,
}

impl KvCache {
    /// Positions to make room for where `needed` are: steps of about a fifth, so that little lies idle, and copying costs
    /// nothing beside the replies that are so long.
    pub fn capacity(needed: usize, n_ctx: usize) -> usize {
        let step = FIRST.max(needed.next_power_of_two() / 8);
        needed.next_multiple_of(step).min(n_ctx)
    }

    /// Bytes of the cache of all layers for so many positions.
    pub fn bytes(layers: &[PositionBytes], positions: usize) -> u64 {
        layers.iter().map(|layer| positions as u64 * (layer.keys + layer.values)).sum()
    }

    /// Most positions for which each layer's keys, and its values, fit one binding.
    pub fn most_positions(gpu: &Gpu, layers: &[PositionBytes]) -> usize {
        let largest = layers.iter().map(|layer| layer.keys.max(layer.values)).max();
        (gpu.caps().max_binding / largest.unwrap_or(1)) as usize
    }

    /// An empty cache. [`crate::Error::OutOfMemory`] where the device has no memory for it.
    pub async fn new(gpu: &Gpu, layers: &[PositionBytes], heads: Heads, n_ctx: usize) -> Result<Self> {
        let capacity = Self::capacity(1, n_ctx);
        let mut caches = Vec::new();
        for (i, bytes) in layers.iter().enumerate() {
            caches.push(LayerCache {
                keys: allocate(gpu, bytes.keys, capacity, ("keys", i)).await?,
                values: allocate(gpu, bytes.values, capacity, ("values", i)).await?,
            });
        }
        Ok(Self { layers: caches, partial: partial(gpu, heads, capacity).await?, capacity })
    }

    /// A cache that nothing is kept in, for a program that will be bound to others.
    pub fn placeholder(gpu: &Gpu, n_layer: usize) -> Result<Self> {
        let buffer = || gpu.buffer("a place in the program", 0);
        let layer = |_| Ok(LayerCache { keys: buffer()?, values: buffer()? });
        let layers = (0..n_layer).map(layer).collect::<Result<_>>()?;
        Ok(Self { layers, partial: buffer()?, capacity: 0 })
    }

    /// Makes room for `needed` positions of at most `n_ctx`, and keeps what there is. One buffer after the other is made
    /// anew, so that the device never needs to hold more than one of them twice. Nothing else may hold the old ones.
    ///
    /// [`crate::Error::OutOfMemory`] leaves a cache that is as good as before, and may need less for the next try.
    pub async fn grow(
        &mut self,
        gpu: &Gpu,
        layers: &[PositionBytes],
        heads: Heads,
        needed: usize,
        n_ctx: usize,
    ) -> Result<()> {
        let capacity = Self::capacity(needed, n_ctx);
        for (i, (layer, bytes)) in self.layers.iter_mut().zip(layers).enumerate() {
            grow(gpu, &mut layer.keys, bytes.keys, capacity, ("keys", i)).await?;
            grow(gpu, &mut layer.values, bytes.values, capacity, ("values", i)).await?;
        }
        self.partial = partial(gpu, heads, capacity).await?;
        self.capacity = capacity;
        Ok(())
    }

    /// All of its buffers, always in the same order.
    pub fn buffers(&self) -> impl Iterator<Item = &Buffer> {
        let layers = self.layers.iter().flat_map(|layer| [&layer.keys, &layer.values]);
        layers.chain([&self.partial])
    }
}

/// Room for keys or values of `capacity` positions of some bytes each.
async fn allocate(gpu: &Gpu, position: u64, capacity: usize, (kind, layer): (&str, usize)) -> Result<Buffer> {
    let what = format!("the {kind} of layer {layer} in a KV cache of {capacity} positions");
    let bytes = capacity as u64 * position;
    gpu.allocate(&what, bytes, || gpu.buffer(&what, bytes)).await
}

async fn partial(gpu: &Gpu, heads: Heads, capacity: usize) -> Result<Buffer> {
    let bytes = partial_bytes(heads, capacity);
    gpu.allocate("the parts of attention", bytes, || gpu.buffer("the parts of attention", bytes)).await
}

async fn grow(
    gpu: &Gpu,
    buffer: &mut Buffer,
    position: u64,
    capacity: usize,
    part: (&str, usize),
) -> Result<()> {
    if buffer.size() >= capacity as u64 * position {
        return Ok(()); // by an earlier try that did not come to its end
    }
    let larger = allocate(gpu, position, capacity, part).await?;
    gpu.copy(buffer, &larger);
    *buffer = larger;
    gpu.finish().await // then the old one is gone
}
