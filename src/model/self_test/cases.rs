//! The cases. Numbers come from a fixed generator, so that every device gets the same ones.

use crate::Result;
use crate::config::{Architecture, ModelConfig};
use crate::gpu::{Buffer, Gpu};
use crate::kernels::attention::attention;
use crate::kernels::embed::embed;
use crate::kernels::matmul::matmul;
use crate::kernels::matvec::{Output, matvec};
use crate::kernels::repack::Repack;
use crate::kernels::rms_norm::rms_norm;
use crate::kernels::rope::{self, Heads, Turn, rope};
use crate::kernels::swiglu::swiglu;
use crate::kernels::{BATCH_HEADER, Matrix};
use crate::quant::{GgmlType, Layout};
use crate::reference;

/// A kernel that is off, and by how much.
type Wrong = Option<(String, String)>;

/// Errors of a sum in f32, relative to the sum of its absolute terms.
const SUM_BOUND: f64 = 1e-5;
/// More rows than a workgroup of matvec takes, more columns than its lanes take at once.
const ROWS: usize = 40;
const COLS: usize = 512;
const TOKENS: usize = 3;

/// Runs all cases; the first kernel that is off.
pub async fn all(gpu: &Gpu, config: &ModelConfig, types: &[GgmlType]) -> Result<Wrong> {
    let mut random = Random(1);
    for layout in types.iter().filter_map(|ty| ty.layout()) {
        if let Some(wrong) = weights(gpu, layout, &mut random).await? {
            return Ok(Some(wrong));
        }
    }
    for wrong in [norm(gpu, config, &mut random).await?, gate(gpu, &mut random).await?] {
        if wrong.is_some() {
            return Ok(wrong);
        }
    }
    heads(gpu, config, &mut random).await
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

    /// Blocks of a file with finite scales, every other one subnormal, as most of real models' are.
    fn blocks(&mut self, layout: &Layout, n: usize) -> Vec<u8> {
        let bytes = n * layout.block_bytes() as usize;
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
                return (0..bytes / 2).flat_map(|i| self.half(i % 2 == 0).to_le_bytes()).collect();
            }
            _ => {}
        }
        let mut blocks: Vec<u8> = (0..bytes).map(|_| self.bits() as u8).collect();
        for (i, block) in blocks.chunks_mut(layout.block_bytes() as usize).enumerate() {
            reference::dequantise::set_scales(layout, block, || self.half(i % 2 == 0));
        }
        blocks
    }

    /// The bits of a half-precision number below 2^-14 (subnormal) or of about 2^-6.
    fn half(&mut self, subnormal: bool) -> u16 {
        let bits = self.bits() as u16 & 0x83ff;
        if subnormal { bits } else { bits | 0x2400 }
    }
}

/// The first value that is further off than `bound` times its scale (or no number at all).
fn compare(kernel: &str, got: &[f32], want: &[f64], scale: &[f64], bound: f64) -> Wrong {
    let off = |(i, ((got, want), scale)): (usize, ((&f32, &f64), &f64))| {
        let error = (f64::from(*got) - want).abs();
        let fine = error <= bound * scale + 1e-30;
        (!fine).then(|| (kernel.into(), format!("value {i} is {got}, but should be {want}")))
    };
    got.iter().zip(want).zip(scale).enumerate().find_map(off)
}

