//! The next token from the logits: the best of each span of the vocabulary, the candidates of each, then the choice.

use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Work};

/// Positions whose tokens are remembered: more than are ever in flight.
pub const RING: u32 = 64;

/// What stands in the ring instead of a token where the logits were not finite.
pub const NOT_A_TOKEN: u32 = u32::MAX;

/// Parts of the vocabulary, each a workgroup's, of which all of a GPU's cores get some.
const SPANS: u32 = 256;
/// Tokens of a span that lie together, and invocations of its workgroup.
const BLOCK: u32 = 64;
/// Invocations of the last kernel's only workgroup.
const LANES: u32 = 256;

/// What [`sample`] binds.
#[derive(Debug)]
pub struct SampleBuffers<'a> {
    /// From [`crate::sampler::SamplingParams::words`], then n_vocab and whether there is a mask.
    pub params: &'a Buffer,
    /// f32 `[n_vocab]`.
    pub logits: &'a Buffer,
    /// Logit bias, f32 `[n_vocab]`, then a mask of a bit for each token, u32 `[n_vocab / 32]`.
    pub bias: &'a Buffer,
    /// How often the reply has each token, u32 `[n_vocab]`; the chosen one is counted.
    pub counts: &'a Buffer,
    /// Scratch of [`BESTS_BYTES`].
    pub bests: &'a Buffer,
    /// Scratch of [`candidates_bytes`].
    pub candidates: &'a Buffer,
    /// The batch whose last token the logits follow; afterwards the batch of the chosen token alone.
    pub batch: &'a Buffer,
    /// u32 `[RING]`: the token at position p is number p mod RING.
    pub sampled: &'a Buffer,
}

/// Bytes of the likeliest token of each span.
pub const BESTS_BYTES: u64 = 8 * SPANS as u64;

/// Bytes of the candidates of each span, and how many there are.
pub fn candidates_bytes(n_vocab: usize) -> u64 {
    let turns = (n_vocab as u64).div_ceil(u64::from(SPANS * BLOCK));
    8 * u64::from(SPANS) * (1 + turns * u64::from(BLOCK))
}

/// Chooses the token after the batch row whose logits are there.
pub fn sample(gpu: &Gpu, n_vocab: usize, buffers: SampleBuffers) -> [Dispatch; 3] {
    let SampleBuffers { params, logits, bias, counts, bests, candidates, batch, sampled } = buffers;
    let scan = [Bind::Read(params), Bind::Read(logits), Bind::Read(bias), Bind::Read(counts)];
    let dispatch = |label, parts: &[&str], binds: &[Bind], [groups, lanes]: [u32; 2], bytes| {
        let constants = [
            ("LANES", lanes),
            ("SPANS", SPANS),
            ("BLOCK", BLOCK),
            ("NOT_A_TOKEN", NOT_A_TOKEN),
            ("RING", RING),
        ];
        let source = shader::compose(gpu.caps(), &constants, "", parts);
        let bytes = Amount { fixed: bytes, ..Amount::default() };
        let groups = [Groups::Fixed(groups), Groups::Fixed(1)];
        gpu.dispatch(label, source, binds, groups).doing(Work { bytes, ..Work::default() })
    };
    let best = dispatch(
        "best",
        &[shared::SAMPLER, shared::ADJUSTED, include_str!("../../shaders/best.wgsl")],
        &[&scan[..], &[Bind::Write(bests)]].concat(),
        [SPANS, BLOCK],
        4 * n_vocab as u64,
    );
    let candidate = dispatch(
        "candidates",
        &[shared::SAMPLER, shared::ADJUSTED, include_str!("../../shaders/candidates.wgsl")],
        &[&scan[..], &[Bind::Read(bests), Bind::Write(candidates)]].concat(),
        [SPANS, BLOCK],
        4 * n_vocab as u64,
    );
    let choice = dispatch(
        "sample",
        &[shared::SAMPLER, shared::BATCH, include_str!("../../shaders/sample.wgsl")],
        &[
            Bind::Read(params),
            Bind::Read(bests),
            Bind::Read(candidates),
            Bind::Write(counts),
            Bind::Write(batch),
            Bind::Write(sampled),
        ],
        [1, LANES],
        2 * BESTS_BYTES, // how many candidates there are is not known
    );
    [best, candidate, choice]
}
