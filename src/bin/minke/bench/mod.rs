//! `minke bench`.

mod calibrate;
mod table;
mod variants;

use crate::Shared;
use crate::source::{file_error, load};
use calibrate::Ceilings;
use clap::Args;
use minke::context::{Context, Request};
use minke::gpu::{Counters, GpuOptions};
use minke::model::{MAX_BATCH, Model};
use minke::sampler::SamplingParams;
use minke::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Instant, UNIX_EPOCH};
use table::Row;

/// Prefill and decode tokens per second (median, min, max), what a decoded token costs the host, and where the time of
/// either goes, kernel by kernel
#[derive(Args)]
pub struct Bench {
    model: String,
    /// Prompt tokens
    #[arg(short, default_value_t = 512)]
    p: usize,
    /// Decoded tokens
    #[arg(short, default_value_t = 128)]
    n: usize,
    /// Repetitions
    #[arg(short, default_value_t = 5)]
    r: usize,
    /// Also time each way that a matvec, a matmul or attention can go on this device; with =TEXT those whose label has it,
    /// such as `down` or `attention`
    #[arg(long, value_name = "TEXT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    variants: Option<String>,
    /// Keep the numbers in benches/records/DATE-NAME.json
    #[arg(long, value_name = "NAME")]
    record: Option<String>,
}

/// Tokens of the prompt before the first token, whose time after the file's last byte is told.
const FIRST_PROMPT: usize = 16;

/// Where the GPU's time goes.
#[derive(Serialize)]
struct Kernels {
    /// Of the token after the prompt, its choice included.
    decode: Vec<Row>,
    /// Of the prompt's last [`MAX_BATCH`] tokens, through the layers.
    prefill: Vec<Row>,
    /// Each way that kernels can go, if that was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    variants: Option<Vec<Row>>,
}

