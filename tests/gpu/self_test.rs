//! The self-test at load catches planted faults, gives up the feature that computes wrongly, and says so.

use crate::common::{self, Options, coverage};
use minke::Error;
use minke::config::ModelConfig;
use minke::gpu::{Splits, Tile, Tuning};
use minke::kv_type::{KvType, KvTypes};
use minke::model::Model;
use minke::model::kv_cache::kv_types;
use minke::model::self_test::{self, SelfTest};
use minke::quant::GgmlType;
use std::path::{Path, PathBuf};
use std::rc::Rc;

type Patch = fn(&str, String) -> String;

fn load(options: &Options, model: &str) -> minke::Result<Rc<Model>> {
    common::load(&common::vectors_dir().join(model), options, Some(64))
}

fn with(patch: Patch) -> Options {
    tuned(patch, Tuning::default())
}

fn tuned(patch: Patch, tuning: Tuning) -> Options {
    Options::default().patched(patch).tuned(tuning)
}

/// Replaces a text that must be there, so that a fault is really planted.
fn replace(source: String, from: &str, to: &str) -> String {
    assert!(source.contains(from), "no {from:?} to break");
    source.replace(from, to)
}

const MODEL: &str = "models/qwen3-yarn4-untied.gguf";

/// The self-test of a model's dimensions with matrices of `types`.
fn choose(options: &Options, model: &Path, types: &[GgmlType]) -> minke::Result<SelfTest> {
    let config = ModelConfig::from_header(&common::header(model)).unwrap();
    let kv = kv_types(&config, options.model.kv, !options.model.no_f16)?;
    let gpu = options.open();
    let chosen = self_test::choose(&gpu, &config, kv, types, common::now);
    pollster::block_on(chosen).map(|(_, _, report)| report)
}

fn tiny() -> PathBuf {
    common::vectors_dir().join(MODEL)
}

/// `MESA_SHADER_CACHE_DISABLE=true` makes it cold on lavapipe.
#[test]
fn the_time_is_told() {
    let types = [GgmlType::Q4_1, GgmlType::Q8_0];
    for _ in 0..2 {
        let report = choose(&Options::default(), &common::cached(common::SMOLLM2), &types).unwrap();
        println!("SmolLM2's self-test: {report:?}");
        assert!((1..60_000).contains(&report.milliseconds));
    }
}

#[test]
fn formats_pass() {
    let types: Vec<_> = GgmlType::supported().step_by(if coverage::full() { 1 } else { 4 }).collect();
    let report = choose(&Options::default(), &tiny(), &types).unwrap();
    assert!(report.failures.is_empty(), "{report:?}");
    for ty in types.into_iter().filter(|_| coverage::full()) {
        let report = choose(&Options::default(), &tiny(), &[ty]).unwrap(); // other random numbers
        assert!(report.failures.is_empty(), "{ty}: {report:?}");
    }
}

/// The same without a lower tier that would be tried too.
fn lowest(options: &Options) -> Options {
    options.without_subgroups().kv(KvTypes::F32)
}

/// Whatever the tier, a wrong kernel is wrong: the device is refused.
fn refused(patch: Patch, kernel: &str) {
    refused_with(&with(patch), kernel);
}

fn refused_with(options: &Options, kernel: &str) {
    let error = load(&lowest(options), MODEL).expect_err(kernel);
    assert!(matches!(error, Error::SelfTest { .. }), "{error}");
    assert!(error.to_string().contains(kernel), "{error} does not name {kernel}");
}

