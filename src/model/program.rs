//! What is submitted for a conversation: the model's dispatches, made once from its weights, its dimensions and the buffers
//! between kernels, and bound to each conversation's own buffers. MODEL.md has the same in formulas.

use super::MAX_BATCH;
use super::arch::dense;
use super::gpu_sampler::{GpuSampler, SamplerScratch};
use super::kv_cache::{KvCache, PositionBytes};
use super::weights::Weights;
use crate::Result;
use crate::config::ModelConfig;
use crate::gpu::{Buffer, Dispatch, Gpu};
use crate::kernels::BATCH_HEADER;
use crate::kernels::embed::embed;
use crate::kernels::fixed::Form;
use crate::kernels::matmul::{FEW_TOKENS, Product, matmul_few};
use crate::kernels::matvec::{Before, Input, Norm, Output, matvec};
use crate::kernels::rms_norm::{rms_norm, rms_norm_of};
use crate::kernels::rope::{self, Heads, RopeParams};
use crate::kv_type::KvTypes;

/// Most rows of a batch whose logits come with one submit.
pub const MAX_ROWS: usize = FEW_TOKENS as usize;

/// All that is ever submitted, in order.
#[derive(Debug, Default)]
pub struct Program {
    /// How many dispatches of each way through the layers only look the tokens' embeddings up.
    embed: usize,
    decode: Vec<Dispatch>,
    prefill: Vec<Dispatch>,
    /// The same for at most [`FEW_TOKENS`].
    few: Vec<Dispatch>,
    /// Logits of the wanted row.
    pub head: Vec<Dispatch>,
    /// Logits of several rows, for a batch of so many.
    pub head_rows: Vec<Dispatch>,
    /// The choice of a token, which becomes the batch.
    pub sample: Vec<Dispatch>,
}

impl Program {
    /// Whether it is bound to nothing.
    pub fn is_empty(&self) -> bool {
        self.decode.is_empty()
    }

    /// So many tokens through the layers: from their ids, or from the embeddings that are in the residual stream.
    pub fn layers(&self, tokens: usize, from_ids: bool) -> &[Dispatch] {
        let all = match tokens {
            1 => &self.decode,
            n if n <= FEW_TOKENS as usize => &self.few,
            _ => &self.prefill,
        };
        if from_ids { all } else { &all[self.embed..] }
    }

    /// The same for another conversation: what is bound of `from` is bound of `to` instead.
    pub fn rebound(&self, gpu: &Gpu, from: &State, to: &State) -> Self {
        let pairs: Vec<_> = from.buffers().zip(to.buffers()).collect();
        let other = |buffer: &Buffer| {
            let pair = pairs.iter().find(|(from, _)| from.is(buffer));
            pair.map(|(_, to)| (*to).clone())
        };
        let all = |dispatches: &Vec<Dispatch>| dispatches.iter().map(|d| d.rebound(gpu, &other)).collect();
        Self {
            embed: self.embed,
            decode: all(&self.decode),
            prefill: all(&self.prefill),
            few: all(&self.few),
            head: all(&self.head),
            head_rows: all(&self.head_rows),
            sample: all(&self.sample),
        }
    }
}

/// A conversation's own buffers.
#[derive(Debug)]
pub struct State {
    /// Position, tokens and wanted row of what is run (shaders/shared/batch.wgsl).
    pub batch: Buffer,
    /// The rows whose logits are wanted, as a batch whose tokens they are.
    pub rows: Buffer,
    /// Keys and values.
    pub cache: KvCache,
    /// The reply's sampler.
    pub sampler: GpuSampler,
}

impl State {
    /// Allocates them for a KV cache of `cache`.
    pub fn new(gpu: &Gpu, n_vocab: usize, cache: KvCache) -> Result<Self> {
        let batch = |tokens: usize| 4 * (BATCH_HEADER + tokens) as u64;
        Ok(Self {
            batch: gpu.buffer("batch", batch(MAX_BATCH))?,
            rows: gpu.buffer("wanted rows", batch(MAX_ROWS))?,
            cache,
            sampler: GpuSampler::new(gpu, n_vocab)?,
        })
    }

    fn buffers(&self) -> impl Iterator<Item = &Buffer> {
        [&self.batch, &self.rows].into_iter().chain(self.cache.buffers()).chain(self.sampler.buffers())
    }
}

/// Buffers between kernels, f32 or in the form that the next matrix takes, which needs no more room, `[MAX_BATCH][..]`: their
/// contents last for a pass, so all conversations share them.
#[derive(Debug)]
pub struct Scratch {
    /// The residual stream, `[n_embd]`.
    pub x: Buffer,
    /// Its norm, `[n_embd]`.
    pub normed: Buffer,
    /// `[(n_head + 2 n_kv_head) head_dim]`.
    pub qkv: Buffer,
    /// `[n_head head_dim]`.
    pub heads: Buffer,
    /// `[2 n_ff]`.
    pub gate_up: Buffer,
    /// `[n_ff]`.
    pub gated: Buffer,
    /// `[MAX_ROWS][n_vocab]`.
    pub logits: Buffer,
    /// Cos and sin, which do last.
    pub rope: Buffer,
    /// The sampler's.
    pub sampler: SamplerScratch,
}

