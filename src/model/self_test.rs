//! The self-test at load: every kind of kernel that a model is about to use runs a small known-answer case against
//! its scalar twin. A device that computes wrongly loses the feature it computes wrongly with, or is refused.

mod cases;

use super::Clock;
use crate::config::ModelConfig;
use crate::gpu::{Gpu, Tuning};
use crate::kv_type::KvTypes;
use crate::quant::GgmlType;
use crate::{Error, Result};

/// What the self-test found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SelfTest {
    /// The features that the device passed with.
    pub tier: String,
    /// How long it took, all tiers together.
    pub milliseconds: u32,
    /// One for every tier that did not pass, in the order in which features were given up; empty on a healthy
    /// device.
    pub failures: Vec<Failure>,
}

/// A kernel that computed wrongly.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// Its name, and the format where it has one.
    pub kernel: String,
    /// The features it was compiled for, and whether it was one that [`Tuning`] had preferred.
    pub tier: String,
    /// How far it was off, or the device's own words.
    pub problem: String,
}

/// Tests `gpu` for a model with matrices of `types` and a KV cache of types `kv`; where it fails, tries the usual kernels
/// instead of those that are faster there, then goes without subgroups, then with an f32 KV cache, then without both. The
/// tier and the cache that passed, and the report.
///
/// [`Error::SelfTest`] if the last tier fails too; what is no fault of a kernel, such as a lost device, is an error at once.
pub async fn choose(
    gpu: &Gpu,
    config: &ModelConfig,
    mut kv: KvTypes,
    types: &[GgmlType],
    now: Clock,
) -> Result<(Gpu, KvTypes, SelfTest)> {
    let start = now();
    let mut failures = Vec::new();
    let mut lower_tiers = lower_tiers(gpu, kv).into_iter();
    let mut gpu = gpu.clone();
    while let Some(failure) = run(&gpu, config, kv, types).await? {
        let Some(lower) = lower_tiers.next() else {
            let Failure { kernel, problem, .. } = failure;
            return Err(Error::SelfTest { adapter: gpu.caps().adapter.clone(), kernel, problem });
        };
        failures.push(failure);
        (gpu, kv) = lower;
    }
    let milliseconds = (now() - start).round() as u32;
    let report = SelfTest { tier: tier(&gpu, kv), milliseconds, failures };
    Ok((gpu, kv, report))
}

/// What is left when features that `gpu` uses, or the types of its KV cache, are given up.
fn lower_tiers(gpu: &Gpu, kv: KvTypes) -> Vec<(Gpu, KvTypes)> {
    let has = |(subgroups, narrow): &(bool, bool)| {
        (!subgroups || gpu.caps().subgroups) && (!narrow || kv != KvTypes::F32)
    };
    let without = |(subgroups, narrow): (bool, bool)| {
        let gpu = gpu.with_tuning(Tuning::default());
        let gpu = if subgroups { gpu.with_subgroups(false) } else { gpu };
        (gpu, if narrow { KvTypes::F32 } else { kv })
    };
    let untuned = is_tuned(gpu).then_some((false, false));
    let fewer = [(true, false), (false, true), (true, true)];
    untuned.into_iter().chain(fewer.into_iter().filter(has)).map(without).collect()
}

fn is_tuned(gpu: &Gpu) -> bool {
    gpu.caps().tuning != Tuning::default()
}

async fn run(gpu: &Gpu, config: &ModelConfig, kv: KvTypes, types: &[GgmlType]) -> Result<Option<Failure>> {
    let (kernel, problem) = match cases::run(gpu, config, kv, types).await {
        Ok(None) => return Ok(None),
        Ok(Some(wrong)) => wrong,
        Err(Error::Shader { kernel, problem }) => (kernel, problem),
        Err(Error::Validation { problem }) => ("a kernel".into(), problem),
        Err(other) => return Err(other),
    };
    let tuned = if is_tuned(gpu) { ", tuned" } else { "" };
    Ok(Some(Failure { kernel, tier: tier(gpu, kv) + tuned, problem }))
}

fn tier(gpu: &Gpu, kv: KvTypes) -> String {
    let subgroups = if gpu.caps().subgroups { "subgroups" } else { "no subgroups" };
    format!("{subgroups}, {kv}")
}