impl Bench {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        if self.p == 0 || self.n == 0 || self.r == 0 {
            return Err(Error::InvalidRequest {
                param: "-p, -n, -r".into(),
                problem: "must be at least 1".into(),
            });
        }
        let machine = machine();
        let options = GpuOptions { timestamps: true, ..shared.gpu() };
        let start = Instant::now();
        let (model, (), last_byte) = load(&self.model, &options, shared, |_| Ok(())).await?;
        let load = start.elapsed();
        let mut context = Context::new(&model).await?;
        // any ids do: the time does not depend on them
        let prompt: Vec<u32> = (0..self.p).map(|i| (i * 7919 % model.config.n_vocab) as u32).collect();
        let sampling = greedy();
        let first =
            Request { prompt: &prompt[..self.p.min(FIRST_PROMPT)], limit: 1, ..request(&prompt, &sampling) };
        context.generate(first, &|| false).await?.next().await?;
        let first_token = last_byte.elapsed();
        let timed = match model.gpu().has_timestamps() {
            true => Some(self.time(&mut context, &prompt).await?),
            false => None,
        };
        let (ceilings, kernels) = timed.unzip();
        let mut report = self.speeds(&mut context, &prompt).await?;
        report["load_ms"] = json!(load.as_millis());
        report["first_token_ms"] = json!(first_token.as_millis());
        report["ceilings"] = json!(ceilings);
        report["kernels"] = json!(kernels);
        if let Some(name) = &self.record {
            self.write_record(name, &machine, &report)?;
        }
        shared.print(&report, || words(report.clone(), kernels));
        Ok(())
    }

    async fn time(&self, context: &mut Context, prompt: &[u32]) -> Result<(Ceilings, Kernels)> {
        let ceilings = Ceilings::measure(context.model().gpu()).await?;
        let first = self.p.saturating_sub(MAX_BATCH);
        let prefill = table::measure(context, &prompt[first..], first, self.r, &ceilings).await?;
        let decode = table::measure(context, &prompt[..1], self.p, self.r, &ceilings).await?;
        let variants = match &self.variants {
            Some(text) => Some(variants::measure(context.model(), text, self.p, self.r, &ceilings).await?),
            None => None,
        };
        Ok((ceilings, Kernels { decode, prefill, variants }))
    }

    async fn speeds(&self, context: &mut Context, prompt: &[u32]) -> Result<Value> {
        context.logits(&prompt[..1], &[0]).await?; // compiles and warms up
        let (mut prefill, mut decode) = (Vec::new(), Vec::new());
        let mut cost = Counters::default();
        for _ in 0..self.r {
            let start = Instant::now();
            context.logits(prompt, &[self.p - 1]).await?;
            prefill.push(self.p as f64 / start.elapsed().as_secs_f64());
            let sampling = greedy();
            let wanted = Request { limit: self.n + 1, ..request(prompt, &sampling) };
            let mut generation = context.generate(wanted, &|| false).await?;
            let before = generation.context().model().gpu().counters();
            generation.next().await?;
            let start = Instant::now();
            while generation.next().await?.is_some() {}
            decode.push(self.n as f64 / start.elapsed().as_secs_f64());
            cost = generation.context().model().gpu().counters() - before; // of all but the first token, which the prompt paid
        }
        Ok(self.report(context.model(), &mut prefill, &mut decode, cost))
    }

    fn report(&self, model: &Model, prefill: &mut [f64], decode: &mut [f64], cost: Counters) -> Value {
        let per_token = |count: u64| count as f64 / self.n as f64;
        json!({
            "adapter": model.gpu().caps(),
            "self_test": model.self_test,
            "n_prompt": self.p,
            "n_decode": self.n,
            "repetitions": self.r,
            "prefill_tokens_per_second": spread(prefill),
            "decode_tokens_per_second": spread(decode),
            "per_decoded_token": {
                "dispatches": per_token(cost.dispatches),
                "passes": per_token(cost.passes),
                "submits": per_token(cost.submits),
                "buffer_writes": per_token(cost.buffer_writes),
                "bind_groups": per_token(cost.bind_groups),
                "buffers": per_token(cost.buffers),
                "maps": per_token(cost.maps),
                "weight_bytes": model.bytes_per_token(),
            },
        })
    }

    /// Writes what a reader needs to judge the numbers, and the numbers.
    fn write_record(&self, name: &str, machine: &Value, report: &Value) -> Result<()> {
        let seconds = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        let date = jiff::Timestamp::from_second(seconds as i64).unwrap_or_default();
        let path = format!("benches/records/{}-{name}.json", date.strftime("%Y-%m-%d"));
        let mut facts = json!({
            "date": date.to_string(),
            "machine": machine,
            "model": Path::new(&self.model).file_name().map(|name| name.to_string_lossy()),
        });
        for (key, value) in report.as_object().into_iter().flatten() {
            facts[key] = value.clone();
        }
        std::fs::write(&path, format!("{facts:#}\n")).map_err(|e| file_error(&path, &e))?;
        eprintln!("{path}");
        Ok(())
    }
}

/// The processor, and how busy it was before; what the system has no file for stays null.
fn machine() -> Value {
    let [info, load] =
        ["/proc/cpuinfo", "/proc/loadavg"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let cpu = info.lines().find_map(|line| line.strip_prefix("model name"));
    json!({
        "cores": std::thread::available_parallelism().ok(),
        "cpu": cpu.map(|name| name.trim_start_matches([' ', '\t', ':'])),
        "loadBefore": load.split(' ').next().and_then(|minute| minute.parse::<f64>().ok()),
    })
}

fn request<'r>(prompt: &'r [u32], sampling: &'r SamplingParams) -> Request<'r> {
    Request { prompt, reply: &[], sampling, entropy: 0, limit: 1, logits: false, masked: false }
}

fn greedy() -> SamplingParams {
    SamplingParams { temperature: 0.0, ..SamplingParams::default() }
}

/// The report for people: tables instead of JSON where there are any.
fn words(mut report: Value, kernels: Option<Kernels>) -> String {
    let tables = match kernels {
        Some(Kernels { decode, prefill, variants }) => {
            let tables = [("decode", Some(decode)), ("prefill", Some(prefill)), ("variants", variants)];
            let texts = tables.into_iter().filter_map(|(title, rows)| Some(table::text(title, &rows?)));
            texts.collect::<Vec<_>>().join("\n")
        }
        None => "no table of kernels: the adapter has no timestamp queries".into(),
    };
    report.as_object_mut().map(|report| report.remove("kernels"));
    format!("{report:#}\n\n{tables}")
}

fn spread(samples: &mut [f64]) -> Value {
    samples.sort_by(f64::total_cmp);
    json!({ "median": samples[samples.len() / 2], "min": samples[0], "max": samples[samples.len() - 1] })
}
