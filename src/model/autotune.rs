//! Which of the ways to multiply by a matrix, and to attend, is fastest on this device, found by trying them at load.

use super::Clock;
use super::kv_cache::KvCache;
use super::program::{cache_layers, heads, rope_params};
use crate::config::{Architecture, ModelConfig};
use crate::gpu::shader::{self, shared};
use crate::gpu::{Bind, Dispatch, Dots, Extent, Gpu, Groups, Splits, Tile, Tuning};
use crate::kernels::attention::attention;
use crate::kernels::decode_attention::{combine, decode_attention, partial_bytes};
use crate::kernels::fixed::Form;
use crate::kernels::matmul::{TILE_TOKENS, Vectors, matmul};
use crate::kernels::matvec::{Output, RowTile, matvec_tiled};
use crate::kernels::rope::{self, HeadBuffers};
use crate::kernels::{BATCH_HEADER, Matrix};
use crate::kv_type::KvTypes;
use crate::quant::GgmlType;
use crate::{Error, Result};

/// Milliseconds that trials may take.
pub const BUDGET_MS: f64 = 100.0;
/// Milliseconds of work that are long enough to be timed: a browser's clock has steps of 1.
const TRIAL_MS: f64 = 8.0;
/// How long a conversation one token's attention is tried with: in a short one it costs little either way.
const POSITIONS: usize = 4096;
/// Invocations that keep a GPU busy, if nothing else is known: with so many an H200 reads each matrix of a model of 1.5 billion
/// weights about as fast as in any way that was tried (26 November 2026).
const BUSY: u32 = 98_304;
/// A way must take less than this part of another's time to be preferred: what is nearer may be chance.
const CLEARLY: f64 = 0.9;

/// The tensor whose shape and type are tried: a device has too few rows of the smallest projection first.
pub const TENSOR: &str = "blk.0.attn_output.weight";

/// The fastest [`Tuning`] of a GPU, as [`trials`] find it. What suits a CPU is known, and its compiler would take longer than
/// trials may.
///
/// [`Error::DeviceLost`].
pub async fn autotune(
    gpu: &Gpu,
    config: &ModelConfig,
    kv: KvTypes,
    ty: GgmlType,
    now: Clock,
) -> Result<Tuning> {
    if gpu.caps().cpu {
        return Ok(Tuning { matmul: Tile::Registers, attention: Splits::Few, ..Tuning::default() });
    }
    trials(gpu, config, kv, ty, Budget::new(now, BUDGET_MS)).await
}

/// The time that is left.
#[derive(Debug)]
pub struct Budget {
    now: Clock,
    end: f64,
    /// Milliseconds of the longest trial so far.
    longest: f64,
}

impl Budget {
    /// So many milliseconds from now on.
    pub fn new(now: Clock, milliseconds: f64) -> Self {
        Self { now, end: now() + milliseconds, longest: 0.0 }
    }

    /// Whether as long a trial as the longest so far would end in time.
    fn lasts(&self) -> bool {
        (self.now)() + self.longest < self.end
    }
}

/// Tries each kernel's ways with zeros in place of [`TENSOR`], which is of type `ty`, as far as the budget lasts. What is not tried
/// is as it usually is on a GPU; a device that fails at a trial keeps the default.
///
/// [`Error::DeviceLost`].
pub async fn trials(
    gpu: &Gpu,
    config: &ModelConfig,
    kv: KvTypes,
    ty: GgmlType,
    mut budget: Budget,
) -> Result<Tuning> {
    match measured(gpu, config, kv, ty, &mut budget).await {
        Err(Error::DeviceLost { reason }) => Err(Error::DeviceLost { reason }),
        // nobody needs what this driver rejects or has no memory for: the self-test sees to the usual way
        Err(_) => Ok(Tuning::default()),
        tuning => tuning,
    }
}

