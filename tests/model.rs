//! Whole models against the float64 reference (golden/logits, golden/refuse).

use minke::Error;
use minke::gguf::TensorInfo;
use minke::gpu::{Gpu, GpuOptions, Tile};
use minke::kv_type::KvType;
use minke::session::Session;
use pollster::block_on;
use serde::Deserialize;
use std::path::Path;

mod common;

#[derive(Deserialize)]
struct Logits {
    model: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    ids: Vec<u32>,
    positions: Vec<usize>,
    logits: Vec<Vec<f32>>,
    greedy: Option<Vec<u32>>,
    greedy_margins: Option<Vec<f32>>,
}

fn logits(session: &mut Session, ids: &[u32], positions: &[usize]) -> Vec<Vec<f32>> {
    block_on(session.logits(ids, positions)).expect("logits")
}

fn argmax(row: &[f32]) -> u32 {
    let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).expect("a token");
    best as u32
}

fn worst(got: &[Vec<f32>], want: &[Vec<f32>]) -> f32 {
    let logit = |got: &f32, want: &f32| f64::from((got - want).abs());
    common::worst(got, want, |got, want| common::worst(got, want, logit)) as f32
}

/// Greedy tokens, decoded one at a time, up to the first step that is nearly a tie.
fn check_greedy(session: &mut Session, what: &str, case: &Case, least_margin: f32) {
    let (Some(greedy), Some(margins)) = (&case.greedy, &case.greedy_margins) else {
        return;
    };
    let mut row = logits(session, &case.ids, &[case.ids.len() - 1]).remove(0);
    for (step, (want, margin)) in greedy.iter().zip(margins).enumerate() {
        if *margin < least_margin {
            return;
        }
        assert_eq!(argmax(&row), *want, "{what} {} greedy step {step}", case.case);
        row = block_on(session.decode(*want)).expect("logits");
    }
}

/// The tier and the worst error.
fn check(name: &str, options: &GpuOptions) -> (String, f32) {
    let golden: Logits = common::vectors(&format!("logits/{name}.json"));
    let path = common::vectors_dir().join(format!("models/{}.gguf", golden.model.trim_end_matches(".gguf")));
    let model = common::load(&path, options, Some(512)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let factor = common::kv_factor(model.gpu().caps.kv);
    let tier = common::tier_row(model.gpu());
    let mut session = Session::new(model);
    let mut most = 0f32;
    for case in &golden.cases {
        let error = worst(&logits(&mut session, &case.ids, &case.positions), &case.logits);
        assert!(error <= 2e-3 * factor, "{name} {}: logits differ by {error}", case.case);
        check_greedy(&mut session, name, case, 0.02 * factor);
        most = most.max(error);
    }
    (tier, most)
}

#[test]
fn tiny_models_agree_with_the_reference() {
    let models = common::stems("logits");
    assert!(!models.is_empty());
    let mut table = String::new();
    for options in common::tiers() {
        let checked: Vec<_> = models.iter().map(|name| check(name, &options)).collect();
        let most = checked.iter().fold(0f32, |most, row| most.max(row.1));
        table += &format!("{} {} models, worst logit error {most:.1e} |\n", checked[0].0, models.len());
    }
    println!("{table}");
}

/// Prompts that come a few tokens at a time, as the ends of long ones do.
#[test]
fn few_tokens_at_a_time_agree_with_the_reference() {
    let name = common::stems("logits").remove(0);
    let golden: Logits = common::vectors(&format!("logits/{name}.json"));
    let path = common::vectors_dir().join(format!("models/{}.gguf", golden.model.trim_end_matches(".gguf")));
    let tiled = |options: &GpuOptions| options.tuning.is_some_and(|tuning| tuning.matmul == Tile::Workgroup);
    for options in common::tiers().into_iter().filter(tiled) {
        let mut model = common::load(&path, &options, Some(512)).expect("a model");
        let factor = common::kv_factor(model.gpu().caps.kv);
        for case in &golden.cases {
            let (mut pos, mut got) = (0, Vec::new());
            for n in (2..=8).cycle() {
                let piece = &case.ids[pos..case.ids.len().min(pos + n)];
                if piece.is_empty() {
                    break;
                }
                let wanted: Vec<_> =
                    (0..piece.len()).filter(|i| case.positions.contains(&(pos + i))).collect();
                got.extend(block_on(model.forward(piece, pos, &wanted, &|| false)).expect("logits"));
                pos += piece.len();
            }
            let error = worst(&got, &case.logits);
            assert!(error <= 2e-3 * factor, "{name} {}: logits differ by {error}", case.case);
        }
    }
}

/// Types that must be asked for, on a device that has nothing else to offer.
#[test]
fn every_kv_type_runs_in_the_weakest_tier() {
    for kv in [KvType::F16, KvType::Q8_0] {
        let weakest =
            GpuOptions { no_f16: true, no_subgroups: true, default_limits: true, ..GpuOptions::default() };
        let options = GpuOptions { kv: Some(kv), ..weakest };
        for name in common::stems("logits") {
            let (row, most) = check(&name, &options);
            assert!(row.contains(&format!("cache {kv}")), "{row}");
            assert!(most > 1e-4, "{name}: no trace of {kv}");
            println!("{row} {name}, worst logit error {most:.1e} |");
        }
    }
}

#[test]
fn the_kv_type_follows_half_precision_unless_it_is_named() {
    for kv in [None, Some(KvType::F32), Some(KvType::F16), Some(KvType::Q8_0)] {
        for no_f16 in [false, true] {
            let options = GpuOptions { kv, no_f16, ..GpuOptions::default() };
            let gpu = block_on(Gpu::request(&options)).expect("lavapipe or a GPU");
            assert!(!(no_f16 && gpu.caps.f16));
            assert_eq!(gpu.caps.kv, kv.unwrap_or(if gpu.caps.f16 { KvType::F16 } else { KvType::F32 }));
        }
    }
}

#[test]
fn heads_that_are_no_whole_blocks_are_refused() {
    let path = common::vectors_dir().join("refuse/control-qwen3.gguf");
    for kv in KvType::ALL {
        let options = GpuOptions { kv: Some(kv), ..GpuOptions::default() };
        match (kv, common::load(&path, &options, Some(64))) {
            (KvType::Q8_0, Err(error)) => {
                assert!(matches!(error, Error::Unsupported { .. }), "{error}");
                let words = error.to_string();
                assert!(["head_dim", "q8_0", "16", "32"].iter().all(|word| words.contains(word)), "{words}");
            }
            (KvType::F32 | KvType::F16, Ok(_)) => {}
            (kv, loaded) => panic!("{kv}: {:?}", loaded.map(|_| "loaded")),
        }
    }
}

/// A model file with one weight of every norm at 1e5: each projection then sees such an activation.
fn with_outliers(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).expect("a model");
    let norms = |tensor: &&TensorInfo| tensor.name.ends_with("norm.weight");
    for tensor in common::header(path).tensors.iter().filter(norms) {
        let at = tensor.offset as usize + 4;
        bytes[at..at + 4].copy_from_slice(&1e5f32.to_le_bytes());
    }
    bytes
}

