//! The choice between ways to compute the same.

use crate::common::{self, Options};
use minke::config::ModelConfig;
use minke::gguf::HeaderParser;
use minke::gpu::{Dots, Splits, Tile, Tuning};
use minke::kv_type::KvTypes;
use minke::model::autotune::{self, BUDGET_MS, Budget, autotune, trials};
use minke::quant::GgmlType;
use pollster::block_on;
use std::sync::atomic::{AtomicU32, Ordering};

const MODEL: &str = "models/qwen3-yarn4-untied.gguf";

fn config() -> ModelConfig {
    let file = std::fs::read(common::vectors_dir().join(MODEL)).expect("a model");
    let header = HeaderParser::default().push(&file).expect("a GGUF").expect("a whole header");
    ModelConfig::from_header(&header).expect("a model that we run")
}

/// What is chosen with kernels that were changed so.
fn tuned(patch: fn(&str, String) -> String, budget: f64, now: fn() -> f64) -> Tuning {
    let gpu = Options::default().patched(patch).open();
    let budget = Budget::new(now, budget);
    block_on(trials(&gpu, &config(), KvTypes::F32, GgmlType::F32, budget)).expect("a choice")
}

/// Makes kernels whose text has `text` go over their chunks a hundred times.
fn slow(source: String, text: &str) -> String {
    let chunks = "c < CHUNKS;";
    assert!(source.contains(chunks));
    if source.contains(text) { source.replace(chunks, "c < 100u * CHUNKS;") } else { source }
}

/// Makes attention by so many tiles go over its positions a hundred times.
fn slow_attention(source: String, tiles: u32) -> String {
    let positions = "i <= last;";
    assert!(source.contains(positions));
    let slow = source.contains(&format!("const TILES: u32 = {tiles}u"));
    if slow { source.replace(positions, "i <= 100u * last;") } else { source }
}

#[test]
fn the_faster_way_is_taken() {
    let by_default = |label: &str, s| match label {
        "matmul" => slow(s, "var low"),
        "matvec" if !s.contains("const LANES: u32 = 8u") => slow(s, "const LANES"),
        "decode_attention" => slow_attention(s, 2),
        _ => s,
    };
    let chosen = tuned(by_default, f64::INFINITY, common::now);
    assert_eq!(chosen, Tuning::default());

    let other = |label: &str, s| match label {
        "matmul" => slow(s, "w_tile"),
        "matvec" => slow(s, "const LANES: u32 = 8u"),
        "decode_attention" => slow_attention(s, 1),
        _ => s,
    };
    let chosen = tuned(other, f64::INFINITY, common::now);
    assert_eq!((chosen.matmul, chosen.attention), (Tile::Registers, Splits::Few));
    assert!(chosen.invocations > 0);
}

/// What is chosen of products by floats and by bytes.
fn dots(patch: fn(&str, String) -> String) -> Dots {
    let gpu = Options::default().patched(patch).open();
    block_on(autotune::dots(&gpu, &mut Budget::new(common::now, f64::INFINITY))).expect("a choice")
}

#[test]
fn the_faster_products_are_taken() {
    fn slow(source: String, bytes: u32) -> String {
        let [steps, loops] = ["const STEPS: u32 = 8192u;", "i < STEPS;"];
        assert!(source.contains(steps) && source.contains(loops));
        let source = source.replace(steps, "const STEPS: u32 = 64u;"); // enough for a CPU
        let this = source.contains(&format!("const BYTES: u32 = {bytes}u"));
        if this { source.replace(loops, "i < 100u * STEPS;") } else { source }
    }
    assert_eq!(dots(|_, source| slow(source, 0)), Dots::Bytes);
    assert_eq!(dots(|_, source| slow(source, 1)), Dots::Floats);
    assert_eq!(dots(|_, source| source.replace("dot4I8Packed", "dot5I8Packed")), Dots::Floats);
}

#[test]
fn a_way_that_the_driver_rejects_is_not_taken() {
    let wrong =
        |label: &str, s: String| if label == "matmul" { s.replace("var low", "var low low") } else { s };
    assert_eq!(tuned(wrong, f64::INFINITY, common::now).matmul, Tile::Workgroup);
}

/// A clock on which a trial takes 150 ms: it is asked four times for each.
fn slow_clock() -> f64 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    50.0 * f64::from(CALLS.fetch_add(1, Ordering::Relaxed))
}

#[test]
fn nothing_is_tried_that_would_end_too_late() {
    static COMPILED: AtomicU32 = AtomicU32::new(0);
    let count = |_: &str, source| {
        COMPILED.fetch_add(1, Ordering::Relaxed);
        source
    };
    tuned(count, BUDGET_MS, slow_clock);
    assert_eq!(COMPILED.load(Ordering::Relaxed), 2, "bytes and floats, which are always tried");
}

#[test]
fn without_time_nothing_is_tried() {
    let none = |label: &str, _| panic!("{label} was compiled");
    let Tuning { invocations, .. } = tuned(none, 0.0, common::now);
    assert_eq!(tuned(none, 0.0, common::now), Tuning { invocations, ..Tuning::default() });
}

#[test]
fn a_cpu_is_not_tried() {
    let gpu = Options::default().patched(|label, _| panic!("{label} was compiled")).open();
    if gpu.caps().cpu {
        let chosen =
            block_on(autotune(&gpu, &config(), KvTypes::F32, GgmlType::F32, common::now)).expect("a choice");
        assert_eq!(
            (chosen.matmul, chosen.attention, chosen.dots),
            (Tile::Registers, Splits::Few, Dots::Floats)
        );
    }
}

/// What is told is taken as it is, without a trial.
#[test]
fn a_load_that_is_told_does_not_try() {
    let told =
        Tuning { matmul: Tile::Registers, invocations: 12_345, attention: Splits::Few, dots: Dots::Bytes };
    let path = common::vectors_dir().join(MODEL);
    let model = common::load(&path, &Options::default().tuned(told), Some(64)).expect("a model");
    assert_eq!(model.self_test.failures, []);
    assert_eq!(model.gpu().caps().tuning, told);
}