impl Scratch {
    /// Allocates them for contexts of `n_ctx` positions.
    pub fn new(gpu: &Gpu, config: &ModelConfig, n_ctx: usize) -> Result<Self> {
        let rows = |what: &str, n: usize| gpu.buffer(what, (4 * MAX_BATCH * n) as u64);
        let q = config.n_head * config.head_dim;
        Ok(Self {
            x: rows("the residual stream", config.n_embd)?,
            normed: rows("the normed residual stream", config.n_embd)?,
            qkv: rows("q, k and v", q + 2 * config.n_kv_head * config.head_dim)?,
            heads: rows("the attention heads", q)?,
            gate_up: rows("gate and up", 2 * config.n_ff)?,
            gated: rows("the gated activations", config.n_ff)?,
            logits: gpu.buffer("the logits", (4 * MAX_ROWS * config.n_vocab) as u64)?,
            rope: gpu.buffer("the RoPE table", rope::table_bytes(config.rope.n_rot, n_ctx))?,
            sampler: SamplerScratch::new(gpu, config.n_vocab)?,
        })
    }
}

/// What a program is made from.
#[derive(Clone, Copy)]
pub struct Graph<'a> {
    /// The device, in the model's tier.
    pub gpu: &'a Gpu,
    /// Dimensions.
    pub config: &'a ModelConfig,
    /// Weights.
    pub weights: &'a Weights,
    /// Buffers between kernels.
    pub scratch: &'a Scratch,
    /// The conversation's buffers, or what stands in their place.
    pub state: &'a State,
    /// Attention's dimensions.
    pub heads: Heads,
    /// How heads are rotated.
    pub rope_params: RopeParams,
}

/// Attention's dimensions with a cache of types `kv`.
pub fn heads(config: &ModelConfig, kv: KvTypes) -> Heads {
    Heads { n_head: config.n_head, n_kv_head: config.n_kv_head, head_dim: config.head_dim, kv }
}

/// What each layer keeps of a position.
pub fn cache_layers(config: &ModelConfig, kv: KvTypes) -> Vec<PositionBytes> {
    vec![dense::position_bytes(heads(config, kv)); config.n_layer]
}

/// How the model rotates heads.
pub fn rope_params(config: &ModelConfig) -> RopeParams {
    RopeParams { n_rot: config.rope.n_rot, neox: config.rope.neox, eps: config.rms_eps }
}

impl<'a> Graph<'a> {
    /// Makes all dispatches.
    pub fn program(&self) -> Program {
        let embed = embed(self.gpu, &self.weights.token_embd, &self.state.batch, &self.scratch.x);
        let layers = || self.weights.layers.iter().zip(&self.state.cache.layers);
        let decode = layers().flat_map(|(layer, cache)| layer.decode(self, cache));
        let batch = |product: Product| {
            let all = layers().flat_map(move |(layer, cache)| layer.batch(self, cache, product));
            embed.iter().cloned().chain(all).collect()
        };
        let (sampler, logits) = (&self.state.sampler, &self.scratch.logits);
        Program {
            embed: embed.len(),
            decode: embed.iter().cloned().chain(decode).collect(),
            prefill: batch(Product::Many),
            few: batch(Product::Few),
            head: matvec(
                self.gpu,
                &self.weights.output,
                self.normed(&self.weights.output_norm),
                self.logits(),
            ),
            head_rows: self.head_rows(),
            sample: sampler.dispatches(self.gpu, &self.scratch.sampler, logits, &self.state.batch).into(),
        }
    }

    fn logits(&self) -> Output<'a> {
        Output { bias: self.weights.output_bias.as_ref(), ..Output::to(&self.scratch.logits) }
    }

    /// logits = W_output norm(x[row]) for each of the wanted rows.
    fn head_rows(&self) -> Vec<Dispatch> {
        let (Scratch { x, normed, .. }, rows) = (self.scratch, &self.state.rows);
        let (n, eps) = (self.config.n_embd, self.config.rms_eps);
        let mut all = vec![rms_norm_of(self.gpu, n, eps, rows, [x, &self.weights.output_norm, normed])];
        all.extend(matmul_few(self.gpu, &self.weights.output, normed, rows, self.logits()));
        all
    }

    /// The wanted row of the residual stream, normed.
    pub fn normed(&self, weight: &'a Buffer) -> Input<'a> {
        let norm = Norm { weight, eps: self.config.rms_eps, batch: &self.state.batch };
        Input { x: &self.scratch.x, before: Before::Norm(norm) }
    }

    /// All rows of the residual stream, normed.
    pub fn norm(&self, weight: &Buffer, form: Form) -> Dispatch {
        let Scratch { x, normed, .. } = self.scratch;
        rms_norm(self.gpu, self.config.n_embd, self.config.rms_eps, form, [x, weight, normed])
    }
}