#[test]
fn outlier_activations_stay_finite() {
    for (options, name) in common::tiers().iter().zip(common::stems("logits").iter().cycle()) {
        let golden: Logits = common::vectors(&format!("logits/{name}.json"));
        let file = golden.model.trim_end_matches(".gguf");
        let bytes = with_outliers(&common::vectors_dir().join(format!("models/{file}.gguf")));
        let model = common::load_from(&bytes[..], bytes.len() as u64, options, Some(512)).expect(name);
        let mut session = Session::new(model);
        let case = &golden.cases[0];
        let mut rows = logits(&mut session, &case.ids, &case.positions);
        assert!(worst(&rows, &case.logits) > 1.0, "{name}: the outliers change nothing");
        rows.push(block_on(session.decode(case.ids[0])).expect("logits"));
        assert!(rows.iter().flatten().all(|logit| logit.is_finite()), "{name}");
    }
}

#[test]
fn the_comparator_rejects_a_wrong_logit() {
    let want = vec![vec![1.0, 2.0]];
    assert!(worst(&[vec![1.0, 2.01]], &want) > 2e-3);
    assert!(worst(&[vec![1.0, 2.1]], &want) > 2e-3 * common::kv_factor(KvType::F16));
    assert!(worst(&[vec![1.0, 4.0]], &want) > 2e-3 * common::kv_factor(KvType::Q8_0));
    for missing in [&[vec![f32::NAN, 2.0]][..], &[vec![1.0]], &[vec![1.0, 2.0], vec![]], &[]] {
        assert_eq!(worst(missing, &want), f32::INFINITY, "{missing:?}");
    }
    assert_eq!(worst(&want, &want), 0.0);
}

#[derive(Deserialize)]
struct Refusal {
    file: String,
    accept: bool,
    #[serde(default)]
    must_name: Vec<String>,
    ids: Option<Vec<u32>>,
    argmax_all: Option<Vec<u32>>,
    top1_margin_all: Option<Vec<f32>>,
}

#[test]
fn what_we_cannot_run_is_refused_by_name() {
    for case in common::vectors::<Vec<Refusal>>("refuse/refuse.json") {
        let path = common::vectors_dir().join("refuse").join(&case.file);
        let loaded = common::load(&path, &GpuOptions::default(), Some(64));
        if !case.accept {
            let about_the_tokenizer = case.must_name.iter().any(|n| n == "t5" || n == "made-up-pre");
            match loaded {
                Err(error) => case.must_name.iter().for_each(|name| {
                    assert!(error.to_string().contains(name), "{}: {error} does not name {name}", case.file);
                }),
                Ok(_) => assert!(
                    about_the_tokenizer || case.file.contains("partial-rope"),
                    "{} was loaded",
                    case.file
                ),
            }
            continue;
        }
        let mut session = Session::new(loaded.unwrap_or_else(|e| panic!("{}: {e}", case.file)));
        let (ids, best, margins) =
            (case.ids.unwrap(), case.argmax_all.unwrap(), case.top1_margin_all.unwrap());
        let all: Vec<usize> = (0..ids.len()).collect();
        for (p, row) in logits(&mut session, &ids, &all).iter().enumerate() {
            assert!(margins[p] < 0.1 || argmax(row) == best[p], "{} position {p}", case.file);
        }
    }
}
