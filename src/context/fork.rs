//! A conversation that goes on from another's beginning, and what a text means.

use super::{Batch, Context, MAX_ROWS};
use crate::Result;
use crate::model::kv_cache::KvCache;

impl Context {
    /// Another conversation that holds the first `len` positions of this one: keys and values are copied, nothing is run.
    ///
    /// [`crate::Error::OutOfMemory`] where the device has no memory for it.
    pub async fn fork(&self, len: usize) -> Result<Self> {
        let len = len.min(self.len());
        let mut other = Self::new(&self.model).await?;
        other.reserve(len).await?;
        let gpu = self.model.gpu();
        let layers = self.state.cache.layers.iter().zip(&other.state.cache.layers);
        for ((from, to), bytes) in layers.zip(self.model.cache_layers()) {
            gpu.copy_start(&from.keys, &to.keys, len as u64 * bytes.keys);
            gpu.copy_start(&from.values, &to.values, len as u64 * bytes.values);
        }
        other.timeline.extend_from_slice(&self.timeline[..len]);
        other.pace = self.pace.clone();
        Ok(other)
    }

    /// Bytes of the device that its keys and values take.
    pub fn bytes(&self) -> u64 {
        KvCache::bytes(self.model.cache_layers(), self.state.cache.capacity)
    }

    /// Runs `tokens` on a fresh timeline; the last layer's output, normed, after each of them: f32 `[n_embd]` each.
    pub async fn hidden(&mut self, tokens: &[u32], cancelled: &dyn Fn() -> bool) -> Result<Vec<Vec<f32>>> {
        self.truncate(0);
        self.check_fits(tokens.len())?;
        let mut hidden = Vec::with_capacity(tokens.len());
        while hidden.len() < tokens.len() {
            let rest = &tokens[hidden.len()..];
            let batch = &rest[..self.batch_size().min(rest.len())];
            hidden.extend(self.hidden_of(batch, cancelled).await?);
        }
        Ok(hidden)
    }

    async fn hidden_of(&mut self, tokens: &[u32], cancelled: &dyn Fn() -> bool) -> Result<Vec<Vec<f32>>> {
        let model = self.model.clone();
        let _lock = model.lock_scratch()?;
        let batch = Batch::Tokens(tokens);
        let extent = self.begin(batch, &[], cancelled).await?;
        let layers = self.layers_of_one(extent, true);
        if !layers.is_empty() {
            model.gpu().submit(layers, extent);
        }
        let n = model.config.n_embd;
        let mut hidden = Vec::with_capacity(tokens.len());
        let all: Vec<usize> = (0..tokens.len()).collect();
        for rows in all.chunks(MAX_ROWS) {
            self.write_rows(rows);
            model.gpu().submit(&self.program.head_rows[..1], rows.len() as u32);
            let bytes = model.gpu().read(&model.scratch().normed, (4 * rows.len() * n) as u64).await?;
            hidden.extend(bytes.chunks_exact(4 * n).map(bytemuck::pod_collect_to_vec::<u8, f32>));
        }
        self.note(batch);
        Ok(hidden)
    }
}
