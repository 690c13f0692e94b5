//! Sampling on the GPU: the state of a reply's sampler there.

use crate::gpu::{Buffer, Dispatch, Gpu};
use crate::kernels::sample::{BESTS_BYTES, Buffers, RING, candidates_bytes, sample};
use crate::sampler::SamplingParams;
use crate::{Error, Result};

/// Buffers of the sampler and its dispatches.
#[derive(Debug)]
pub struct Sampling {
    params: Buffer,
    bias: Buffer,
    counts: Buffer,
    /// Tokens by position, see [`RING`].
    pub sampled: Buffer,
    /// Choose a token from the logits and make it the batch.
    pub dispatches: [Dispatch; 3],
    n_vocab: usize,
}

impl Sampling {
    /// A sampler of `logits` for the token after `batch`.
    pub fn new(gpu: &Gpu, n_vocab: usize, logits: &Buffer, batch: &Buffer) -> Result<Self> {
        let vocabulary = |what| gpu.buffer(what, 4 * n_vocab as u64);
        let params = gpu.buffer("sampling parameters", 64)?;
        gpu.write(&params, 48, bytemuck::bytes_of(&(n_vocab as u32)));
        let (bias, counts) = (vocabulary("logit bias")?, vocabulary("token counts")?);
        let bests = gpu.buffer("the likeliest tokens", BESTS_BYTES)?;
        let candidates = gpu.buffer("candidates", candidates_bytes(n_vocab))?;
        let sampled = gpu.buffer("sampled tokens", 4 * u64::from(RING))?;
        let buffers = Buffers {
            params: &params,
            logits,
            bias: &bias,
            counts: &counts,
            bests: &bests,
            candidates: &candidates,
            batch,
            sampled: &sampled,
        };
        let dispatches = sample(gpu, n_vocab, buffers);
        Ok(Self { params, bias, counts, sampled, dispatches, n_vocab })
    }

    /// Begins a reply, with parameters that [`SamplingParams::check`] has passed.
    pub fn start(&self, gpu: &Gpu, params: &SamplingParams, seed: u64) {
        gpu.write(&self.params, 0, bytemuck::cast_slice(&params.words(seed)));
        gpu.clear(&self.counts);
        if !params.logit_bias.is_empty() {
            let mut bias = vec![0f32; self.n_vocab];
            for (id, value) in &params.logit_bias {
                bias.get_mut(*id as usize).into_iter().for_each(|entry| *entry = *value);
            }
            gpu.write(&self.bias, 0, bytemuck::cast_slice(&bias));
        }
    }
}

/// The token at `position` in the ring's bytes. An error where its logits were not finite.
pub fn token_at(ring: &[u8], position: usize) -> Result<u32> {
    let tokens: Vec<u32> = bytemuck::pod_collect_to_vec(ring);
    match tokens.get(position % RING as usize) {
        Some(token) if *token != crate::kernels::sample::NOT_A_TOKEN => Ok(*token),
        _ => Err(Error::NotFinite),
    }
}