async fn read(gpu: &Gpu, buffer: &Buffer, n: usize) -> Result<Vec<f32>> {
    Ok(bytemuck::pod_collect_to_vec(&gpu.read(buffer, 4 * n as u64).await?))
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

/// Repack, embed, matvec and matmul of one format.
async fn weights(gpu: &Gpu, layout: &'static Layout, random: &mut Random) -> Result<Wrong> {
    let ty = layout.ty;
    let mut blocks = random.blocks(layout, ROWS * COLS / layout.block_len() as usize);
    let w = reference::dequantise::dequantise(layout, &blocks);
    let matrix = Matrix::new(gpu, COLS as u32, &[("self-test", ty, ROWS as u32)]).await?;
    let slab = &matrix.slabs[0];
    Repack::new(gpu)?.run(gpu, slab, &slab.parts[0], 0, &mut blocks);
    let x = random.floats(TOKENS * COLS);
    let (x_buffer, batch) = (floats(gpu, "x", &x)?, batch(gpu, 0, TOKENS)?);
    let (bias, before) = (random.floats(ROWS), random.floats(TOKENS * ROWS));
    let bias_buffer = floats(gpu, "bias", &bias)?;

    let embedded = gpu.buffer("rows", 4 * (TOKENS * COLS) as u64)?;
    gpu.submit(&embed(gpu, &matrix, &batch, &embedded), TOKENS as u32);
    let got = read(gpu, &embedded, TOKENS * COLS).await?;
    let want = doubles(&w[..TOKENS * COLS]);
    let most = want.iter().fold(0f64, |m, v| m.max(v.abs()));
    let wrong = compare(&format!("embed {ty}"), &got, &want, &vec![most; want.len()], 1e-6);
    if wrong.is_some() {
        return Ok(wrong);
    }

    let (mut want, mut scale) = reference::matmul::matmul(&w, COLS, &doubles(&x));
    for (i, (want, scale)) in want.iter_mut().zip(&mut scale).enumerate() {
        let (bias, before) = (f64::from(bias[i % ROWS]), f64::from(before[i]));
        *want += bias + before;
        *scale += bias.abs() + before.abs();
    }
    for (kernel, n) in [("matvec", 1), ("matmul", TOKENS)] {
        let y = floats(gpu, "y", &before)?;
        let output = Output { bias: Some(&bias_buffer), accumulate: true, y: &y };
        let dispatches = match n {
            1 => matvec(gpu, &matrix, &x_buffer, output),
            _ => matmul(gpu, &matrix, &x_buffer, &batch, output),
        };
        gpu.submit(&dispatches, n as u32);
        let got = read(gpu, &y, n * ROWS).await?;
        let wrong = compare(&format!("{kernel} {ty}"), &got, &want, &scale, SUM_BOUND);
        if wrong.is_some() {
            return Ok(wrong);
        }
    }
    Ok(None)
}

/// RMSNorm at the model's own width, with an outlier such as Qwen2's activations have.
async fn norm(gpu: &Gpu, config: &ModelConfig, random: &mut Random) -> Result<Wrong> {
    let n = config.n_embd;
    let (mut x, weight) = (random.floats(TOKENS * n), random.floats(n));
    x[1] = 1e5;
    let y = gpu.buffer("y", 4 * (TOKENS * n) as u64)?;
    let (x_buffer, weight_buffer) = (floats(gpu, "x", &x)?, floats(gpu, "weight", &weight)?);
    let buffers = [&x_buffer, &weight_buffer, &y];
    let want = reference::rms_norm::rms_norm(&doubles(&x), &weight, config.rms_eps);
    let scale: Vec<f64> = want.iter().map(|v| v.abs() + 1e-6).collect();
    // the row that the batch wants is the first: it must come to row 0 whatever stood there
    for n_values in [TOKENS * n] {
        gpu.submit([&rms_norm(gpu, n, config.rms_eps, buffers)], TOKENS as u32);
        let got = read(gpu, &y, n_values).await?;
        let wrong = compare("rms_norm", &got, &want, &scale, SUM_BOUND);
        if wrong.is_some() {
            return Ok(wrong);
        }
    }
    Ok(None)
}

/// SwiGLU, with an outlier.
async fn gate(gpu: &Gpu, random: &mut Random) -> Result<Wrong> {
    let mut gate_up: Vec<f32> = random.floats(2 * TOKENS * COLS).iter().map(|v| 8.0 * v).collect();
    gate_up[..2].copy_from_slice(&[1e5, -1e5]);
    let y = gpu.buffer("y", 4 * (TOKENS * COLS) as u64)?;
    let dispatch = swiglu(gpu, COLS, &floats(gpu, "gate and up", &gate_up)?, &y);
    gpu.submit([&dispatch], TOKENS as u32);
    let got = read(gpu, &y, TOKENS * COLS).await?;
    let want = reference::swiglu::swiglu(&doubles(&gate_up), COLS);
    let scale: Vec<f64> = want.iter().map(|v| v.abs() + 1e-3).collect();
    // WGSL allows exp(8) an error of 19 units in the last place
    Ok(compare("swiglu", &got, &want, &scale, 2e-5))
}

/// Tokens of two batches: the second one crosses a multiple of 64 and of 256 and attends to the first.
const BATCHES: [usize; 2] = [230, 40];
const POSITIONS: usize = BATCHES[0] + BATCHES[1];

/// RoPE with head norms, the KV cache, and attention, at the model's head size.
async fn heads(gpu: &Gpu, config: &ModelConfig, random: &mut Random) -> Result<Wrong> {
    let shape = Heads { n_head: 4, n_kv_head: 2, head_dim: config.head_dim, n_ctx: POSITIONS };
    let row = (shape.n_head + 2 * shape.n_kv_head) * shape.head_dim;
    let norms = config.architecture == Architecture::Qwen3;
    let case = HeadsCase {
        config,
        shape,
        row,
        qkv: random.floats(POSITIONS * row),
        norms: norms.then(|| (random.floats(shape.head_dim), random.floats(shape.head_dim))),
        inv_freq: config.rope.inv_freq(None),
    };
    let got = case.run(gpu).await?;
    let bound = if gpu.caps.f16 { 1e-2 } else { 1e-4 };
    // query heads of either group, at the ends of the second batch
    for (t, h) in [(0, 0), (BATCHES[1] - 1, 1), (BATCHES[1] - 1, 3)] {
        let want = case.expected(BATCHES[0] + t, h);
        let most = want.iter().fold(0f64, |m, v| m.max(v.abs()));
        let got = &got[(t * shape.n_head + h) * shape.head_dim..][..shape.head_dim];
        let wrong = compare("rope and attention", got, &want, &vec![most; want.len()], bound);
        if wrong.is_some() {
            return Ok(wrong);
        }
    }
    Ok(None)
}

struct HeadsCase<'a> {
    config: &'a ModelConfig,
    shape: Heads,
    /// Values of a token's `[q | k | v]`.
    row: usize,
    /// `[POSITIONS][row]`.
    qkv: Vec<f32>,
    norms: Option<(Vec<f32>, Vec<f32>)>,
    inv_freq: Vec<f64>,
}

