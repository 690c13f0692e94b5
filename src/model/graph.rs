//! The model's dispatches, made from its weights, buffers and dimensions. MODEL.md has the same in formulas.

use super::MAX_BATCH;
use super::kv_cache::KvCache;
use super::weights::{Layer, Weights};
use crate::Result;
use crate::config::ModelConfig;
use crate::gpu::{Buffer, Dispatch, Gpu};
use crate::kernels::attention::attention;
use crate::kernels::decode_attention::{combine, decode_attention};
use crate::kernels::embed::embed;
use crate::kernels::matmul::{FEW_TOKENS, Product, matmul, matmul_few};
use crate::kernels::matvec::{Input, Norm, Output, matvec};
use crate::kernels::rms_norm::rms_norm;
use crate::kernels::rope::{self, Heads, Turn, rope};
use crate::kernels::swiglu::swiglu;
use crate::kernels::{BATCH_HEADER, Matrix};
use crate::kv_type::KvTypes;

/// All that is ever submitted, in order.
#[derive(Debug)]
pub(super) struct Dispatches {
    /// One token through the layers.
    pub decode: Vec<Dispatch>,
    /// A batch of tokens through the layers.
    prefill: Vec<Dispatch>,
    /// The same for at most [`FEW_TOKENS`].
    few: Vec<Dispatch>,
    /// Logits of the wanted row.
    pub head: Vec<Dispatch>,
}

impl Dispatches {
    /// Several tokens through the layers.
    pub fn batch(&self, tokens: usize) -> &[Dispatch] {
        if tokens <= FEW_TOKENS as usize { &self.few } else { &self.prefill }
    }
}

/// Buffers between kernels, f32, `[MAX_BATCH][..]`.
#[derive(Debug)]
pub(super) struct Activations {
    pub batch: Buffer,
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
    /// `[n_vocab]`, of one row.
    pub logits: Buffer,
    /// Cos and sin.
    pub rope: Buffer,
}

impl Activations {
    pub fn new(gpu: &Gpu, config: &ModelConfig, heads: Heads, n_ctx: usize) -> Result<Self> {
        let rows = |what: &str, n: usize| gpu.buffer(what, (4 * MAX_BATCH * n) as u64);
        let q = heads.n_head * heads.head_dim;
        Ok(Self {
            batch: gpu.buffer("batch", 4 * (BATCH_HEADER + MAX_BATCH) as u64)?,
            x: rows("the residual stream", config.n_embd)?,
            normed: rows("the normed residual stream", config.n_embd)?,
            qkv: rows("q, k and v", q + 2 * heads.n_kv_head * heads.head_dim)?,
            heads: rows("the attention heads", q)?,
            gate_up: rows("gate and up", 2 * config.n_ff)?,
            gated: rows("the gated activations", config.n_ff)?,
            logits: gpu.buffer("the logits", 4 * config.n_vocab as u64)?,
            rope: gpu.buffer("the RoPE table", rope::table_bytes(config.rope.n_rot, n_ctx))?,
        })
    }
}

/// What the dispatches are made from.
pub(super) struct Graph<'a> {
    pub gpu: &'a Gpu,
    pub config: &'a ModelConfig,
    pub weights: &'a Weights,
    pub a: &'a Activations,
    pub cache: &'a KvCache,
}

pub(super) fn heads(config: &ModelConfig, kv: KvTypes) -> Heads {
    Heads { n_head: config.n_head, n_kv_head: config.n_kv_head, head_dim: config.head_dim, kv }
}

pub(super) fn turn(config: &ModelConfig) -> Turn {
    Turn { n_rot: config.rope.n_rot, neox: config.rope.neox, eps: config.rms_eps }
}

