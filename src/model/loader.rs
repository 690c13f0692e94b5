//! From the file's bytes, in any order, to weights: what has come of a tensor goes to the GPU and leaves the heap.

use super::weights::{Destination, Weights};
use crate::config::ModelConfig;
use crate::gguf::{Header, Strings, TensorInfo};
use crate::gpu::Gpu;
use crate::kernels::Matrix;
use crate::kernels::matrix::{Part, Slab};
use crate::kernels::repack::Repack;
use crate::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Bytes handed to the GPU before the loader waits for it.
const IN_FLIGHT: u64 = 32 << 20;
/// Bytes of an f32.
const F32: u64 = 4;

/// Takes the bytes behind a header, in pieces of any size and in any order.
#[derive(Debug)]
pub(super) struct Loader {
    gpu: Gpu,
    /// In the order of their bytes.
    tensors: Vec<TensorInfo>,
    destinations: HashMap<String, Destination>,
    repack: Repack,
    /// Which bytes have come, each run from its start to its end.
    received: BTreeMap<u64, u64>,
    /// Bytes of units of which others are missing, because the GPU takes whole ones, by where they start in the file.
    fragments: BTreeMap<u64, Vec<u8>>,
    /// One past the last byte that has come.
    end: u64,
    in_flight: u64,
    rope_factors: Option<Vec<u8>>,
}

/// A run of a tensor's bytes in the file that go to the GPU in whole units.
struct Run<'d> {
    bytes: Range<u64>,
    unit: u64,
    to: Target<'d>,
}

impl Run<'_> {
    /// Where the unit of a byte begins; of the run's end, that.
    fn unit_start(&self, at: u64) -> u64 {
        if at == self.bytes.end { at } else { at - (at - self.bytes.start) % self.unit }
    }

    /// Where the unit of a byte ends. The last one may be shorter.
    fn unit_end(&self, at: u64) -> u64 {
        (self.unit_start(at) + self.unit).min(self.bytes.end)
    }
}

/// Where a [`Run`] goes.
enum Target<'d> {
    Matrix(&'d Slab, &'d Part),
    Vector(&'d crate::gpu::Buffer, u64),
    RopeFactors,
}

impl Loader {
    /// What can be said of a header alone, where the whole file has `length` bytes if that is known.
    ///
    /// Errors: [`Error::MetadataValue`] for a vocabulary that the embedding has no rows for, [`Error::Truncated`].
    pub fn check(header: &Header, config: &ModelConfig, length: Option<u64>) -> Result<()> {
        check_vocabulary(header, config)?;
        length.map_or(Ok(()), |length| header.check_length(length))
    }

    /// Makes room for the weights, and the kernel that brings them there.
    ///
    /// Errors: [`Error::TensorMissing`], [`Error::TensorUnknown`], [`Error::TensorType`], [`Error::OutOfMemory`].
    pub async fn new(gpu: &Gpu, header: Header, config: &ModelConfig) -> Result<(Self, Weights)> {
        let (weights, destinations) = Weights::allocate(gpu, config, &header).await?;
        let tensors = header.tensors;
        if let Some(tensor) = tensors.iter().find(|tensor| !destinations.contains_key(&tensor.name)) {
            let architecture = config.architecture.name().into();
            return Err(Error::TensorUnknown { name: tensor.name.clone(), architecture });
        }
        let factors = tensors.iter().find(|tensor| is_rope_factors(&destinations[&tensor.name]));
        let rope_factors = factors.map(|tensor| vec![0; tensor.bytes as usize]);
        let loader = Self {
            gpu: gpu.clone(),
            tensors,
            destinations,
            repack: Repack::new(gpu)?,
            received: BTreeMap::new(),
            fragments: BTreeMap::new(),
            end: 0,
            in_flight: 0,
            rope_factors,
        };
        Ok((loader, weights))
    }

    /// Takes the bytes of the file from `start` on. Those that have come before are ignored.
    pub async fn push(&mut self, start: u64, bytes: &[u8]) -> Result<()> {
        let end = start + bytes.len() as u64;
        self.end = self.end.max(end);
        for gap in self.gaps(start..end) {
            let tensors = overlapping(&self.tensors, &gap).to_vec();
            for tensor in tensors {
                let destination = self.destinations[&tensor.name].clone();
                for run in runs(&tensor, &destination) {
                    let (from, to) = (gap.start.max(run.bytes.start), gap.end.min(run.bytes.end));
                    if from < to {
                        self.take(&run, from, &bytes[(from - start) as usize..(to - start) as usize]).await?;
                    }
                }
            }
            self.receive(gap);
        }
        Ok(())
    }

    /// RoPE's frequency factors, where the file has some, when all bytes were pushed. [`Error::Truncated`] if some are missing.
    pub fn finish(self) -> Result<Option<Vec<f32>>> {
        for tensor in &self.tensors {
            if let Some(gap) = self.gaps(tensor.offset..tensor.offset + tensor.bytes).first() {
                return Err(Error::Truncated {
                    what: format!("tensor {}", tensor.name),
                    needed: tensor.offset + tensor.bytes,
                    end: gap.start.min(self.end),
                });
            }
        }
        Ok(self.rope_factors.as_deref().map(bytemuck::pod_collect_to_vec))
    }

