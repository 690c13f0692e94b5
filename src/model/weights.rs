//! The model's tensors on the GPU, and where each tensor of the file goes.

use crate::config::ModelConfig;
use crate::gguf::{Header, TensorInfo};
use crate::gpu::{Buffer, Gpu};
use crate::kernels::Matrix;
use crate::kernels::matrix::Arrangement::{self, Paired, Stacked};
use crate::quant::GgmlType;
use crate::{Error, Result};
use std::collections::HashMap;
use std::rc::Rc;

/// All weights. Matrices are `[rows][cols]` = `[outputs][inputs]`; vectors are f32.
#[derive(Debug)]
pub struct Weights {
    /// `[n_vocab][n_embd]`.
    pub token_embd: Rc<Matrix>,
    /// The layers.
    pub layers: Vec<Layer>,
    /// `[n_embd]`.
    pub output_norm: Buffer,
    /// `[n_vocab][n_embd]`; the embedding itself where the file has no own (tied).
    pub output: Rc<Matrix>,
    /// `[n_vocab]`.
    pub output_bias: Option<Buffer>,
}

/// One transformer layer.
#[derive(Debug)]
pub struct Layer {
    /// `[n_embd]`.
    pub attn_norm: Buffer,
    /// q, k and v under each other: `[(n_head + 2 n_kv_head) head_dim][n_embd]`.
    pub qkv: Rc<Matrix>,
    /// Biases of the same rows.
    pub qkv_bias: Option<Buffer>,
    /// Qwen3's norms of each query and key head, `[head_dim]` each.
    pub head_norms: Option<(Buffer, Buffer)>,
    /// `[n_embd][n_head head_dim]`.
    pub attn_output: Rc<Matrix>,
    /// `[n_embd]`.
    pub attn_output_bias: Option<Buffer>,
    /// `[n_embd]`.
    pub ffn_norm: Buffer,
    /// gate and up, paired: `[2 n_ff][n_embd]`.
    pub gate_up: Rc<Matrix>,
    /// Biases of the same rows.
    pub gate_up_bias: Option<Buffer>,
    /// `[n_embd][n_ff]`.
    pub down: Rc<Matrix>,
    /// `[n_embd]`.
    pub down_bias: Option<Buffer>,
}

/// Where a tensor's bytes go.
#[derive(Clone, Debug)]
pub enum Sink {
    /// Tensor number so-and-so of a matrix.
    Matrix(Rc<Matrix>, usize),
    /// F32 values at this byte of a buffer.
    Vector(Buffer, u64),
    /// RoPE's frequency factors, needed on the CPU.
    RopeFactors,
}

impl Weights {
    /// Allocates everything the header names; the sinks say where each tensor's bytes belong.
    pub async fn allocate(
        gpu: &Gpu,
        config: &ModelConfig,
        header: &Header,
    ) -> Result<(Self, HashMap<String, Sink>)> {
        let tensors = header.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
        let mut build = Builder { gpu, tensors, sinks: HashMap::new() };
        let token_embd = build.matrix("token_embd", &["token_embd.weight"], Stacked).await?;
        let output = match build.tensors.contains_key("output.weight") {
            true => build.matrix("output", &["output.weight"], Stacked).await?,
            false => token_embd.clone(),
        };
        let mut layers = Vec::new();
        for i in 0..config.n_layer {
            layers.push(build.layer(i).await?);
        }
        let output_norm = build.vector("output_norm.weight")?;
        let output_bias = build.bias(&["output"], &output)?;
        if build.tensors.contains_key("rope_freqs.weight") {
            build.f32_tensor("rope_freqs.weight")?;
            build.sinks.insert("rope_freqs.weight".into(), Sink::RopeFactors);
        }
        Ok((Self { token_embd, layers, output_norm, output, output_bias }, build.sinks))
    }

    /// Bytes of weights read for one decoded token: all matrices but the embedding, unless it is tied.
    pub fn bytes_per_token(&self) -> u64 {
        let layer = |l: &Layer| l.qkv.bytes() + l.attn_output.bytes() + l.gate_up.bytes() + l.down.bytes();
        self.output.bytes() + self.layers.iter().map(layer).sum::<u64>()
    }
}

