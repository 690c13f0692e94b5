//! The layer of llama, qwen2 and qwen3: grouped-query attention, then a gated feed-forward network (MODEL.md).

use crate::Result;
use crate::gpu::{Buffer, Dispatch};
use crate::kernels::Matrix;
use crate::kernels::attention::attention;
use crate::kernels::decode_attention::{combine, decode_attention, join};
use crate::kernels::fixed::Form;
use crate::kernels::matmul::{Product, Vectors};
use crate::kernels::matrix::Arrangement::{Paired, Stacked};
use crate::kernels::matvec::{Input, Output, matvec};
use crate::kernels::rope::{HeadBuffers, Heads, rope};
use crate::kernels::swiglu::swiglu;
use crate::model::kv_cache::{LayerCache, PositionBytes};
use crate::model::program::Graph;
use crate::model::weights::Allocator;
use std::rc::Rc;

/// Its weights. Matrices are `[rows][cols]` = `[outputs][inputs]`; vectors are f32.
#[derive(Debug)]
pub struct Layer {
    /// `[n_embd]`.
    attn_norm: Buffer,
    /// q, k and v under each other: `[(n_head + 2 n_kv_head) head_dim][n_embd]`.
    qkv: Rc<Matrix>,
    /// Biases of the same rows.
    qkv_bias: Option<Buffer>,
    /// Qwen3's norms of each query and key head, `[head_dim]` each.
    head_norms: Option<(Buffer, Buffer)>,
    /// `[n_embd][n_head head_dim]`.
    attn_output: Rc<Matrix>,
    /// `[n_embd]`.
    attn_output_bias: Option<Buffer>,
    /// `[n_embd]`.
    ffn_norm: Buffer,
    /// gate and up, paired: `[2 n_ff][n_embd]`.
    gate_up: Rc<Matrix>,
    /// Biases of the same rows.
    gate_up_bias: Option<Buffer>,
    /// `[n_embd][n_ff]`.
    down: Rc<Matrix>,
    /// `[n_embd]`.
    down_bias: Option<Buffer>,
}

/// What a layer keeps of a position.
pub fn position_bytes(heads: Heads) -> PositionBytes {
    PositionBytes { keys: heads.key_bytes(), values: heads.value_bytes() }
}

impl Layer {
    /// Allocates layer number `i`.
    pub fn allocate(weights: &mut Allocator<'_>, i: usize) -> Result<Self> {
        let name = |stem: &str| format!("blk.{i}.{stem}");
        let weight = |stem: &str| format!("blk.{i}.{stem}.weight");
        let qkv = weights.matrix("qkv", &["attn_q", "attn_k", "attn_v"].map(weight), Stacked)?;
        let attn_output = weights.matrix("attn_output", &[weight("attn_output")], Stacked)?;
        let gate_up = weights.matrix("gate_up", &["ffn_gate", "ffn_up"].map(weight), Paired)?;
        let down = weights.matrix("down", &[weight("ffn_down")], Stacked)?;
        let head_norms = match weights.has(&weight("attn_q_norm")) {
            true => Some((weights.vector(&weight("attn_q_norm"))?, weights.vector(&weight("attn_k_norm"))?)),
            false => None,
        };
        Ok(Self {
            attn_norm: weights.vector(&weight("attn_norm"))?,
            qkv_bias: weights.bias(&["attn_q", "attn_k", "attn_v"].map(name), &qkv)?,
            attn_output_bias: weights.bias(&[name("attn_output")], &attn_output)?,
            ffn_norm: weights.vector(&weight("ffn_norm"))?,
            gate_up_bias: weights.bias(&["ffn_gate", "ffn_up"].map(name), &gate_up)?,
            down_bias: weights.bias(&[name("ffn_down")], &down)?,
            head_norms,
            qkv,
            attn_output,
            gate_up,
            down,
        })
    }

    /// Its matrices, in the order of their use.
    pub fn matrices(&self) -> [&Matrix; 4] {
        [&self.qkv, &self.attn_output, &self.gate_up, &self.down]
    }

