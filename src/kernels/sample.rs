//! The next token from the logits.

use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Dispatch, Gpu, Groups, Work};

/// Positions whose tokens are remembered: more than are ever in flight.
pub const RING: u32 = 64;

/// What stands in the ring instead of a token where the logits were not finite.
pub const NOT_A_TOKEN: u32 = u32::MAX;

/// What [`sample`] binds.
#[derive(Debug)]
pub struct Buffers<'a> {
    /// From [`crate::sampler::SamplingParams::words`], then n_vocab.
    pub params: &'a wgpu::Buffer,
    /// f32 `[n_vocab]`.
    pub logits: &'a wgpu::Buffer,
    /// Logit bias, f32 `[n_vocab]`.
    pub bias: &'a wgpu::Buffer,
    /// How often the reply has each token, u32 `[n_vocab]`; the chosen one is counted.
    pub counts: &'a wgpu::Buffer,
    /// Scratch, u32 `[n_vocab]`.
    pub weights: &'a wgpu::Buffer,
    /// The batch whose last token the logits follow; afterwards the batch of the chosen token alone.
    pub batch: &'a wgpu::Buffer,
    /// u32 `[RING]`: the token at position p is number p mod RING.
    pub sampled: &'a wgpu::Buffer,
}

/// Chooses the token after the batch row whose logits are there.
pub fn sample(gpu: &Gpu, n_vocab: usize, buffers: Buffers) -> Dispatch {
    let constants = [("RING", RING)];
    let parts = [shared::BATCH, include_str!("../../shaders/sample.wgsl")];
    let source = shader::compose(&gpu.caps, &constants, "", &parts);
    let binds = [
        Bind::Read(buffers.params),
        Bind::Read(buffers.logits),
        Bind::Read(buffers.bias),
        Bind::Write(buffers.counts),
        Bind::Write(buffers.weights),
        Bind::Write(buffers.batch),
        Bind::Write(buffers.sampled),
    ];
    // logits, bias and counts in, weights out
    let bytes = Amount { fixed: 16 * n_vocab as u64, ..Amount::default() };
    let groups = [Groups::Fixed(1), Groups::Fixed(1)];
    gpu.dispatch("sample", source, &binds, groups).doing(Work { bytes, ..Work::default() })
}