async fn measured(
    gpu: &Gpu,
    config: &ModelConfig,
    kv: KvTypes,
    ty: GgmlType,
    budget: &mut Budget,
) -> Result<Tuning> {
    let (rows, cols) = (config.n_embd, config.n_head * config.head_dim);
    let matrix = Matrix::new(gpu, cols as u32, &[(TENSOR, ty, rows as u32)])?;
    let x = gpu.buffer("tuning", 4 * u64::from(TILE_TOKENS) * cols as u64)?;
    let y = gpu.buffer("tuning", 4 * u64::from(TILE_TOKENS) * rows as u64)?;
    let mut batch = [0u32; BATCH_HEADER];
    batch[1] = TILE_TOKENS;
    let batch = gpu.buffer_with("tuning", bytemuck::cast_slice(&batch))?;
    // as the model does, which so finds compiled what is chosen
    let output = Output { accumulate: true, ..Output::to(&y) };
    let dots = dots(gpu, budget).await?;
    let multiply = |matmul_tile| {
        let gpu = gpu.with_tuning(Tuning { matmul: matmul_tile, ..Tuning::default() });
        matmul(&gpu, &matrix, Vectors::Floats, &x, &batch, output)
    };
    // with bytes, few matrices go by floats: what is likely best will do for them
    let few_floats = dots == Dots::Bytes;
    let ways = if few_floats { &Tile::ALL[..1] } else { &Tile::ALL };
    let tile = fastest(gpu, ways, TILE_TOKENS, multiply, budget).await?;
    let attention = splits(gpu, config, kv, budget).await?;
    let multiply = |tile| matvec_tiled(gpu, &matrix, &x, output, tile);
    let mut row_tiles = RowTile::FLOATS;
    if gpu.caps().subgroups {
        row_tiles.reverse();
    }
    let ways = if few_floats { &row_tiles[..1] } else { &row_tiles[..] };
    let row_tile = fastest(gpu, ways, 1, multiply, budget).await?;
    let invocations = match row_tile {
        tile if tile == RowTile::FLOATS[0] => 0,
        tile if tile == row_tiles[0] => BUSY,
        tile => tile.invocations(&matrix).min(BUSY),
    };
    Ok(Tuning { matmul: tile, invocations, attention, dots })
}

/// Tries the arithmetic of a matvec's innermost loop: some devices have an instruction for products of four bytes, on others
/// it takes many. Where WGSL has no such function the kernel is refused.
///
/// Both are tried however long that takes: no other choice counts as much. What is tried after that has what is left.
pub async fn dots(gpu: &Gpu, budget: &mut Budget) -> Result<Dots> {
    if !budget.lasts() {
        return Ok(Dots::Floats);
    }
    let mut both = Budget { end: f64::INFINITY, ..*budget };
    const WORDS: u32 = 256;
    let words: Vec<u32> = (1..=WORDS).map(|i| i.wrapping_mul(2_654_435_761)).collect();
    let words = gpu.buffer_with("tuning", bytemuck::cast_slice(&words))?;
    let parts = [shared::BYTES, include_str!("../../shaders/bench/dots.wgsl")];
    let multiply = |dots| {
        let constants = [("BYTES", (dots == Dots::Bytes).into()), ("WORDS", WORDS), ("STEPS", 32 * WORDS)];
        let source = shader::compose(gpu.caps(), &constants, "", &parts);
        vec![gpu.dispatch("dots", source, &[Bind::Write(&words)], [Groups::Fixed(256), Groups::Fixed(1)])]
    };
    let dots = fastest(gpu, &Dots::ALL, 1, multiply, &mut both).await;
    budget.longest = both.longest;
    match dots {
        Err(Error::Shader { .. }) => Ok(Dots::Floats),
        dots => dots,
    }
}

/// Tries one token's attention to [`POSITIONS`] positions.
async fn splits(gpu: &Gpu, config: &ModelConfig, kv: KvTypes, budget: &mut Budget) -> Result<Splits> {
    let positions = POSITIONS.min(KvCache::most_positions(gpu, &cache_layers(config, kv)));
    let extent = Extent { tokens: 1, positions: positions as u32 };
    let attend = attention_to(gpu, config, kv, extent)?;
    let dispatches = |attention| attend(Tuning { attention, ..Tuning::default() });
    fastest(gpu, &Splits::ALL, extent, dispatches, budget).await
}