impl HeadsCase<'_> {
    /// Attention's output for the second batch, `[tokens][n_head][head_dim]`.
    async fn run(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        let (shape, config) = (self.shape, self.config);
        let table = floats(gpu, "table", &rope::table(&self.inv_freq, config.rope.mscale, POSITIONS))?;
        let bytes = if gpu.caps.f16 { 2 } else { 4 } * (shape.n_kv_head * POSITIONS * shape.head_dim) as u64;
        let (k_cache, v_cache) = (gpu.buffer("keys", bytes)?, gpu.buffer("values", bytes)?);
        let out = gpu.buffer("out", 4 * (BATCHES[0] * shape.n_head * shape.head_dim) as u64)?;
        let norms = match &self.norms {
            Some((q, k)) => Some((floats(gpu, "q norm", q)?, floats(gpu, "k norm", k)?)),
            None => None,
        };
        for (pos, n) in [(0, BATCHES[0]), (BATCHES[0], BATCHES[1])] {
            let qkv = floats(gpu, "qkv", &self.qkv[pos * self.row..][..n * self.row])?;
            let batch = batch(gpu, pos, n)?;
            let buffers = rope::Buffers {
                table: &table,
                batch: &batch,
                head_norms: norms.as_ref().map(|(q, k)| (q, k)),
                qkv: &qkv,
                k_cache: &k_cache,
                v_cache: &v_cache,
            };
            let turn = Turn { n_rot: config.rope.n_rot, neox: config.rope.neox, eps: config.rms_eps };
            let turn = rope(gpu, shape, turn, buffers);
            let attend = attention(gpu, shape, [&qkv, &k_cache, &v_cache, &batch, &out]);
            gpu.submit([&turn, &attend], n as u32);
        }
        read(gpu, &out, BATCHES[1] * shape.n_head * shape.head_dim).await
    }

    /// Head `h` of position `p` as attention sees it; query heads come first, then key heads, then value heads.
    fn head(&self, p: usize, h: usize) -> Vec<f64> {
        let (shape, rope) = (self.shape, &self.config.rope);
        let mut head = doubles(&self.qkv[p * self.row + h * shape.head_dim..][..shape.head_dim]);
        if h >= shape.n_head + shape.n_kv_head {
            return head;
        }
        if let Some((q, k)) = &self.norms {
            let weight = if h < shape.n_head { q } else { k };
            head = reference::rms_norm::rms_norm(&head, weight, self.config.rms_eps);
        }
        reference::rope::rope(&mut head, p, &self.inv_freq, rope.mscale, rope.neox);
        head
    }

    fn expected(&self, p: usize, h: usize) -> Vec<f64> {
        let key = self.shape.n_head + h / (self.shape.n_head / self.shape.n_kv_head);
        let all = |h: usize| (0..=p).flat_map(|p| self.head(p, h)).collect::<Vec<_>>();
        let (keys, values) = (all(key), all(key + self.shape.n_kv_head));
        reference::attention::attention(&self.head(p, h), &keys, &values)
    }
}