#[test]
fn wrong_kernels_are_caught() {
    refused(|label, s| if label == "swiglu" { replace(s, "min(-g,", "min(g,") } else { s }, "swiglu");
    refused(|label, s| if label == "rms_norm" { replace(s, "+ EPS", "+ EPS + 0.01") } else { s }, "rms_norm");
    refused(|label, s| if label == "rope" { replace(s, "pos & 255u", "pos & 127u") } else { s }, "rope");
    refused(
        |label, s| {
            if label == "sample" {
                replace(s, "above + mass >= target_mass", "above >= target_mass")
            } else {
                s
            }
        },
        "sample",
    );
    refused(|label, s| if label == "best" { replace(s, "Best(l,", "Best(-l,") } else { s }, "sample");
    refused(
        |label, s| if label == "candidates" { replace(s, "vec2(id, w)", "vec2(id + 1u, w)") } else { s },
        "sample",
    );
    refused(
        |label, s| if label == "attention" { replace(s, "rescale * sum", "sum") } else { s },
        "attention",
    );
    refused(
        |label, s| if label == "matmul" { replace(s, "w_at + 320u", "w_at + 256u") } else { s },
        "matmul",
    );
    refused(
        |label, s| if label == "matmul_few" { replace(s, "c += 8u", "c += 9u") } else { s },
        "matmul_few",
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

/// Loads with `options`, and must find the kernel wrong that tuning prefers, and the usual one right.
fn untuned_by(options: &Options, kernel: &str) {
    let model = load(options, MODEL).expect("a usual kernel");
    let [failure] = &model.self_test.failures[..] else { panic!("{:?}", model.self_test) };
    assert!(failure.kernel.contains(kernel) && failure.tier.ends_with(", tuned"), "{failure:?}");
    assert_eq!(model.gpu().caps().tuning, Tuning::default());
}

/// The ways that a device may be tuned to are all tested, and given up where they are wrong.
#[test]
fn wrong_kernels_are_caught_however_tuned() {
    let cpu = Tuning { matmul: Tile::Registers, ..Tuning::default() };
    let options =
        tuned(|label, s| if label == "matmul" { s.replace("dot(w[7], v[7])", "0.0") } else { s }, cpu);
    untuned_by(&options, "matmul");
    let cpu = Tuning { attention: Splits::Few, ..Tuning::default() };
    let options = tuned(
        |label, s| match label {
            "decode_attention" => {
                s.replace("for (var t = 0u; t < TILES; t++)", "for (var t = 0u; t < 1u; t++)")
            }
            _ => s,
        },
        cpu,
    );
    untuned_by(&options, "decode_attention and combine");
    let many_cores = Tuning { invocations: 1, ..Tuning::default() };
    let options = tuned(
        |label, s| match label {
            "matvec" if s.contains("const LANES: u32 = 64u") => replace(s, "sum += clusters[first + i]", ""),
            _ => s,
        },
        many_cores,
    );
    untuned_by(&options, "matvec");
}

/// The kernel that the refusal of `types` names.
fn blamed(patch: Patch, types: &[GgmlType]) -> String {
    match choose(&lowest(&with(patch)), &tiny(), types) {
        Err(Error::SelfTest { kernel, .. }) => kernel,
        other => panic!("{types:?}: {other:?}"),
    }
}

/// Half-precision scales that flush subnormals to zero.
#[test]
fn flushed_subnormals_are_caught() {
    let types = [GgmlType::Q4_K, GgmlType::IQ1_M, GgmlType::F16, GgmlType::Q4_1, GgmlType::Q8_0];
    for ty in &types[..if coverage::full() { 5 } else { 2 }] {
        let kernel = blamed(|_, s| s.replace("f32(magnitude) * 0x1p-24f", "0.0"), &[GgmlType::F32, *ty]);
        assert_eq!(kernel, format!("embed {ty}"));
    }
}

/// Formats share a matrix, but not the blame.
#[test]
fn a_wrong_format_is_named() {
    use GgmlType::{Q4_1, Q8_0};
    let faults = [
        ("matvec Q8_0", (|label, s| wrong_q8_0(label, "matvec", s)) as Patch),
        ("embed Q8_0", |label, s| wrong_q8_0(label, "embed", s)),
        ("matmul_few Q8_0", |label, s| wrong_q8_0(label, "matmul_few", s)),
        ("matmul Q8_0", |label, s| wrong_q8_0(label, "matmul", s)),
    ];
    for (kernel, patch) in faults.into_iter().take(if coverage::full() { 4 } else { 1 }) {
        assert_eq!(blamed(patch, &[Q4_1, Q8_0]), kernel);
        assert_eq!(blamed(patch, &[Q8_0, Q4_1]), kernel);
        assert!(choose(&lowest(&with(patch)), &tiny(), &[Q4_1]).is_ok());
    }
}

fn wrong_q8_0(label: &str, kernel: &str, source: String) -> String {
    if label == kernel { source.replace("half_at(p, n)", "1.01 * half_at(p, n)") } else { source }
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
    assert!(!model.gpu().caps().subgroups);
    assert!(model.self_test.tier.starts_with("no subgroups"), "{:?}", model.self_test);
}

fn has_subgroups() -> bool {
    Options::default().open().caps().subgroups
}

/// A cache that goes wrong is given up for f32; subgroups, which were tried first, stay.
#[test]
fn a_wrong_half_precision_cache_is_given_up() {
    let patch: Patch = |label, source| match label {
        "rope" if source.contains("pack2x16float") => replace(source, "clamp(x[0],", "clamp(0.5 * x[0],"),
        _ => source,
    };
    let model = load(&with(patch).kv(KvTypes::both(KvType::F16)), MODEL).expect("a tier that is left");
    assert_eq!(model.kv(), KvTypes::F32);
    assert_eq!(model.gpu().caps().subgroups, has_subgroups());
    let tiers: Vec<_> = model.self_test.failures.iter().map(|failure| failure.tier.as_str()).collect();
    assert!(
        !tiers.is_empty() && tiers.iter().all(|tier| tier.ends_with("f16 keys, f16 values")),
        "{tiers:?}"
    );
    assert!(model.self_test.tier.ends_with("f32 keys, f32 values"), "{:?}", model.self_test);
}

fn wrong_kv(label: &str, kernel: &str, source: String, from: &str, to: &str) -> String {
    if label == kernel && source.contains(from) { source.replace(from, to) } else { source }
}

/// Faults of a packed cache, written by a prompt or a token, and read; all are gone with it.
#[test]
fn every_kv_type_is_tested() {
    for kv in KvType::ALL.map(KvTypes::both) {
        let healthy = choose(&Options::default().kv(kv), &tiny(), &[]).unwrap();
        assert!(healthy.failures.is_empty() && healthy.tier.ends_with(&kv.to_string()), "{healthy:?}");
    }
    for (kv, blamed, patch) in [
        (KvType::F16, "rope", (|l, s| wrong_kv(l, "rope", s, "h.zw", "h.wz")) as Patch),
        (KvType::F16, "decode", |l, s| wrong_kv(l, "decode_attention", s, "float(h.xy)", "float(h.zw)")),
        (KvType::Q8_0, "rope", |l, s| wrong_kv(l, "rope", s, "/ block.most)", "/ block.most - 0.5 / 127.0)")),
        (KvType::Q8_0, "rope", |l, s| wrong_kv(l, "attention", s, "k_cache[i / K_VECS].most *", "")),
        (KvType::Q8_0, "decode", |l, s| wrong_kv(l, "decode_attention", s, "= max(max(", "= 0.5 * max(max(")),
    ] {
        let kv = KvTypes::both(kv);
        let options = with(patch).kv(kv).without_subgroups(); // fewer tiers to go through
        let report = choose(&options, &tiny(), &[]).unwrap();
        let [failure, ..] = &report.failures[..] else { panic!("{kv} {blamed}: {report:?}") };
        assert!(failure.kernel.starts_with(blamed), "{failure:?}");
        assert!(failure.tier.ends_with(&kv.to_string()), "{failure:?}");
        assert!(report.tier.ends_with("f32 keys, f32 values"), "{report:?}");
    }
}

/// A shader that the driver rejects is a failure of its tier, not of the engine.
#[test]
fn a_rejected_shader_is_refused_in_words() {
    let patch: Patch = |label, s| if label == "swiglu" { s + "nonsense" } else { s };
    let error = load(&with(patch), MODEL).expect_err("no");
    assert!(matches!(&error, Error::SelfTest { kernel, .. } if kernel == "swiglu"), "{error}");
}

/// And outside of the self-test, an error with its name.
#[test]
fn a_rejected_shader_is_named() {
    let patch: Patch = |label, s| if label == "swiglu" { s + "nonsense" } else { s };
    let gpu = with(patch).open();
    let buffer = gpu.buffer("gate, up and product", 64).unwrap();
    minke::kernels::swiglu::swiglu(&gpu, 4, minke::kernels::fixed::Form::Floats, &buffer, &buffer);
    pollster::block_on(gpu.compile());
    let error = pollster::block_on(gpu.finish()).expect_err("no");
    assert!(matches!(&error, Error::Shader { kernel, .. } if kernel == "swiglu"), "{error}");
}
