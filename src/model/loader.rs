//! From the file's bytes, as they come, to a [`Model`]: the header first, then each tensor's bytes go to
//! the GPU and leave the heap.

use super::Model;
use super::kv_cache::kv_types;
use super::self_test::{self, Clock};
use super::tune::{self, tune};
use super::weights::{Sink, Weights};
use crate::config::ModelConfig;
use crate::gguf::{Header, HeaderParser, Strings};
use crate::gpu::Gpu;
use crate::kernels::Matrix;
use crate::kernels::repack::Repack;
use crate::quant::GgmlType;
use crate::{Error, Result};
use std::collections::{BTreeSet, HashMap};

/// Bytes handed to the GPU before the loader waits for it.
const IN_FLIGHT: u64 = 32 << 20;

/// Takes the file in order, in pieces of any size.
#[derive(Debug)]
pub struct Loader {
    /// Until the model has it.
    gpu: Option<Gpu>,
    n_ctx: Option<usize>,
    length: Option<u64>,
    now: Clock,
    position: u64,
    parser: HeaderParser,
    tensors: Option<Tensors>,
}

/// The state once the header is there.
#[derive(Debug)]
struct Tensors {
    header: Header,
    model: Model,
    sinks: HashMap<String, Sink>,
    repack: Repack,
    /// The tensor whose bytes come next, how many of them are gone to the GPU, and those that wait.
    index: usize,
    sent: u64,
    pending: Vec<u8>,
    in_flight: u64,
    rope_factors: Option<Vec<f32>>,
}

impl Loader {
    /// A loader for a context of `n_ctx` positions (the default of [`Model::new`] if None).
    ///
    /// `length` is the whole file's in bytes, where the source knows it: then a header that promises more is
    /// refused before it has cost any GPU memory.
    pub fn new(gpu: Gpu, n_ctx: Option<usize>, length: Option<u64>, now: Clock) -> Self {
        Self {
            gpu: Some(gpu),
            n_ctx,
            length,
            now,
            position: 0,
            parser: HeaderParser::default(),
            tensors: None,
        }
    }

    /// The header, once it is complete.
    pub fn header(&self) -> Option<&Header> {
        self.tensors.as_ref().map(|tensors| &tensors.header)
    }

    /// The device; None after it was refused.
    pub fn gpu(&self) -> Option<&Gpu> {
        self.gpu.as_ref().or_else(|| self.tensors.as_ref().map(|tensors| tensors.model.gpu()))
    }

    /// Bytes taken so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes the next bytes of the file.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let start = self.position;
        self.position += bytes.len() as u64;
        if let Some(tensors) = &mut self.tensors {
            return tensors.push(start, bytes).await;
        }
        let Some(header) = self.parser.push(bytes)? else {
            return Ok(());
        };
        self.parser = HeaderParser::default(); // frees its buffer
        let config = ModelConfig::from_header(&header)?;
        check_vocabulary(&header, &config)?;
        self.length.map_or(Ok(()), |length| header.check_length(length))?;
        let mut gpu = self.gpu.take().ok_or(Error::Aborted)?; // None after an error
        let kv = kv_types(&config, gpu.options.kv, !gpu.options.no_f16)?;
        let types = matrix_types(&header);
        if let Some(tensor) = header.tensors.iter().find(|tensor| tensor.name == tune::TENSOR) {
            tune(&mut gpu, &config, kv, tensor.ty, self.now, tune::BUDGET_MS).await?;
        }
        let (kv, self_test) = self_test::choose(&mut gpu, &config, kv, &types, self.now).await?;
        let (weights, sinks) = Weights::allocate(&gpu, &config, &header).await?;
        let repack = Repack::new(&gpu)?;
        let model = Model::new(gpu, config, weights, self.n_ctx, kv, self_test, self.now).await?;
        let tensors = self.tensors.insert(Tensors::new(header, model, sinks, repack));
        tensors.push(start, bytes).await
    }

    /// The model, when all bytes were pushed. [`Error::Truncated`] if some are missing.
    pub async fn finish(self) -> Result<Model> {
        let Some(tensors) = self.tensors else {
            return Err(self.parser.truncated());
        };
        tensors.header.check_length(self.position)?;
        tensors.model.set_rope(tensors.rope_factors.as_deref());
        tensors.model.gpu().finish().await?;
        Ok(tensors.model)
    }
}

