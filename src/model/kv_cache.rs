//! Keys and values of all positions so far.

use crate::gpu::{Buffer, Gpu};
use crate::kernels::rope::Heads;
use crate::{Error, Result};

/// Per layer one buffer of keys and one of values, `[n_kv_head][n_ctx][head_dim]`, f16 or f32 by tier.
#[derive(Debug)]
pub struct KvCache {
    /// (keys, values) of each layer.
    pub layers: Vec<(Buffer, Buffer)>,
}

impl KvCache {
    /// Bytes of the cache of all layers.
    pub fn bytes(f16: bool, heads: Heads, n_layer: usize) -> u64 {
        2 * n_layer as u64 * Self::layer_bytes(f16, heads)
    }

    fn layer_bytes(f16: bool, heads: Heads) -> u64 {
        let element = if f16 { 2 } else { 4 };
        element * (heads.n_kv_head * heads.n_ctx * heads.head_dim) as u64
    }

    /// Allocates the cache; [`Error::OutOfMemory`] names the context size.
    pub async fn new(gpu: &Gpu, heads: Heads, n_layer: usize) -> Result<Self> {
        let bytes = Self::layer_bytes(gpu.caps.f16, heads);
        let what = format!("the KV cache of {} positions", heads.n_ctx);
        let make =
            || (0..n_layer).map(|_| Ok((gpu.buffer(&what, bytes)?, gpu.buffer(&what, bytes)?))).collect();
        let layers: Result<Vec<_>> = gpu.allocate(&what, 2 * n_layer as u64 * bytes, make).await;
        match layers {
            Err(Error::TooLarge { limit, .. }) => Err(Error::ContextFull {
                needed: heads.n_ctx,
                n_ctx: (limit / (bytes / heads.n_ctx as u64)) as usize,
            }),
            layers => Ok(Self { layers: layers? }),
        }
    }
}