    /// The parts of a range of the file that have not come yet.
    fn gaps(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let before = self.received.range(..range.start).next_back();
        let mut at = before.map_or(range.start, |(_, end)| range.start.max(*end));
        let mut gaps = Vec::new();
        for (start, end) in self.received.range(range.clone()) {
            if at < *start {
                gaps.push(at..*start);
            }
            at = *end;
        }
        if at < range.end {
            gaps.push(at..range.end);
        }
        gaps
    }

    /// Notes that a gap was closed.
    fn receive(&mut self, gap: Range<u64>) {
        let end = self.received.remove(&gap.end).unwrap_or(gap.end);
        let before = self.received.range_mut(..gap.start).next_back().filter(|(_, end)| **end == gap.start);
        match before {
            Some((_, before)) => *before = end,
            None => _ = self.received.insert(gap.start, end),
        }
    }

    /// Sends the whole units among the bytes from `from` on, from where they are; what there is of others waits for the rest.
    async fn take(&mut self, run: &Run<'_>, from: u64, bytes: &[u8]) -> Result<()> {
        let end = from + bytes.len() as u64;
        let first = if from == run.unit_start(from) { from } else { run.unit_end(from).min(end) };
        let last = run.unit_start(end).max(first);
        let part = |range: Range<u64>| &bytes[(range.start - from) as usize..(range.end - from) as usize];
        self.send(run, first, part(first..last)).await?;
        self.complete(run, from, part(from..first)).await?;
        self.complete(run, last, part(last..end)).await
    }

    /// Takes some of a unit's bytes, and sends it when all have come.
    async fn complete(&mut self, run: &Run<'_>, at: u64, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let unit = run.unit_start(at)..run.unit_end(at);
        self.fragments.insert(at, bytes.to_vec());
        let have: usize = self.fragments.range(unit.clone()).map(|(_, bytes)| bytes.len()).sum();
        if (have as u64) < unit.end - unit.start {
            return Ok(());
        }
        let mut whole = Vec::with_capacity(have);
        while let Some(at) = self.fragments.range(unit.clone()).next().map(|(at, _)| *at) {
            whole.append(&mut self.fragments.remove(&at).unwrap_or_default());
        }
        self.send(run, unit.start, &whole).await
    }

    /// Sends whole units, of which the first stands at byte `at` of the file.
    async fn send(&mut self, run: &Run<'_>, at: u64, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let gpu = &self.gpu;
        let offset = at - run.bytes.start;
        match run.to {
            Target::Vector(buffer, to) => gpu.write(buffer, to + offset, bytes),
            Target::RopeFactors => {
                let factors = self.rope_factors.iter_mut().flatten();
                factors.skip(offset as usize).zip(bytes).for_each(|(to, byte)| *to = *byte);
            }
            Target::Matrix(slab, part) => {
                let mut first_block = (offset / u64::from(part.layout.block_bytes())) as u32;
                for piece in bytes.chunks(Repack::most_bytes(part.layout)) {
                    self.repack.run(gpu, slab, part, first_block, piece);
                    first_block += piece.len() as u32 / part.layout.block_bytes();
                    self.in_flight += piece.len() as u64;
                }
            }
        }
        if self.in_flight >= IN_FLIGHT {
            self.in_flight = 0;
            gpu.drain().await?; // what went wrong, the self-test at the same time should hear
        }
        Ok(())
    }
}

/// The tensors, which are in the order of their bytes, that have some in a range.
fn overlapping<'t>(tensors: &'t [TensorInfo], range: &Range<u64>) -> &'t [TensorInfo] {
    let first = tensors.partition_point(|tensor| tensor.offset + tensor.bytes <= range.start);
    let count = tensors[first..].partition_point(|tensor| tensor.offset < range.end);
    &tensors[first..first + count]
}

/// The tensor's bytes by where they go: one run, or one for each slab of a matrix.
fn runs<'d>(tensor: &TensorInfo, destination: &'d Destination) -> Vec<Run<'d>> {
    let all = tensor.offset..tensor.offset + tensor.bytes;
    match destination {
        Destination::Vector(buffer, to) => {
            vec![Run { bytes: all, unit: F32, to: Target::Vector(buffer, *to) }]
        }
        Destination::RopeFactors => vec![Run { bytes: all, unit: F32, to: Target::RopeFactors }],
        Destination::Matrix(matrix, index) => matrix_runs(tensor.offset, matrix, *index),
    }
}

fn matrix_runs(mut start: u64, matrix: &Matrix, tensor: usize) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    for slab in &matrix.slabs {
        for part in slab.parts.iter().filter(|part| part.tensor == tensor) {
            let end = start + part.file_bytes(matrix.cols);
            let unit = u64::from(Repack::STEP * part.layout.block_bytes());
            runs.push(Run { bytes: start..end, unit, to: Target::Matrix(slab, part) });
            start = end;
        }
    }
    runs
}

fn is_rope_factors(destination: &Destination) -> bool {
    matches!(destination, Destination::RopeFactors)
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