impl Graph<'_> {
    pub fn dispatches(&self) -> Dispatches {
        Dispatches {
            decode: self.decode(),
            prefill: self.prefill(matmul),
            few: self.prefill(matmul_few),
            head: self.head(),
        }
    }

    /// One token through all layers: six dispatches each, where no matrix is cut.
    fn decode(&self) -> Vec<Dispatch> {
        let (gpu, a, heads) = (self.gpu, self.a, self.cache.heads);
        let partial = &self.cache.partial;
        let mut all = self.embed();
        for (layer, cache) in self.weights.layers.iter().zip(&self.cache.layers) {
            all.extend(matvec(gpu, &layer.qkv, self.normed(&layer.attn_norm), self.qkv(layer)));
            let buffers = self.rope_buffers(layer, cache);
            all.push(decode_attention(gpu, heads, turn(self.config), buffers, partial));
            all.push(combine(gpu, heads, [partial, &a.batch, &a.heads]));
            all.extend(matvec(gpu, &layer.attn_output, &a.heads, self.attn_output(layer)));
            let gated = Output { bias: layer.gate_up_bias.as_ref(), accumulate: false, y: &a.gated };
            all.extend(matvec(gpu, &layer.gate_up, self.normed(&layer.ffn_norm), gated));
            all.extend(matvec(gpu, &layer.down, &a.gated, self.down(layer)));
        }
        all
    }

    /// A batch of tokens through all layers, multiplied by `product`.
    fn prefill(&self, product: Product) -> Vec<Dispatch> {
        let (gpu, a, heads) = (self.gpu, self.a, self.cache.heads);
        let project = |w: &Matrix, x: &Buffer, output: Output| product(gpu, w, x, &a.batch, output);
        let mut all = self.embed();
        for (layer, cache) in self.weights.layers.iter().zip(&self.cache.layers) {
            all.push(self.norm(&layer.attn_norm));
            all.extend(project(&layer.qkv, &a.normed, self.qkv(layer)));
            all.push(rope(gpu, heads, turn(self.config), self.rope_buffers(layer, cache)));
            all.push(attention(gpu, heads, [&a.qkv, &cache.0, &cache.1, &a.batch, &a.heads]));
            all.extend(project(&layer.attn_output, &a.heads, self.attn_output(layer)));
            all.push(self.norm(&layer.ffn_norm));
            let gate_up = Output { bias: layer.gate_up_bias.as_ref(), accumulate: false, y: &a.gate_up };
            all.extend(project(&layer.gate_up, &a.normed, gate_up));
            all.push(swiglu(gpu, self.config.n_ff, &a.gate_up, &a.gated));
            all.extend(project(&layer.down, &a.gated, self.down(layer)));
        }
        all
    }

    /// logits = W_output norm(x[wanted row])
    fn head(&self) -> Vec<Dispatch> {
        let logits = Output { bias: self.weights.output_bias.as_ref(), accumulate: false, y: &self.a.logits };
        matvec(self.gpu, &self.weights.output, self.normed(&self.weights.output_norm), logits)
    }

    fn embed(&self) -> Vec<Dispatch> {
        embed(self.gpu, &self.weights.token_embd, &self.a.batch, &self.a.x)
    }

    /// The wanted row of the residual stream, normed.
    fn normed<'b>(&'b self, weight: &'b Buffer) -> Input<'b> {
        let norm = Norm { weight, eps: self.config.rms_eps, batch: &self.a.batch };
        Input { x: &self.a.x, norm: Some(norm) }
    }

    /// All rows of the residual stream, normed.
    fn norm(&self, weight: &Buffer) -> Dispatch {
        rms_norm(self.gpu, self.config.n_embd, self.config.rms_eps, [&self.a.x, weight, &self.a.normed])
    }

    fn qkv<'b>(&'b self, layer: &'b Layer) -> Output<'b> {
        Output { bias: layer.qkv_bias.as_ref(), accumulate: false, y: &self.a.qkv }
    }

    fn attn_output<'b>(&'b self, layer: &'b Layer) -> Output<'b> {
        Output { bias: layer.attn_output_bias.as_ref(), accumulate: true, y: &self.a.x }
    }

    fn down<'b>(&'b self, layer: &'b Layer) -> Output<'b> {
        Output { bias: layer.down_bias.as_ref(), accumulate: true, y: &self.a.x }
    }

    fn rope_buffers<'b>(&'b self, layer: &'b Layer, cache: &'b (Buffer, Buffer)) -> rope::Buffers<'b> {
        rope::Buffers {
            table: &self.a.rope,
            batch: &self.a.batch,
            head_norms: layer.head_norms.as_ref().map(|(q, k)| (q, k)),
            qkv: &self.a.qkv,
            k_cache: &cache.0,
            v_cache: &cache.1,
        }
    }
}