/// A token's attention, or that of a batch's tokens, to zeros, by a [`Tuning`].
pub fn attention_to(
    gpu: &Gpu,
    config: &ModelConfig,
    kv: KvTypes,
    Extent { tokens, positions }: Extent,
) -> Result<impl Fn(Tuning) -> Vec<Dispatch>> {
    let (heads, rope_params) = (heads(config, kv), rope_params(config));
    let has_norms = config.architecture == Architecture::Qwen3;
    let gpu = gpu.clone();
    let floats = |n: usize| gpu.buffer("tuning", 4 * n as u64);
    let table = gpu.buffer("tuning", rope::table_bytes(config.rope.n_rot, positions as usize))?;
    let batch = gpu.buffer_with("tuning", bytemuck::cast_slice(&[positions - tokens, tokens, 0, 0]))?;
    let qkv = floats(tokens as usize * (heads.n_head + 2 * heads.n_kv_head) * heads.head_dim)?;
    let out = floats(tokens as usize * heads.n_head * heads.head_dim)?;
    let cache = |position: u64| gpu.buffer("tuning", u64::from(positions) * position);
    let (k_cache, v_cache) = (cache(heads.key_bytes())?, cache(heads.value_bytes())?);
    let norm = floats(heads.head_dim)?;
    let partial = gpu.buffer("tuning", partial_bytes(heads, positions as usize))?;
    Ok(move |tuning| {
        let gpu = gpu.with_tuning(tuning);
        if tokens > 1 {
            return vec![attention(&gpu, heads, Form::Floats, [&qkv, &k_cache, &v_cache, &batch, &out])];
        }
        let buffers = HeadBuffers {
            table: &table,
            batch: &batch,
            head_norms: has_norms.then_some((&norm, &norm)),
            qkv: &qkv,
            k_cache: &k_cache,
            v_cache: &v_cache,
        };
        vec![
            decode_attention(&gpu, heads, rope_params, buffers, &partial),
            combine(&gpu, heads, Form::Floats, [&partial, &batch, &out]),
        ]
    })
}

/// The first of `ways`, which is likely best, or another that is clearly faster, as far as there is time to try. All are compiled
/// together.
async fn fastest<T: Copy>(
    gpu: &Gpu,
    ways: &[T],
    extent: impl Into<Extent>,
    dispatches: impl Fn(T) -> Vec<Dispatch>,
    budget: &mut Budget,
) -> Result<T> {
    let mut best = (ways[0], f64::INFINITY);
    if ways.len() == 1 || !budget.lasts() {
        return Ok(best.0);
    }
    let extent = extent.into();
    let all: Vec<_> = ways.iter().map(|way| (*way, dispatches(*way))).collect();
    gpu.compile().await;
    for (way, dispatches) in &all {
        if !budget.lasts() {
            break;
        }
        let start = (budget.now)();
        let time = milliseconds(gpu, dispatches, extent, budget.now).await?;
        budget.longest = budget.longest.max((budget.now)() - start);
        if time < CLEARLY * best.1 {
            best = (*way, time);
        }
    }
    Ok(best.0)
}

/// How long the dispatches take.
async fn milliseconds(gpu: &Gpu, dispatches: &[Dispatch], extent: Extent, now: Clock) -> Result<f64> {
    gpu.submit(dispatches, extent);
    gpu.finish().await?;
    let mut times = 1;
    loop {
        let start = now();
        gpu.submit((0..times).flat_map(|_| dispatches), extent);
        gpu.finish().await?;
        let elapsed = now() - start;
        if elapsed >= TRIAL_MS {
            return Ok(elapsed / f64::from(times));
        }
        times *= 4;
    }
}
