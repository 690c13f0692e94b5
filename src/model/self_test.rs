//! The self-test at load: every kind of kernel that a model is about to use runs a small known-answer case against
//! its scalar twin. A device that computes wrongly loses the feature it computes wrongly with, or is refused.

mod cases;

use crate::config::ModelConfig;
use crate::gpu::{Gpu, GpuOptions};
use crate::quant::GgmlType;
use crate::{Error, Result};

/// What the self-test found, in the order in which features were given up; empty on a healthy device.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SelfTest {
    /// One for every tier that did not pass.
    pub failures: Vec<Failure>,
}

/// A kernel that computed wrongly.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// Its name, and the format where it has one.
    pub kernel: String,
    /// The features it was compiled for.
    pub tier: String,
    /// How far it was off, or the device's own words.
    pub problem: String,
}

/// Tests `gpu` for a model with matrices of `types`; where it fails, opens the device again without subgroups, then
/// without half precision, then without both.
///
/// [`Error::SelfTest`] if the last tier fails too.
pub async fn choose(gpu: &mut Gpu, config: &ModelConfig, types: &[GgmlType]) -> Result<SelfTest> {
    let mut report = SelfTest::default();
    let mut lower_tiers = lower_tiers(gpu).into_iter();
    while let Some(failure) = run(gpu, config, types).await? {
        let Some(options) = lower_tiers.next() else {
            let Failure { kernel, problem, .. } = failure;
            return Err(Error::SelfTest { adapter: gpu.caps.adapter.clone(), kernel, problem });
        };
        report.failures.push(failure);
        *gpu = Gpu::request(&options).await?;
    }
    Ok(report)
}

/// What is left when features that `gpu` uses are given up.
fn lower_tiers(gpu: &Gpu) -> Vec<GpuOptions> {
    let has = |(subgroups, f16): &(bool, bool)| (!subgroups || gpu.caps.subgroups) && (!f16 || gpu.caps.f16);
    let without = |(subgroups, f16): (bool, bool)| GpuOptions {
        no_subgroups: gpu.options.no_subgroups || subgroups,
        no_f16: gpu.options.no_f16 || f16,
        ..gpu.options.clone()
    };
    [(true, false), (false, true), (true, true)].into_iter().filter(has).map(without).collect()
}

async fn run(gpu: &Gpu, config: &ModelConfig, types: &[GgmlType]) -> Result<Option<Failure>> {
    let subgroups = if gpu.caps.subgroups { "subgroups" } else { "no subgroups" };
    let cache = if gpu.caps.f16 { "f16 cache" } else { "f32 cache" };
    let failure = |kernel: String, problem: String| {
        Some(Failure { kernel, tier: format!("{subgroups}, {cache}"), problem })
    };
    match cases::all(gpu, config, types).await {
        Ok(None) => Ok(None),
        Ok(Some((kernel, problem))) => Ok(failure(kernel, problem)),
        // a shader that the driver rejects
        Err(Error::Device(problem)) => Ok(failure("a kernel".into(), problem)),
        Err(other) => Err(other),
    }
}
