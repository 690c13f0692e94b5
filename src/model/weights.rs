//! The model's tensors on the GPU, and where each tensor of the file goes.

use super::arch::dense;
use crate::config::ModelConfig;
use crate::gguf::{Header, TensorInfo};
use crate::gpu::{Buffer, Gpu};
use crate::kernels::Matrix;
use crate::kernels::matrix::Arrangement::{self, Stacked};
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
    pub layers: Vec<dense::Layer>,
    /// `[n_embd]`.
    pub output_norm: Buffer,
    /// `[n_vocab][n_embd]`; the embedding itself where the file has no own (tied).
    pub output: Rc<Matrix>,
    /// `[n_vocab]`.
    pub output_bias: Option<Buffer>,
}

/// Where a tensor's bytes go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// Tensor number so-and-so of a matrix.
    Matrix(Rc<Matrix>, usize),
    /// F32 values at this byte of a buffer.
    Vector(Buffer, u64),
    /// RoPE's frequency factors, needed on the CPU.
    RopeFactors,
}

impl Weights {
    /// Allocates everything the header names; the destinations say where each tensor's bytes belong. Waits for the device once,
    /// as it takes a moment to answer.
    pub async fn allocate(
        gpu: &Gpu,
        config: &ModelConfig,
        header: &Header,
    ) -> Result<(Self, HashMap<String, Destination>)> {
        let tensors = header.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
        let mut build = Allocator { gpu, tensors, destinations: HashMap::new() };
        let token_embd = build.matrix("token_embd", &["token_embd.weight"], Stacked)?;
        let output = match build.has("output.weight") {
            true => build.matrix("output", &["output.weight"], Stacked)?,
            false => token_embd.clone(),
        };
        let mut layers = Vec::new();
        for i in 0..config.n_layer {
            layers.push(dense::Layer::allocate(&mut build, i)?);
        }
        let output_norm = build.vector("output_norm.weight")?;
        let output_bias = build.bias(&["output"], &output)?;
        if build.has("rope_freqs.weight") {
            build.f32_tensor("rope_freqs.weight")?;
            build.destinations.insert("rope_freqs.weight".into(), Destination::RopeFactors);
        }
        gpu.check_allocations().await?;
        Ok((Self { token_embd, layers, output_norm, output, output_bias }, build.destinations))
    }

    /// The matrices that a token is multiplied by, in the order of their use: all but the embedding, unless it is tied.
    pub fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        self.layers.iter().flat_map(dense::Layer::matrices).chain([&*self.output])
    }
}

/// Allocates tensors by name, and remembers where their bytes go.
pub struct Allocator<'a> {
    gpu: &'a Gpu,
    tensors: HashMap<&'a str, &'a TensorInfo>,
    destinations: HashMap<String, Destination>,
}

impl Allocator<'_> {
    /// Whether the file has a tensor.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn tensor(&self, name: &str) -> Result<&TensorInfo> {
        self.tensors.get(name).copied().ok_or_else(|| Error::TensorMissing { name: name.into() })
    }

    /// Tensors of equal row length as one matrix of some name.
    pub fn matrix<S: AsRef<str>>(
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
        let matrix = Rc::new(Matrix { name, ..Matrix::arranged(self.gpu, cols, &tensors, arrangement)? });
        for (index, name) in names.iter().enumerate() {
            self.destinations.insert(name.as_ref().into(), Destination::Matrix(matrix.clone(), index));
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

    /// A vector of f32.
    pub fn vector(&mut self, name: &str) -> Result<Buffer> {
        let buffer = self.gpu.buffer(name, self.f32_tensor(name)?.bytes)?;
        self.destinations.insert(name.into(), Destination::Vector(buffer.clone(), 0));
        Ok(buffer)
    }

    /// One buffer with the biases of a matrix's tensors, zero for those that have none; None if none has.
    pub fn bias<S: AsRef<str>>(&mut self, stems: &[S], matrix: &Matrix) -> Result<Option<Buffer>> {
        let mut buffer = None;
        let mut row = 0;
        for stem in stems {
            let name = format!("{}.bias", stem.as_ref());
            if self.has(&name) {
                self.f32_tensor(&name)?;
                let all = match buffer.take() {
                    Some(all) => all,
                    None => self.gpu.buffer(&name, 4 * u64::from(matrix.rows))?,
                };
                self.destinations.insert(name, Destination::Vector(all.clone(), 4 * row));
                buffer = Some(all);
            }
            row += self.tensor(&format!("{}.weight", stem.as_ref())).map_or(0, |t| t.shape[1]);
        }
        Ok(buffer)
    }
}
