//! One conversation's timeline: which tokens the KV cache holds, and how it grows.

use crate::model::{MAX_BATCH, Model};
use crate::{Error, Result};

/// A model and the tokens whose keys and values are in its cache.
#[derive(Debug)]
pub struct Session {
    model: Model,
    tokens: Vec<u32>,
}

impl Session {
    /// An empty timeline.
    pub fn new(model: Model) -> Self {
        Self { model, tokens: Vec::new() }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How many of `prompt`'s first tokens need not be run again: at least its last one must, for its logits.
    pub fn common(&self, prompt: &[u32]) -> usize {
        let common = self.tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        common.min(prompt.len().saturating_sub(1))
    }

    /// Makes the timeline equal to `prompt` and returns the logits of its last token, f32 `[n_vocab]`.
    ///
    /// What the timeline has in common with `prompt` is kept; only the rest is run, in batches, and
    /// `cancelled` is asked between them ([`Error::Aborted`]; what was run stays usable).
    pub async fn prefill(&mut self, prompt: &[u32], cancelled: &dyn Fn() -> bool) -> Result<Vec<f32>> {
        self.tokens.truncate(self.common(prompt));
        let last = prompt.len().wrapping_sub(1);
        let mut logits = self.extend(&prompt[self.tokens.len()..], &[last], cancelled).await?;
        logits
            .pop()
            .ok_or_else(|| Error::InvalidRequest { param: "prompt".into(), problem: "it is empty".into() })
    }

    /// Appends one token and returns the logits after it.
    pub async fn decode(&mut self, token: u32) -> Result<Vec<f32>> {
        let logits = self.model.forward(&[token], self.tokens.len(), &[0]).await?;
        self.tokens.push(token);
        Ok(logits.into_iter().next().unwrap_or_default())
    }

    /// Runs `tokens` on a fresh timeline; the logits after each of `positions` (ascending).
    pub async fn logits(&mut self, tokens: &[u32], positions: &[usize]) -> Result<Vec<Vec<f32>>> {
        self.tokens.clear();
        self.extend(tokens, positions, &|| false).await
    }

    async fn extend(
        &mut self,
        tokens: &[u32],
        positions: &[usize],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Vec<f32>>> {
        let needed = self.tokens.len() + tokens.len();
        if needed > self.model.n_ctx {
            return Err(Error::ContextFull { needed, n_ctx: self.model.n_ctx });
        }
        let mut logits = Vec::new();
        for batch in tokens.chunks(MAX_BATCH) {
            if cancelled() {
                return Err(Error::Aborted);
            }
            let pos = self.tokens.len();
            let here = |p: &&usize| (pos..pos + batch.len()).contains(*p);
            let wanted: Vec<_> = positions.iter().filter(here).map(|p| p - pos).collect();
            logits.extend(self.model.forward(batch, pos, &wanted).await?);
            self.model.gpu().finish().await?; // keeps the queue short, so that an abort is soon heard
            self.tokens.extend(batch);
        }
        Ok(logits)
    }
}
