//! What the device can do at most, by the clock that times the kernels.

use minke::Result;
use minke::gpu::shader::compose;
use minke::gpu::{Amount, Bind, Dispatch, Gpu, Groups, Work};
use serde::Serialize;
use std::slice::from_ref;

/// What kernels are held against.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ceilings {
    /// Memory read by one kernel, in 1e9 bytes per second.
    bandwidth_gb_s: f64,
    /// f32 multiply-adds, each two operations, in 1e9 per second.
    fp32_gflop_s: f64,
    /// From a dispatch that does next to nothing to the next, which waits for it, in microseconds.
    dispatch_gap_us: f64,
}

impl Ceilings {
    /// Measures them.
    pub async fn measure(gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            bandwidth_gb_s: bandwidth(gpu).await?,
            fp32_gflop_s: fp32(gpu).await?,
            dispatch_gap_us: gap(gpu).await?,
        })
    }

    /// A kernel's rate of bytes (in GB/s) as percent of what can be had.
    pub fn percent_of_bandwidth(&self, gb_s: f64) -> f64 {
        100.0 * gb_s / self.bandwidth_gb_s
    }

    /// A kernel's rate of operations (in GFLOP/s) as percent of what can be had.
    pub fn percent_of_fp32(&self, gflop_s: f64) -> f64 {
        100.0 * gflop_s / self.fp32_gflop_s
    }
}

/// Runs of which the best counts.
const RUNS: usize = 20;

/// Microseconds of the fastest run.
async fn fastest(gpu: &Gpu, pass: &[Dispatch], tokens: u32) -> Result<f64> {
    let times = gpu.time(&[pass; RUNS], tokens).await?;
    Ok(times.into_iter().fold(f64::INFINITY, f64::min))
}

/// Most bytes read: more than any cache holds.
const READ: u64 = 256 << 20;
/// Vectors that a workgroup reads, each of 16 bytes.
const BLOCK: u32 = 4096;

async fn bandwidth(gpu: &Gpu) -> Result<f64> {
    let block = 16 * u64::from(BLOCK);
    let blocks = gpu.caps().max_binding.min(READ) / block;
    let what = "measuring bandwidth";
    let make = || Ok((gpu.buffer(what, blocks * block)?, gpu.buffer(what, blocks * 64 * 4)?));
    let (data, sums) = gpu.allocate(what, blocks * block, make).await?;
    let source = compose(
        gpu.caps(),
        &[("BLOCK", BLOCK)],
        "",
        &[include_str!("../../../../shaders/bench/bandwidth.wgsl")],
    );
    let bytes = Amount { per_token: block, ..Amount::default() };
    let groups = [Groups::Fixed(1), Groups::PerTokens(1)];
    let dispatch = gpu
        .dispatch("bandwidth", source, &[Bind::Read(&data), Bind::Write(&sums)], groups)
        .doing(Work { bytes, ..Work::default() });
    let time = fastest(gpu, from_ref(&dispatch), blocks as u32).await?;
    Ok(per_nanosecond(dispatch.work.bytes.at(blocks as u32), time))
}

/// Rounds in an invocation.
const ROUNDS: u32 = 16;
/// Multiply-adds of a round: 16 for each of 8 vectors of 4.
const ROUND: u64 = 16 * 8 * 4;
/// Workgroups, for each of what a batch calls a token: enough for any device.
const GROUPS: u32 = 1024;
/// Microseconds that a run should take, for its start and end not to count.
const LONG: f64 = 5e3;
/// Most of those tokens.
const MOST: u32 = 1 << 14;

async fn fp32(gpu: &Gpu) -> Result<f64> {
    // x / 2 + 1 / 2 stays near 1: neither infinite nor subnormal
    let terms = gpu.buffer_with("measuring fp32", bytemuck::cast_slice(&[0.5f32; 8]))?;
    let sums = gpu.buffer("measuring fp32", u64::from(GROUPS) * 64 * 16)?;
    let source =
        compose(gpu.caps(), &[("ROUNDS", ROUNDS)], "", &[include_str!("../../../../shaders/bench/fma.wgsl")]);
    let per_token = 2 * ROUND * u64::from(ROUNDS) * 64 * u64::from(GROUPS);
    let groups = [Groups::Fixed(GROUPS), Groups::PerTokens(1)];
    let dispatch = gpu
        .dispatch("fma", source, &[Bind::Read(&terms), Bind::Write(&sums)], groups)
        .doing(Work { flops: Amount { per_token, ..Amount::default() }, ..Work::default() });
    let mut tokens = 1;
    loop {
        let time = fastest(gpu, from_ref(&dispatch), tokens).await?;
        if time >= LONG || tokens >= MOST {
            return Ok(per_nanosecond(dispatch.work.flops.at(tokens), time));
        }
        tokens *= 2;
    }
}

/// Dispatches in a row.
const CHAIN: usize = 256;

async fn gap(gpu: &Gpu) -> Result<f64> {
    let data = gpu.buffer("measuring the gap", 64 * 4)?;
    let source = compose(gpu.caps(), &[], "", &[include_str!("../../../../shaders/bench/gap.wgsl")]);
    let dispatch = gpu.dispatch("gap", source, &[Bind::Write(&data)], [Groups::Fixed(1), Groups::Fixed(1)]);
    Ok(fastest(gpu, &vec![dispatch; CHAIN], 1).await? / CHAIN as f64)
}

/// 1e9 a second.
pub fn per_nanosecond(amount: u64, microseconds: f64) -> f64 {
    amount as f64 / (1e3 * microseconds)
}
