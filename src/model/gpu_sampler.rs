//! The sampler of a reply that the GPU chooses: its state there.

use crate::gpu::{Buffer, Dispatch, Gpu};
use crate::kernels::sample::{BESTS_BYTES, RING, SampleBuffers, candidates_bytes, sample};
use crate::sampler::{SamplingParams, counts};
use crate::{Error, Result};

/// A conversation's sampler.
#[derive(Debug)]
pub struct GpuSampler {
    params: Buffer,
    bias: Buffer,
    counts: Buffer,
    /// Tokens by position, see [`RING`].
    pub sampled: Buffer,
    n_vocab: usize,
}

/// What lasts for one choice only.
#[derive(Debug)]
pub struct SamplerScratch {
    bests: Buffer,
    candidates: Buffer,
}

impl SamplerScratch {
    /// Allocates it.
    pub fn new(gpu: &Gpu, n_vocab: usize) -> Result<Self> {
        Ok(Self {
            bests: gpu.buffer("the likeliest tokens", BESTS_BYTES)?,
            candidates: gpu.buffer("candidates", candidates_bytes(n_vocab))?,
        })
    }
}

impl GpuSampler {
    /// Allocates it.
    pub fn new(gpu: &Gpu, n_vocab: usize) -> Result<Self> {
        let vocabulary = |what| gpu.buffer(what, 4 * n_vocab as u64);
        let params = gpu.buffer("sampling parameters", 64)?;
        gpu.write(&params, 48, bytemuck::bytes_of(&(n_vocab as u32)));
        let counts = vocabulary("token counts")?;
        let bias = gpu.buffer("logit bias and mask", 4 * (n_vocab + n_vocab.div_ceil(32)) as u64)?;
        let sampled = gpu.buffer("sampled tokens", 4 * u64::from(RING))?;
        Ok(Self { params, bias, counts, sampled, n_vocab })
    }

    /// Choose a token from `logits`, and make it the batch in place of the one it follows.
    pub fn dispatches(
        &self,
        gpu: &Gpu,
        scratch: &SamplerScratch,
        logits: &Buffer,
        batch: &Buffer,
    ) -> [Dispatch; 3] {
        let buffers = SampleBuffers {
            params: &self.params,
            logits,
            bias: &self.bias,
            counts: &self.counts,
            bests: &scratch.bests,
            candidates: &scratch.candidates,
            batch,
            sampled: &self.sampled,
        };
        sample(gpu, self.n_vocab, buffers)
    }

    /// All of its buffers, always in the same order.
    pub fn buffers(&self) -> impl Iterator<Item = &Buffer> {
        [&self.params, &self.bias, &self.counts, &self.sampled].into_iter()
    }

    /// Begins a reply, or goes on after the tokens `reply`, without a mask. The parameters have passed
    /// [`SamplingParams::check`].
    pub fn start(&self, gpu: &Gpu, params: &SamplingParams, seed: u64, reply: &[u32]) {
        gpu.write(&self.params, 0, bytemuck::cast_slice(&params.words(seed)));
        self.set_masked(gpu, false);
        if reply.is_empty() {
            gpu.clear(&self.counts);
        } else {
            let mut all = vec![0u32; self.n_vocab];
            for (id, count) in counts(reply) {
                all.get_mut(id as usize).into_iter().for_each(|entry| *entry = count);
            }
            gpu.write(&self.counts, 0, bytemuck::cast_slice(&all));
        }
        if !params.logit_bias.is_empty() {
            let mut bias = vec![0f32; self.n_vocab];
            for (id, value) in &params.logit_bias {
                bias.get_mut(*id as usize).into_iter().for_each(|entry| *entry = *value);
            }
            gpu.write(&self.bias, 0, bytemuck::cast_slice(&bias));
        }
    }

    /// Lets the next choice be one of the tokens in `mask`, as [`crate::sampler::Sampler::sample`] takes it.
    pub fn allow(&self, gpu: &Gpu, mask: &[u32]) {
        let mut words = mask.to_vec();
        words.resize(self.n_vocab.div_ceil(32), 0);
        gpu.write(&self.bias, 4 * self.n_vocab as u64, bytemuck::cast_slice(&words));
        self.set_masked(gpu, true);
    }

    fn set_masked(&self, gpu: &Gpu, masked: bool) {
        gpu.write(&self.params, 52, bytemuck::bytes_of(&u32::from(masked)));
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
