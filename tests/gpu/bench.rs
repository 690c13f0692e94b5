//! What `minke bench` measures with: the work that dispatches say they do, the GPU's clock, and the table made of both.

use crate::common::{self, coverage};
use minke::Error;
use minke::config::Architecture;
use minke::context::{Context, Timing};
use minke::kv_type::KvTypes;
use minke::model::Model;
use pollster::block_on;
use serde_json::Value;
use std::path::PathBuf;

/// qwen3, three layers, an output matrix of its own.
const MODEL: &str = "models/qwen3-yarn4-untied.gguf";

fn context(timestamps: bool) -> Context {
    let mut options = coverage::row_of(Architecture::Qwen3, 0).options.kv(KvTypes::F32);
    options.gpu.timestamps = timestamps;
    common::context(common::load(&common::vectors_dir().join(MODEL), &options, Some(512)).expect("a model"))
}

/// Sum over the dispatches of a kernel.
fn sum(timings: &[Timing], kernel: &str, of: fn(&Timing) -> u64) -> u64 {
    timings.iter().filter(|timing| timing.label.split(' ').next() == Some(kernel)).map(of).sum()
}

/// Elements of all queries, of all keys, and of the weights of all layers.
fn sizes(model: &Model) -> [u64; 3] {
    let c = &model.config;
    let (q, kv) = (c.n_head * c.head_dim, c.n_kv_head * c.head_dim);
    let layer = c.n_embd * (q + 2 * kv) + q * c.n_embd + 3 * c.n_embd * c.n_ff;
    [q, kv, layer].map(|n| (c.n_layer * n) as u64)
}

#[test]
fn a_decoded_token_reads_the_weights_and_the_cache_once() {
    let mut context = context(true);
    let timings = block_on(context.time(&[1], 99)).expect("timings");
    let model = context.model();
    let c = &model.config;
    let [q, kv, layers] = sizes(model);
    let norms = c.n_layer * (4 * c.n_embd + 2 * c.n_ff); // what comes from and goes to the residual stream, and between
    let activations = 4 * (2 * q + 2 * kv + (norms + c.n_embd + c.n_vocab) as u64);
    assert_eq!(sum(&timings, "matvec", |t| t.bytes), model.bytes_per_token() + activations);
    assert_eq!(sum(&timings, "matvec", |t| t.flops), 2 * (layers + (c.n_embd * c.n_vocab) as u64));
    assert_eq!(sum(&timings, "decode_attention", |t| t.bytes), 100 * 2 * 4 * kv + 8 * q);
    assert_eq!(sum(&timings, "decode_attention", |t| t.flops), 100 * 4 * q);
    assert_eq!(timings.len(), 5 * c.n_layer + 5); // the heads of so short a context are joined by the matrix after them
    assert!(timings.iter().all(|t| t.bytes > 0 && t.microseconds > 0.0), "{timings:?}");
}

#[test]
fn a_batch_multiplies_every_token_and_attends_to_what_is_before_it() {
    let mut context = context(true);
    let timings = block_on(context.time(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 3)).expect("timings");
    let model = context.model();
    let [q, kv, layers] = sizes(model);
    assert_eq!(sum(&timings, "matmul", |t| t.flops), 9 * 2 * layers);
    assert_eq!(sum(&timings, "attention", |t| t.flops), (4..=12).sum::<u64>() * 4 * q);
    assert_eq!(sum(&timings, "attention", |t| t.bytes), 12 * 2 * 4 * kv + 9 * 8 * q);
    assert_eq!(timings.len(), 9 * model.config.n_layer + 1);
}

/// Longer work takes longer: the clock is that of the work.
#[test]
fn the_clock_sees_the_work() {
    let mut context = context(true);
    let mut time = |tokens: usize| {
        let runs = [(); 3].map(|()| block_on(context.time(&vec![1; tokens], 0)).expect("timings"));
        runs.iter().map(|run| run.iter().map(|t| t.microseconds).sum::<f64>()).fold(f64::INFINITY, f64::min)
    };
    let (few, many) = (time(2), time(256));
    assert!(many > 2.0 * few, "2 tokens {few} us, 256 tokens {many} us");
}

#[test]
fn a_device_that_was_not_asked_for_timestamps_says_so() {
    let mut context = context(false);
    assert!(!context.model().gpu().has_timestamps());
    let error = block_on(context.time(&[1], 0)).expect_err("no clock");
    assert!(matches!(&error, Error::Unsupported { what, .. } if what.contains("timing")), "{error}");
    assert!(block_on(context.decode(1)).is_ok(), "the device is still good");
}

