//! The cases. Numbers come from a fixed generator, so that every device gets the same ones.

mod heads;
mod joined;
mod matrices;

use crate::Result;
use crate::config::ModelConfig;
use crate::gpu::{Buffer, Dots, Gpu};
use crate::kernels::BATCH_HEADER;
use crate::kernels::fixed::{BLOCK_WORDS, Form};
use crate::kernels::repack::Repack;
use crate::kernels::rms_norm::rms_norm;
use crate::kernels::swiglu::swiglu;
use crate::kv_type::KvTypes;
use crate::model::gpu_sampler::{GpuSampler, SamplerScratch};
use crate::quant::{CHUNK, GgmlType, Layout};
use crate::reference;
use crate::sampler::{Sampler, SamplingParams};
use std::ops::Range;

/// Errors of a sum in f32, relative to the sum of its absolute terms.
const SUM_BOUND: f64 = 1e-5;
/// More rows than a workgroup of matvec or matmul takes.
const ROWS: usize = 72;
/// How many of them differ, as the scalar twins' time is a load's: no power of two, so that a kernel that takes another row of
/// its tile takes one that differs.
const DISTINCT_ROWS: usize = 9;
/// Several steps of a product of many tokens.
const COLS: usize = 512;
/// More than the lanes that share a row take at once: 128 of them 32 columns each.
const WIDE_COLS: usize = 4352;
const TOKENS: usize = 3;
/// More tokens than a workgroup of matmul takes.
const MANY_TOKENS: usize = 70;
/// How many of their vectors differ, likewise.
const DISTINCT_TOKENS: usize = 11;
/// Of the kernel for few.
const FEW_TOKENS: usize = 7;
/// Formats in one matrix: as many as Q, K and V may have. Every pipeline serves all of them.
const MIXED: usize = 3;

/// What submitted work must have written.
struct Case {
    /// The kernel; where it ran over several formats, once for each.
    kernels: Vec<String>,
    /// How many values in a row belong to one of `kernels`, before those of the next.
    run: usize,
    /// Where the values are, and the first of them.
    output: Buffer,
    first: usize,
    want: Vec<f64>,
    /// An error of `bound` times its scale is fine.
    scale: Vec<f64>,
    bound: f64,
    values: Values,
}

/// How values lie in a buffer.
#[derive(Clone, Copy)]
enum Values {
    Floats,
    Integers,
    /// From the first block on.
    Fixed,
}

impl Values {
    fn of(form: Form) -> Self {
        match form {
            Form::Floats => Self::Floats,
            Form::Fixed => Self::Fixed,
        }
    }
}

impl Case {
    fn bytes(&self) -> Range<u64> {
        let (first, end) = (self.first as u64, (self.first + self.want.len()) as u64);
        match self.values {
            Values::Fixed => 0..(4 * BLOCK_WORDS) as u64 * end.div_ceil(u64::from(CHUNK)),
            _ => 4 * first..4 * end,
        }
    }

    /// The first of the values that is off (or no number at all): the kernel, and how far.
    fn check(&self, bytes: &[u8]) -> Option<(String, String)> {
        let words = || bytemuck::pod_collect_to_vec::<u8, u32>(bytes);
        let got = match self.values {
            Values::Integers => words().into_iter().map(f64::from).collect(),
            Values::Floats => doubles(&bytemuck::pod_collect_to_vec(bytes)),
            Values::Fixed => reference::fixed::values(&words()).split_off(self.first),
        };
        let off = |(i, ((got, want), scale)): (usize, ((&f64, &f64), &f64))| {
            let error = (got - want).abs();
            let fine = error <= self.bound * scale + 1e-30;
            let kernel = &self.kernels[i / self.run % self.kernels.len()];
            (!fine).then(|| (kernel.clone(), format!("value {i} is {got}, but should be {want}")))
        };
        got.iter().zip(&self.want).zip(&self.scale).enumerate().find_map(off)
    }
}