/// A token without a row in the embedding could not be run. Rows without a token do no harm: many models are padded.
fn check_vocabulary(header: &Header, config: &ModelConfig) -> Result<()> {
    let key = "tokenizer.ggml.tokens";
    match header.metadata.strings(key)?.map_or(0, Strings::len) {
        n if n > config.n_vocab => Err(Error::MetadataValue {
            key: key.into(),
            expected: format!("at most {}, for token_embd.weight has no more rows", config.n_vocab),
            found: format!("a list of {n} tokens"),
        }),
        _ => Ok(()),
    }
}

/// The formats of the matrices, each once.
fn matrix_types(header: &Header) -> Vec<GgmlType> {
    let matrices = header.tensors.iter().filter(|tensor| tensor.shape.len() == 2);
    let types: BTreeSet<_> = matrices.map(|tensor| tensor.ty).collect();
    types.into_iter().collect()
}

impl Tensors {
    fn new(header: Header, model: Model, sinks: HashMap<String, Sink>, repack: Repack) -> Self {
        Self {
            header,
            model,
            sinks,
            repack,
            index: 0,
            sent: 0,
            pending: Vec::new(),
            in_flight: 0,
            rope_factors: None,
        }
    }

    /// Distributes `bytes`, which start at `start` in the file.
    async fn push(&mut self, start: u64, bytes: &[u8]) -> Result<()> {
        let end = start + bytes.len() as u64;
        while let Some(tensor) = self.header.tensors.get(self.index) {
            let from = tensor.offset + self.sent + self.pending.len() as u64; // the next byte wanted
            let to = (tensor.offset + tensor.bytes).min(end);
            if from >= end {
                break;
            }
            self.pending.extend_from_slice(&bytes[(from - start) as usize..(to - start) as usize]);
            let whole = to == tensor.offset + tensor.bytes;
            self.send(whole).await?;
            if whole {
                self.index += 1;
                self.sent = 0;
            }
        }
        Ok(())
    }

    /// Sends what can be sent of the pending bytes: all of them when the tensor is `whole`.
    async fn send(&mut self, whole: bool) -> Result<()> {
        let name = &self.header.tensors[self.index].name;
        match self.sinks.get(name).cloned() {
            Some(Sink::Matrix(matrix, tensor)) => self.send_matrix(&matrix, tensor, whole).await?,
            Some(Sink::Vector(buffer, offset)) if whole => {
                self.model.gpu().write(&buffer, offset, &self.pending);
                self.pending.clear();
            }
            Some(Sink::RopeFactors) if whole => {
                self.rope_factors = Some(bytemuck::pod_collect_to_vec(&self.pending));
                self.pending.clear();
            }
            Some(_) => {}
            None => {
                let architecture = self.model.config.architecture.name().into();
                return Err(Error::TensorUnknown { name: name.clone(), architecture });
            }
        }
        Ok(())
    }

    async fn send_matrix(&mut self, matrix: &Matrix, tensor: usize, whole: bool) -> Result<()> {
        loop {
            let (slab, part, done) = self.part(matrix, tensor)?;
            let layout = part.layout;
            let left = part.file_bytes(matrix.cols) - done;
            let most = left.min(Repack::most_bytes(layout) as u64) as usize;
            let ready = self.pending.len() >= most;
            if self.pending.is_empty() || !ready {
                debug_assert!(!whole || self.pending.is_empty());
                return Ok(());
            }
            let mut piece: Vec<u8> = self.pending.drain(..most).collect();
            let first_block = (done / u64::from(layout.block_bytes())) as u32;
            self.repack.run(self.model.gpu(), slab, part, first_block, &mut piece);
            self.sent += most as u64;
            self.in_flight += most as u64;
            if self.in_flight >= IN_FLIGHT {
                self.model.gpu().finish().await?;
                self.in_flight = 0;
            }
        }
    }

    /// The part that the next byte of the tensor belongs to, and how many of its bytes are sent.
    fn part<'m>(
        &self,
        matrix: &'m Matrix,
        tensor: usize,
    ) -> Result<(&'m crate::kernels::matrix::Slab, &'m crate::kernels::matrix::Part, u64)> {
        let mut before = 0;
        for slab in &matrix.slabs {
            for part in slab.parts.iter().filter(|part| part.tensor == tensor) {
                let bytes = part.file_bytes(matrix.cols);
                if self.sent < before + bytes || (self.sent == before + bytes && self.pending.is_empty()) {
                    return Ok((slab, part, self.sent - before));
                }
                before += bytes;
            }
        }
        let tensor = &self.header.tensors[self.index];
        let problem = "it is longer than its rows".into();
        Err(Error::Malformed { what: tensor.name.clone(), offset: tensor.offset, problem })
    }
}