/// Runs the command in a folder of its own, and returns what it printed and what it recorded.
fn bench() -> (Value, Value) {
    let folder = std::env::temp_dir().join(format!("minke-bench-{}", std::process::id()));
    let records = folder.join("benches/records");
    std::fs::create_dir_all(&records).expect("a folder");
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_minke"))
        .args(["bench", "--json", "-p", "8", "-n", "2", "-r", "2", "--variants=down", "--record", "here"])
        .arg(common::vectors_dir().join(MODEL))
        .current_dir(&folder)
        .output()
        .expect("a run");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let printed = serde_json::from_slice(&run.stdout).expect("JSON");
    let files: Vec<PathBuf> =
        std::fs::read_dir(&records).expect("a folder").map(|file| file.expect("a file").path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let record: Value = serde_json::from_slice(&std::fs::read(file).expect("a record")).expect("JSON");
    std::fs::remove_dir_all(&folder).expect("removed");
    let date = record["date"].as_str().expect("a date");
    assert!(file.ends_with(format!("{}-here.json", &date[..10])), "{}", file.display());
    (printed, record)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn check_rows(rows: &Value, ceilings: &Value, dispatches: f64) {
    let rows = rows.as_array().expect("rows");
    let total: f64 = rows.iter().map(|row| number(&row["dispatches"])).sum();
    assert_eq!(total, dispatches);
    let names: std::collections::BTreeSet<_> = rows.iter().map(|row| row["kernel"].as_str()).collect();
    assert_eq!(names.len(), rows.len(), "a kernel has one row");
    for row in rows {
        for (percent, rate, ceiling) in [
            ("percent_of_bandwidth", "gb_s", "bandwidth_gb_s"),
            ("percent_of_fp32", "gflop_s", "fp32_gflop_s"),
        ] {
            let expected = 100.0 * number(&row[rate]) / number(&ceilings[ceiling]);
            assert!((number(&row[percent]) - expected).abs() <= 1e-9 * expected, "{percent} of {row}");
        }
        assert!(number(&row["microseconds"]) > 0.0 && number(&row["gb_s"]) > 0.0, "{row}");
    }
}

#[test]
fn the_report_has_ceilings_and_a_row_for_every_kernel() {
    let (report, record) = bench();
    let keys: Vec<_> = report.as_object().expect("an object").keys().collect();
    let before = ["adapter", "self_test", "n_prompt", "n_decode", "repetitions", "prefill_tokens_per_second"];
    assert_eq!(keys[..6], before);
    let after =
        ["decode_tokens_per_second", "per_decoded_token", "load_ms", "first_token_ms", "ceilings", "kernels"];
    assert_eq!(keys[6..], after);
    assert!(number(&report["load_ms"]) > 0.0 && number(&report["first_token_ms"]) > 0.0);
    let ceilings = report["ceilings"].as_object().expect("ceilings");
    assert!(ceilings.keys().eq(["bandwidth_gb_s", "fp32_gflop_s", "dispatch_gap_us"]));
    assert!(ceilings.values().all(|value| number(value).is_finite() && number(value) > 0.0), "{ceilings:?}");
    let kernels = &report["kernels"];
    check_rows(&kernels["decode"], &report["ceilings"], number(&report["per_decoded_token"]["dispatches"]));
    check_rows(&kernels["prefill"], &report["ceilings"], 9.0 * 3.0 + 1.0);
    let decode = kernels["decode"].as_array().expect("rows").iter().map(|row| row["kernel"].as_str());
    let expected = ["embed", "matvec qkv", "decode_attention", "matvec attn_output", "matvec gate_up"];
    assert!(decode.flatten().eq(expected.into_iter().chain([
        "matvec down",
        "matvec output",
        "best",
        "candidates",
        "sample"
    ])));

    // in each of three layers the matrix that was asked for: six ways to multiply by it for one token, two for a few and four
    // for many
    check_rows(&kernels["variants"], &report["ceilings"], 3.0 * (6.0 + 2.0 + 4.0));
    let variants =
        kernels["variants"].as_array().expect("rows").iter().filter_map(|row| row["kernel"].as_str());
    assert!(variants.clone().any(|kernel| kernel == "matvec down, 32 lanes x 4"));
    assert!(variants.clone().any(|kernel| kernel == "matvec down, 16 of 128 lanes x 2, bytes"));
    assert!(variants.clone().any(|kernel| kernel == "matmul_few down, registers"));

    for (key, value) in report.as_object().expect("an object") {
        assert_eq!(&record[key], value, "{key} of the record");
    }
    assert_eq!(record["model"], "qwen3-yarn4-untied.gguf");
    assert!(number(&record["machine"]["cores"]) >= 1.0);
}