/// Runs all cases, once all of their kernels are compiled, and waits once, at the end: the first kernel that is off, and by how
/// much.
pub async fn run(
    gpu: &Gpu,
    config: &ModelConfig,
    kv: KvTypes,
    types: &[GgmlType],
) -> Result<Option<(String, String)>> {
    let (device, gpu) = (gpu, &gpu.holding());
    let mut random = Random(1);
    let repack = Repack::new(gpu)?;
    let mut cases = Vec::new();
    let mut layouts: Vec<_> = types.iter().filter_map(|ty| ty.layout()).collect();
    // a matrix with floats is never multiplied by bytes
    layouts.sort_by_key(|layout| layout.is_float());
    for kind in layouts.chunk_by(|a, b| a.is_float() == b.is_float()) {
        // how rows are shared out has nothing to do with their format
        let mut all_ways = true;
        for layouts in kind.chunks(MIXED) {
            cases.extend(matrices::weights(gpu, &repack, config, kv, layouts, all_ways, &mut random)?);
            all_ways = false;
        }
    }
    let quants: Vec<_> = layouts.iter().copied().filter(|layout| !layout.is_float()).collect();
    let layouts = if quants.is_empty() { layouts } else { quants };
    cases.extend(matrices::gated(gpu, &repack, config, &layouts, &mut random)?);
    if let Some(layout) = layouts.first() {
        cases.extend(joined::joined(gpu, &repack, config, kv, layout, &mut random)?);
    }
    // the forms that the model's own kernels have
    let many = if gpu.caps().tuning.dots == Dots::Bytes { Form::Fixed } else { Form::Floats };
    cases.push(norm(gpu, config, many, &mut random)?);
    cases.push(gate(gpu, config, many, &mut random)?);
    cases.extend(heads::heads(gpu, config, kv, many, &mut random)?);
    cases.push(choice(gpu)?);
    let outputs: Vec<_> = cases.iter().map(|case| (&case.output, case.bytes())).collect();
    gpu.release().await;
    let results = device.read_all(&outputs).await?;
    Ok(cases.iter().zip(&results).find_map(|(case, bytes)| case.check(bytes)))
}

/// Marsaglia's xorshift32 (2003).
struct Random(u32);

impl Random {
    fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// In [-1, 1).
    fn float(&mut self) -> f32 {
        self.bits().cast_signed() as f32 / 2f32.powi(31)
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float()).collect()
    }

    /// `DISTINCT_ROWS` rows of `cols` weights as a file has them, with finite scales: every other one subnormal, as most of
    /// real models' are, and in the last row all.
    fn rows(&mut self, layout: &Layout, cols: u32) -> Vec<u8> {
        let bytes =
            DISTINCT_ROWS * cols as usize / layout.block_len() as usize * layout.block_bytes() as usize;
        let subnormal =
            |at: usize, i: usize| i.is_multiple_of(2) || at >= bytes / DISTINCT_ROWS * (DISTINCT_ROWS - 1);
        match layout.ty {
            GgmlType::F32 => return self.floats(bytes / 4).iter().flat_map(|v| v.to_le_bytes()).collect(),
            GgmlType::BF16 => {
                return self
                    .floats(bytes / 2)
                    .iter()
                    .flat_map(|v| v.to_bits().to_le_bytes()[2..].to_vec())
                    .collect();
            }
            GgmlType::F16 => {
                return (0..bytes / 2).flat_map(|i| self.half(subnormal(2 * i, i)).to_le_bytes()).collect();
            }
            _ => {}
        }
        let mut blocks: Vec<u8> = (0..bytes).map(|_| self.bits() as u8).collect();
        let block_bytes = layout.block_bytes() as usize;
        for (i, block) in blocks.chunks_mut(block_bytes).enumerate() {
            reference::dequantise::set_scales(layout, block, || self.half(subnormal(i * block_bytes, i)));
        }
        blocks
    }

    /// The bits of a half-precision number below 2^-14 (subnormal) or of about 2^-6.
    fn half(&mut self, subnormal: bool) -> u16 {
        let bits = self.bits() as u16 & 0x83ff;
        if subnormal { bits } else { bits | 0x2400 }
    }
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn floats(gpu: &Gpu, what: &str, values: &[f32]) -> Result<Buffer> {
    gpu.buffer_with(what, bytemuck::cast_slice(values))
}

/// The batch of `n` tokens from `pos` on; token t is row t.
fn batch(gpu: &Gpu, pos: usize, n: usize) -> Result<Buffer> {
    let mut words = vec![0; BATCH_HEADER];
    words[..2].copy_from_slice(&[pos as u32, n as u32]);
    words.extend(0..n as u32);
    gpu.buffer_with("batch", bytemuck::cast_slice(&words))
}

/// For every value the largest of its row.
fn most(values: &[f64], cols: usize) -> Vec<f64> {
    let most = |row: &[f64]| row.iter().fold(0f64, |most, v| most.max(v.abs()));
    values.chunks(cols).flat_map(|row| std::iter::repeat_n(most(row), row.len())).collect()
}

