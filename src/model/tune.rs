//! Which of the ways to multiply by a matrix is fastest on this device, found by trying them at load.

use super::self_test::Clock;
use crate::config::ModelConfig;
use crate::gpu::{Dispatch, Gpu, Tile, Tuning};
use crate::kernels::matmul::{TILE_TOKENS, matmul};
use crate::kernels::matvec::{Output, Spread, spread_matvec};
use crate::kernels::{BATCH_HEADER, Matrix};
use crate::quant::GgmlType;
use crate::{Error, Result};

/// Milliseconds after which a load tries no further way.
pub const BUDGET_MS: f64 = 300.0;
/// Milliseconds of work that are long enough to be timed: a browser's clock has steps of 1.
const TRIAL_MS: f64 = 8.0;
/// A way must take less than this part of another's time to be preferred: what is nearer may be chance.
const CLEARLY: f64 = 0.9;

/// The tensor whose shape and type are tried: a device has too few rows of the smallest projection first.
pub const TENSOR: &str = "blk.0.attn_output.weight";

/// Chooses [`Tuning`], if `gpu` was not told, with zeros in place of [`TENSOR`], which is of type `ty`; tries no further
/// way after `budget` milliseconds.
pub async fn tune(gpu: &mut Gpu, config: &ModelConfig, ty: GgmlType, now: Clock, budget: f64) -> Result<()> {
    if gpu.options.tuning.is_some() {
        return Ok(());
    }
    gpu.caps.tuning = match measured(gpu, config, ty, now, now() + budget).await {
        Err(Error::Shader { .. }) => {
            // nobody needs what this driver rejects: the self-test sees to the usual way
            *gpu = Gpu::request(&gpu.options).await?;
            Tuning::default()
        }
        tuning => tuning?,
    };
    gpu.options.tuning = Some(gpu.caps.tuning); // should the self-test open the device again
    Ok(())
}

async fn measured(gpu: &mut Gpu, config: &ModelConfig, ty: GgmlType, now: Clock, end: f64) -> Result<Tuning> {
    let (rows, cols) = (config.n_embd, config.n_head * config.head_dim);
    let matrix = Matrix::new(gpu, cols as u32, &[(TENSOR, ty, rows as u32)]).await?;
    let x = gpu.buffer("tuning", 4 * u64::from(TILE_TOKENS) * cols as u64)?;
    let y = gpu.buffer("tuning", 4 * u64::from(TILE_TOKENS) * rows as u64)?;
    let mut batch = [0u32; BATCH_HEADER];
    batch[1] = TILE_TOKENS;
    let batch = gpu.buffer_with("tuning", bytemuck::cast_slice(&batch))?;
    // as the model does, which so finds compiled what is chosen
    let output = Output { bias: None, accumulate: true, y: &y };

    // what is likely best goes first, as it may be all that there is time for
    let tiles = match gpu.caps.cpu {
        true => [Tile::Registers, Tile::Workgroup],
        false => [Tile::Workgroup, Tile::Registers],
    };
    let multiply = |gpu: &mut Gpu, tile| {
        gpu.caps.tuning.matmul = tile;
        matmul(gpu, &matrix, &x, &batch, output)
    };
    let tile = fastest(gpu, &tiles, TILE_TOKENS, multiply, now, end).await?;
    let multiply = |gpu: &mut Gpu, spread| spread_matvec(gpu, &matrix, &x, output, spread);
    let spread = fastest(gpu, &Spread::ALL, 1, multiply, now, end).await?;
    let few = spread == Spread::ALL[0];
    Ok(Tuning { matmul: tile, invocations: if few { 0 } else { spread.invocations(&matrix) } })
}

/// The first of `ways`, or another that is clearly faster, as far as there is time to try before `end`.
async fn fastest<T: Copy>(
    gpu: &mut Gpu,
    ways: &[T],
    tokens: u32,
    dispatches: impl Fn(&mut Gpu, T) -> Vec<Dispatch>,
    now: Clock,
    end: f64,
) -> Result<T> {
    let mut best = (ways[0], f64::INFINITY);
    for way in ways.iter().take_while(|_| now() < end) {
        let dispatches = dispatches(gpu, *way);
        let time = milliseconds(gpu, &dispatches, tokens, now).await?;
        if time < CLEARLY * best.1 {
            best = (*way, time);
        }
    }
    Ok(best.0)
}

/// How long the dispatches take, once compiled.
async fn milliseconds(gpu: &Gpu, dispatches: &[Dispatch], tokens: u32, now: Clock) -> Result<f64> {
    gpu.submit(dispatches, tokens);
    gpu.finish().await?;
    let mut times = 1;
    loop {
        let start = now();
        gpu.submit((0..times).flat_map(|_| dispatches), tokens);
        gpu.finish().await?;
        let elapsed = now() - start;
        if elapsed >= TRIAL_MS {
            return Ok(elapsed / f64::from(times));
        }
        times *= 4;
    }
}