struct Builder<'a> {
    gpu: &'a Gpu,
    tensors: HashMap<&'a str, &'a TensorInfo>,
    sinks: HashMap<String, Sink>,
}

impl Builder<'_> {
    async fn layer(&mut self, i: usize) -> Result<Layer> {
        let name = |stem: &str| format!("blk.{i}.{stem}");
        let weight = |stem: &str| format!("blk.{i}.{stem}.weight");
        let qkv = self.matrix("qkv", &["attn_q", "attn_k", "attn_v"].map(weight), Stacked).await?;
        let attn_output = self.matrix("attn_output", &[weight("attn_output")], Stacked).await?;
        let gate_up = self.matrix("gate_up", &["ffn_gate", "ffn_up"].map(weight), Paired).await?;
        let down = self.matrix("down", &[weight("ffn_down")], Stacked).await?;
        let head_norms = match self.tensors.contains_key(weight("attn_q_norm").as_str()) {
            true => Some((self.vector(&weight("attn_q_norm"))?, self.vector(&weight("attn_k_norm"))?)),
            false => None,
        };
        Ok(Layer {
            attn_norm: self.vector(&weight("attn_norm"))?,
            qkv_bias: self.bias(&["attn_q", "attn_k", "attn_v"].map(name), &qkv)?,
            attn_output_bias: self.bias(&[name("attn_output")], &attn_output)?,
            ffn_norm: self.vector(&weight("ffn_norm"))?,
            gate_up_bias: self.bias(&["ffn_gate", "ffn_up"].map(name), &gate_up)?,
            down_bias: self.bias(&[name("ffn_down")], &down)?,
            head_norms,
            qkv,
            attn_output,
            gate_up,
            down,
        })
    }

    fn tensor(&self, name: &str) -> Result<&TensorInfo> {
        self.tensors.get(name).copied().ok_or_else(|| Error::TensorMissing { name: name.into() })
    }

    /// Tensors of equal row length as one matrix of some name.
    async fn matrix<S: AsRef<str>>(
        &mut self,
        name: &'static str,
        names: &[S],
        arrangement: Arrangement,
    ) -> Result<Rc<Matrix>> {
        let mut cols = 0;
        let mut tensors = Vec::new();
        for name in names {
            let tensor = self.tensor(name.as_ref())?;
            cols = tensor.shape[0] as u32;
            tensors.push((name.as_ref(), tensor.ty, tensor.shape[1] as u32));
        }
        let matrix =
            Rc::new(Matrix { name, ..Matrix::arranged(self.gpu, cols, &tensors, arrangement).await? });
        for (index, name) in names.iter().enumerate() {
            self.sinks.insert(name.as_ref().into(), Sink::Matrix(matrix.clone(), index));
        }
        Ok(matrix)
    }

    fn f32_tensor(&self, name: &str) -> Result<&TensorInfo> {
        let tensor = self.tensor(name)?;
        if tensor.ty != GgmlType::F32 {
            return Err(Error::TensorType {
                name: name.into(),
                ty: tensor.ty.to_string(),
                supported: "F32".into(),
            });
        }
        Ok(tensor)
    }

    fn vector(&mut self, name: &str) -> Result<Buffer> {
        let buffer = self.gpu.buffer(name, self.f32_tensor(name)?.bytes)?;
        self.sinks.insert(name.into(), Sink::Vector(buffer.clone(), 0));
        Ok(buffer)
    }

    /// One buffer with the biases of a matrix's tensors, zero for those that have none; None if none has.
    fn bias<S: AsRef<str>>(&mut self, stems: &[S], matrix: &Matrix) -> Result<Option<Buffer>> {
        let mut buffer = None;
        let mut row = 0;
        for stem in stems {
            let name = format!("{}.bias", stem.as_ref());
            if self.tensors.contains_key(name.as_str()) {
                self.f32_tensor(&name)?;
                let all = match buffer.take() {
                    Some(all) => all,
                    None => self.gpu.buffer(&name, 4 * u64::from(matrix.rows))?,
                };
                self.sinks.insert(name, Sink::Vector(all.clone(), 4 * row));
                buffer = Some(all);
            }
            row += self.tensor(&format!("{}.weight", stem.as_ref())).map_or(0, |t| t.shape[1]);
        }
        Ok(buffer)
    }
}
