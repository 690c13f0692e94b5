//! The self-test at load catches planted faults, gives up the feature that computes wrongly, and says so.

use minke::Error;
use minke::gpu::GpuOptions;
use minke::model::Model;

mod common;

type Patch = fn(&str, String) -> String;

fn load(options: &GpuOptions, model: &str) -> minke::Result<Model> {
    common::load(&common::vectors_dir().join(model), options, Some(64))
}

fn with(patch: Patch) -> GpuOptions {
    GpuOptions { patch: Some(patch), ..GpuOptions::default() }
}

/// Replaces a text that must be there, so that a fault is really planted.
fn replace(source: String, from: &str, to: &str) -> String {
    assert!(source.contains(from), "no {from:?} to break");
    source.replace(from, to)
}

const MODEL: &str = "refuse/control-qwen3.gguf";

#[test]
fn a_healthy_device_passes_in_every_tier() {
    for options in common::tiers() {
        let model = load(&options, MODEL).expect("a healthy device");
        assert!(model.self_test.failures.is_empty(), "{:?}", model.self_test);
    }
    let path = common::cached(common::SMOLLM2);
    let header = common::header(&path);
    let config = minke::config::ModelConfig::from_header(&header).unwrap();
    let mut gpu = pollster::block_on(minke::gpu::Gpu::request(&GpuOptions::default())).unwrap();
    let types = [minke::quant::GgmlType::Q4_1, minke::quant::GgmlType::Q8_0];
    let start = std::time::Instant::now();
    let report = pollster::block_on(minke::model::self_test::choose(&mut gpu, &config, &types)).unwrap();
    println!("SmolLM2's self-test on {}: {:?}", gpu.caps.adapter, start.elapsed());
    assert!(report.failures.is_empty());
}

#[test]
fn all_formats_pass() {
    let header = common::header(&common::vectors_dir().join(MODEL));
    let config = minke::config::ModelConfig::from_header(&header).unwrap();
    let mut gpu = pollster::block_on(minke::gpu::Gpu::request(&GpuOptions::default())).unwrap();
    let types: Vec<_> = minke::quant::GgmlType::supported().collect();
    let report = pollster::block_on(minke::model::self_test::choose(&mut gpu, &config, &types)).unwrap();
    assert!(report.failures.is_empty(), "{report:?}");
}

/// Whatever the tier, a wrong kernel is wrong: the device is refused.
fn refused(patch: Patch, kernel: &str) {
    let error = load(&with(patch), MODEL).expect_err(kernel);
    assert!(matches!(error, Error::SelfTest { .. }), "{error}");
    assert!(error.to_string().contains(kernel), "{error} does not name {kernel}");
}

#[test]
fn wrong_kernels_are_caught() {
    refused(|label, s| if label == "swiglu" { replace(s, "min(-gate", "min(gate") } else { s }, "swiglu");
    refused(|label, s| if label == "rms_norm" { replace(s, "+ EPS", "+ EPS + 0.01") } else { s }, "rms_norm");
    refused(|label, s| if label == "rope" { replace(s, "pos & 255u", "pos & 127u") } else { s }, "rope");
    refused(
        |label, s| if label == "attention" { replace(s, "* rescale + weight", "+ weight") } else { s },
        "attention",
    );
    refused(
        |label, s| if label == "matmul" { replace(s, "9u * (r + 8u * i)", "9u * (r + 4u * i)") } else { s },
        "matmul",
    );
    refused(
        |label, s| {
            if label == "embed" {
                replace(s, "const BYTE_SHIFT = vec4<u32>(0u, 8u", "const BYTE_SHIFT = vec4<u32>(0u, 9u")
            } else {
                s
            }
        },
        "embed",
    );
    refused(
        |label, s| {
            if label == "repack" { replace(s, "params.first_block + block", "params.first_block") } else { s }
        },
        "embed",
    );
}

/// Half-precision scales that flush subnormals to zero.
#[test]
fn flushed_subnormals_are_caught() {
    refused(|_, s| s.replace("f32(magnitude) * 0x1p-24f", "0.0"), "embed");
}

/// A subgroup with fewer lanes than it says: lane 4 away is another subgroup's.
#[test]
fn a_subgroup_that_lies_costs_the_subgroups() {
    let options = with(|label, source| match label {
        "matvec" => {
            source.replace("sum += subgroupShuffleXor(sum, 4u);", "sum += subgroupShuffleXor(sum, 0u);")
        }
        _ => source,
    });
    let model = load(&options, MODEL).expect("a tier that is left");
    if !has_subgroups() {
        println!("this adapter has no subgroups of 8: nothing to lie about");
        return;
    }
    let [failure] = &model.self_test.failures[..] else { panic!("{:?}", model.self_test) };
    assert!(failure.kernel.starts_with("matvec") && failure.tier.starts_with("subgroups"), "{failure:?}");
    assert!(!model.gpu().caps.subgroups);
}

fn has_subgroups() -> bool {
    pollster::block_on(minke::gpu::Gpu::request(&GpuOptions::default())).unwrap().caps.subgroups
}

/// A half-precision cache that goes wrong is given up for f32; subgroups, which were tried first, stay.
#[test]
fn a_wrong_half_precision_cache_costs_half_precision() {
    let patch: Patch = |label, source| match label {
        "rope" if source.contains("vec4<f16>") => replace(source, "KvVec(clamp(v,", "KvVec(0.5 * clamp(v,"),
        _ => source,
    };
    let model = load(&GpuOptions { kv_f16: true, ..with(patch) }, MODEL).expect("a tier that is left");
    assert!(!model.gpu().caps.f16);
    assert_eq!(model.gpu().caps.subgroups, has_subgroups());
    let tiers: Vec<_> = model.self_test.failures.iter().map(|failure| failure.tier.as_str()).collect();
    assert!(!tiers.is_empty() && tiers.iter().all(|tier| tier.ends_with("f16 cache")), "{tiers:?}");
}

/// A shader that the driver rejects is a failure of its tier, not of the engine.
#[test]
fn a_rejected_shader_is_refused_in_words() {
    let error =
        load(&with(|label, s| if label == "swiglu" { s + "nonsense" } else { s }), MODEL).expect_err("no");
    assert!(matches!(error, Error::SelfTest { .. }), "{error}");
}
