//! Whether a model fits a device, before it is downloaded: by its header and a probe of the device's memory.

use super::ModelOptions;
use super::kv_cache::KvCache;
use super::plan::MemoryPlan;
use super::program::cache_layers;
use crate::config::ModelConfig;
use crate::gguf::Header;
use crate::gpu::{Buffer, Gpu};
use crate::{Error, Result};
use serde::Serialize;

/// Positions below which a chat makes no sense.
const FEWEST: usize = 512;
/// Bytes of a buffer of a probe.
const PROBE: u64 = 256 << 20;
/// What should be left, of what the model takes: others use the device too.
const SPARE: u64 = 8;

/// The answer in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// With the context that is wanted, and some memory is left.
    Fits,
    /// With a smaller context, or with hardly any memory left.
    Tight,
    /// Not even with a small context.
    TooBig,
}

/// Whether a model fits.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fit {
    /// In a word.
    pub verdict: Verdict,
    /// In a sentence.
    pub reason: String,
    /// Bytes by purpose, with the context that is wanted.
    pub memory: MemoryPlan,
    /// Most positions of a context that fit; 0 where none do.
    pub largest_ctx: usize,
}

/// Judges a model by its header. It is a guess: what a device promises it may not have later, and the other way round.
///
/// Errors: those of [`MemoryPlan::new`].
pub async fn fit(
    gpu: Option<&Gpu>,
    config: &ModelConfig,
    header: &Header,
    options: &ModelOptions,
) -> Result<Fit> {
    let memory = MemoryPlan::new(config, header, options)?;
    let Some(gpu) = gpu else {
        let reason = "there is no GPU that could run it".into();
        return Ok(Fit { verdict: Verdict::TooBig, reason, memory, largest_ctx: 0 });
    };
    let most = KvCache::most_positions(gpu, &cache_layers(config, memory.kv))
        .min(config.n_ctx_train.max(memory.n_ctx));
    let at = |n_ctx: usize| {
        let options = ModelOptions { n_ctx: Some(n_ctx), ..options.clone() };
        MemoryPlan::new(config, header, &options).map(|plan| plan.total)
    };
    let largest_ctx = largest(gpu, at, most).await?;
    let wanted = memory.n_ctx;
    let takes = format!("it takes {} with a context of {wanted}", size(memory.total));
    let (verdict, reason) = if largest_ctx < FEWEST.min(wanted) {
        let least = at(FEWEST.min(most))?;
        (Verdict::TooBig, format!("it takes {}, and this device does not have as much for it", size(least)))
    } else if largest_ctx < wanted {
        (Verdict::Tight, format!("{takes}, which does not fit this device: up to {largest_ctx} does"))
    } else if holds(gpu, memory.total + memory.total / SPARE).await? {
        (Verdict::Fits, takes)
    } else {
        (Verdict::Tight, format!("{takes}, which is nearly all that this device has"))
    };
    Ok(Fit { verdict, reason, memory, largest_ctx })
}

fn size(bytes: u64) -> String {
    match bytes {
        1_000_000_000.. => format!("{:.1} GB", bytes as f64 / 1e9),
        _ => format!("{:.0} MB", bytes as f64 / 1e6),
    }
}

/// Most positions, up to `most`, whose bytes (`at`) the device has; 0 where it has none's.
async fn largest(gpu: &Gpu, at: impl Fn(usize) -> Result<u64>, most: usize) -> Result<usize> {
    if holds(gpu, at(most)?).await? {
        return Ok(most);
    }
    let (mut fits, mut fails) = (0, most);
    // to within a sixteenth: nobody needs it finer, and each probe costs
    while fails - fits > (fails / 16).max(FEWEST / 2) {
        let middle = fits.midpoint(fails);
        match holds(gpu, at(middle)?).await? {
            true => fits = middle,
            false => fails = middle,
        }
    }
    Ok(fits)
}

/// Whether the device gives so many bytes, which it gets back.
async fn holds(gpu: &Gpu, bytes: u64) -> Result<bool> {
    let probe = || -> Result<Vec<Buffer>> {
        let size = PROBE.min(gpu.caps().max_binding);
        let sizes = (0..bytes.div_ceil(size)).map(|i| size.min(bytes - i * size));
        sizes.map(|size| gpu.buffer("a probe of memory", size)).collect()
    };
    match gpu.allocate("a probe of memory", bytes, probe).await {
        Ok(_) => Ok(true),
        Err(Error::OutOfMemory { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