    /// One token: five dispatches, where no matrix is cut, and at long contexts six.
    pub fn decode(&self, graph: &Graph, cache: &LayerCache) -> Vec<Dispatch> {
        let Graph { gpu, scratch: a, state, heads, rope_params, .. } = *graph;
        let partial = &state.cache.partial;
        let mut all = matvec(gpu, &self.qkv, graph.normed(&self.attn_norm), self.to_qkv(graph));
        let buffers = self.head_buffers(graph, cache);
        all.push(decode_attention(gpu, heads, rope_params, buffers, partial));
        all.extend(self.join_heads(graph));
        let form = Form::of(gpu, &self.down);
        let gated = Output { bias: self.gate_up_bias.as_ref(), form, ..Output::to(&a.gated) };
        all.extend(matvec(gpu, &self.gate_up, graph.normed(&self.ffn_norm), gated));
        all.extend(matvec(gpu, &self.down, &a.gated, self.to_down(graph)));
        all
    }

    /// What comes after attention for one token: in a short context one dispatch, where no matrix is cut.
    fn join_heads(&self, graph: &Graph) -> Vec<Dispatch> {
        let Graph { gpu, scratch: a, state, heads, .. } = *graph;
        let (w, partial) = (&self.attn_output, &state.cache.partial);
        let mut all = vec![combine(gpu, heads, Form::of(gpu, w), [partial, &state.batch, &a.heads])];
        all.extend(matvec(gpu, w, &a.heads, self.to_attn_output(graph)));
        let Some((before, positions)) = join(gpu, heads, w, &state.batch) else { return all };
        let long = all.into_iter().map(|dispatch| dispatch.beyond(positions));
        let short = matvec(gpu, w, Input { x: partial, before }, self.to_attn_output(graph));
        long.chain(short.into_iter().map(|dispatch| dispatch.up_to(positions))).collect()
    }

    /// A batch of tokens, multiplied by `product`.
    pub fn batch(&self, graph: &Graph, cache: &LayerCache, product: Product) -> Vec<Dispatch> {
        let Graph { gpu, scratch: a, state, heads, rope_params, .. } = *graph;
        let vectors = |w: &Matrix, makes_keys: bool| product.vectors(gpu, w, heads.kv, makes_keys);
        let project = |w: &Matrix, vectors: Vectors, x: &Buffer, output: Output| {
            product.multiply(gpu, w, vectors, [x, &state.batch], output)
        };
        let of_qkv = vectors(&self.qkv, true);
        let mut all = vec![graph.norm(&self.attn_norm, of_qkv.form())];
        all.extend(project(&self.qkv, of_qkv, &a.normed, self.to_qkv(graph)));
        all.push(rope(gpu, heads, rope_params, self.head_buffers(graph, cache)));
        let of_heads = if heads.in_blocks() { vectors(&self.attn_output, false) } else { Vectors::Floats };
        let buffers = [&a.qkv, &cache.keys, &cache.values, &state.batch, &a.heads];
        all.push(attention(gpu, heads, of_heads.form(), buffers));
        all.extend(project(&self.attn_output, of_heads, &a.heads, self.to_attn_output(graph)));
        let of_gate_up = vectors(&self.gate_up, false);
        all.push(graph.norm(&self.ffn_norm, of_gate_up.form()));
        let gate_up = Output { bias: self.gate_up_bias.as_ref(), ..Output::to(&a.gate_up) };
        all.extend(project(&self.gate_up, of_gate_up, &a.normed, gate_up));
        let of_down = vectors(&self.down, false);
        all.push(swiglu(gpu, graph.config.n_ff, of_down.form(), &a.gate_up, &a.gated));
        all.extend(project(&self.down, of_down, &a.gated, self.to_down(graph)));
        all
    }

    fn to_qkv<'a>(&'a self, graph: &Graph<'a>) -> Output<'a> {
        Output { bias: self.qkv_bias.as_ref(), ..Output::to(&graph.scratch.qkv) }
    }

    fn to_attn_output<'a>(&'a self, graph: &Graph<'a>) -> Output<'a> {
        let bias = self.attn_output_bias.as_ref();
        Output { bias, accumulate: true, ..Output::to(&graph.scratch.x) }
    }

    fn to_down<'a>(&'a self, graph: &Graph<'a>) -> Output<'a> {
        Output { bias: self.down_bias.as_ref(), accumulate: true, ..Output::to(&graph.scratch.x) }
    }

    fn head_buffers<'a>(&'a self, graph: &Graph<'a>, cache: &'a LayerCache) -> HeadBuffers<'a> {
        HeadBuffers {
            table: &graph.scratch.rope,
            batch: &graph.state.batch,
            head_norms: self.head_norms.as_ref().map(|(q, k)| (q, k)),
            qkv: &graph.scratch.qkv,
            k_cache: &cache.keys,
            v_cache: &cache.values,
        }
    }
}
