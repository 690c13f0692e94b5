//! The choice between ways to compute the same.

use crate::common;
use minke::config::ModelConfig;
use minke::gguf::HeaderParser;
use minke::gpu::{Gpu, GpuOptions, Splits, Tile, Tuning};
use minke::kv_type::KvTypes;
use minke::model::tune::{BUDGET_MS, tune};
use minke::quant::GgmlType;
use pollster::block_on;
use std::sync::atomic::{AtomicU32, Ordering};

const MODEL: &str = "models/qwen3-yarn4-untied.gguf";

fn config() -> ModelConfig {
    let file = std::fs::read(common::vectors_dir().join(MODEL)).expect("a model");
    let header = HeaderParser::default().push(&file).expect("a GGUF").expect("a whole header");
    ModelConfig::from_header(&header).expect("a model that we run")
}

fn tuned(options: &GpuOptions, budget: f64) -> Tuning {
    let mut gpu = block_on(Gpu::request(options)).expect("lavapipe or a GPU");
    block_on(tune(&mut gpu, &config(), KvTypes::F32, GgmlType::F32, common::now, budget)).expect("a choice");
    assert_eq!(gpu.options.tuning, Some(gpu.caps.tuning), "it must outlive the device");
    gpu.caps.tuning
}

/// Makes kernels whose text has `text` go over their chunks a hundred times.
fn slow(source: String, text: &str) -> String {
    let chunks = "c < CHUNKS;";
    assert!(source.contains(chunks));
    if source.contains(text) { source.replace(chunks, "c < 100u * CHUNKS;") } else { source }
}

/// Makes attention by so many tiles go over its positions a hundred times.
fn slow_attention(source: String, tiles: u32) -> String {
    let positions = "i < count;";
    assert!(source.contains(positions));
    let slow = source.contains(&format!("const TILES: u32 = {tiles}u"));
    if slow { source.replace(positions, "i < 100u * count;") } else { source }
}

#[test]
fn the_faster_way_is_taken() {
    let patched = |patch| GpuOptions { patch: Some(patch), ..GpuOptions::default() };
    let unbounded = f64::INFINITY;
    let tiles = patched(|label, s| if label == "matmul" { slow(s, "w_tile") } else { s });
    assert_eq!(tuned(&tiles, unbounded).matmul, Tile::Registers);
    let rows = patched(|label, s| if label == "matmul" { slow(s, "var low") } else { s });
    assert_eq!(tuned(&rows, unbounded).matmul, Tile::Workgroup);

    let few = patched(|label, s| if label == "matvec" { slow(s, "const LANES: u32 = 8u") } else { s });
    let many = patched(|label, s| if label == "matvec" { slow(s, "const OUTPUTS: u32 = 1u") } else { s });
    assert!(tuned(&few, unbounded).invocations > 0);
    assert_eq!(tuned(&many, unbounded).invocations, 0);

    let few = patched(|label, s| if label == "decode_attention" { slow_attention(s, 2) } else { s });
    assert_eq!(tuned(&few, unbounded).attention, Splits::Many);
    let many = patched(|label, s| if label == "decode_attention" { slow_attention(s, 1) } else { s });
    assert_eq!(tuned(&many, unbounded).attention, Splits::Few);
}

#[test]
fn a_way_that_the_driver_rejects_is_not_taken() {
    let options = GpuOptions {
        patch: Some(|label, s| if label == "matmul" { s.replace("var low", "var low low") } else { s }),
        ..GpuOptions::default()
    };
    assert_eq!(tuned(&options, f64::INFINITY).matmul, Tile::Workgroup);
}

/// A clock on which a trial takes 200 ms: it is asked five times for each.
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
    let options = GpuOptions { patch: Some(count), ..GpuOptions::default() };
    let mut gpu = block_on(Gpu::request(&options)).expect("lavapipe or a GPU");
    block_on(tune(&mut gpu, &config(), KvTypes::F32, GgmlType::F32, slow_clock, BUDGET_MS))
        .expect("a choice");
    assert_eq!(COMPILED.load(Ordering::Relaxed), 1, "a second trial would end after 400 ms");
}

#[test]
fn without_time_or_when_told_nothing_is_tried() {
    let none = GpuOptions { patch: Some(|label, _| panic!("{label} was compiled")), ..GpuOptions::default() };
    let (matmul, attention) = match block_on(Gpu::request(&none)).expect("lavapipe or a GPU").caps.cpu {
        true => (Tile::Registers, Splits::Few),
        false => (Tile::Workgroup, Splits::Many),
    };
    assert_eq!(tuned(&none, 0.0), Tuning { matmul, invocations: 0, attention });
    let told = Tuning { matmul: Tile::Workgroup, invocations: 12_345, attention: Splits::Many };
    assert_eq!(tuned(&GpuOptions { tuning: Some(told), ..none }, f64::INFINITY), told);
}