/// The case of a kernel that knows no formats.
fn case(kernel: &str, output: Buffer, want: Vec<f64>, scale: Vec<f64>, bound: f64) -> Case {
    Case {
        kernels: vec![kernel.into()],
        run: want.len(),
        output,
        first: 0,
        want,
        scale,
        bound,
        values: Values::Floats,
    }
}

/// For every value a share of the largest of its block, which in fixed point it may be off by a step of.
fn of_blocks(values: &[f64], form: Form) -> Vec<f64> {
    let share = if form == Form::Fixed { 0.02 } else { 0.0 };
    most(values, CHUNK as usize).into_iter().map(|most| share * most).collect()
}

/// RMSNorm at the model's own width, with an outlier such as Qwen2's activations have.
fn norm(gpu: &Gpu, config: &ModelConfig, form: Form, random: &mut Random) -> Result<Case> {
    let n = config.n_embd;
    let (mut x, weight) = (random.floats(TOKENS * n), random.floats(n));
    x[1] = 1e5;
    let want = reference::rms_norm::rms_norm(&doubles(&x), &weight, config.rms_eps);
    let scale = want.iter().zip(of_blocks(&want, form)).map(|(v, most)| v.abs() + 1e-6 + most).collect();
    let y = gpu.buffer("y", 4 * (TOKENS * n) as u64)?;
    let buffers = [&floats(gpu, "x", &x)?, &floats(gpu, "weight", &weight)?, &y];
    gpu.submit([&rms_norm(gpu, n, config.rms_eps, form, buffers)], TOKENS as u32);
    Ok(Case { values: Values::of(form), ..case("rms_norm", y, want, scale, SUM_BOUND) })
}

/// SwiGLU at the model's own width, with an outlier.
fn gate(gpu: &Gpu, config: &ModelConfig, form: Form, random: &mut Random) -> Result<Case> {
    let n = config.n_ff;
    let mut gate_up: Vec<f32> = random.floats(2 * TOKENS * n).iter().map(|v| 8.0 * v).collect();
    gate_up[..2].copy_from_slice(&[1e5, -1e5]);
    let want = reference::swiglu::swiglu(&doubles(&gate_up), n);
    let scale = want.iter().zip(of_blocks(&want, form)).map(|(v, most)| v.abs() + 1e-3 + most).collect();
    let y = gpu.buffer("y", 4 * (TOKENS * n) as u64)?;
    let dispatch = swiglu(gpu, n, form, &floats(gpu, "gate and up", &gate_up)?, &y);
    gpu.submit([&dispatch], TOKENS as u32);
    // WGSL allows exp(8) an error of 19 units in the last place
    Ok(Case { values: Values::of(form), ..case("swiglu", y, want, scale, 2e-5) })
}

/// A reply's first tokens. Of numbers and seeds such were chosen with which every filter counts, but none, nor any
/// draw, is so close that a change of logits by 1e-4 or of shares by 1e-4 of themselves would change a token.
fn choice(gpu: &Gpu) -> Result<Case> {
    let params = SamplingParams {
        temperature: 10.0,
        top_k: 100,
        top_p: 0.8,
        min_p: 0.3,
        typical_p: 0.8,
        repetition_penalty: 1.25,
        presence_penalty: 0.5,
        frequency_penalty: 0.5,
        logit_bias: [(3, 9.0), (5, -100.0)].into(),
        seed: Some(1818),
    };
    let logits: Vec<f32> = Random(7).floats(COLS).iter().map(|v| 10.0 * v).collect();
    let mut sampler = Sampler::new(params.clone(), 0, &[])?;
    let tokens: Result<Vec<u32>> = (0..24).map(|p| sampler.sample(&mut logits.clone(), p, None)).collect();
    let want: Vec<f64> = tokens?.into_iter().map(f64::from).collect();
    // the first token comes after position -1
    let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&[u32::MAX, 1, 0, 0, 0]))?;
    let on_gpu = GpuSampler::new(gpu, COLS)?;
    let logits = floats(gpu, "logits", &logits)?;
    let dispatches = on_gpu.dispatches(gpu, &SamplerScratch::new(gpu, COLS)?, &logits, &batch);
    on_gpu.start(gpu, &params, sampler.seed(), &[]);
    gpu.submit(std::iter::repeat_n(&dispatches, want.len()).flatten(), 1);
    let scale = vec![0.0; want.len()];
    Ok(Case { values: Values::Integers, ..case("sample", on_gpu.sampled, want, scale, 0.0) })
}
