//! Where a pass's time goes, kernel by kernel.

use super::calibrate::{Ceilings, per_nanosecond};
use minke::Result;
use minke::context::{Context, Timing};
use serde::Serialize;

/// The dispatches of one label, or of one way, whatever the layer: together they read more than a cache holds.
#[derive(Debug, Serialize)]
pub struct Row {
    kernel: String,
    dispatches: usize,
    /// Of all of them, the median of the repetitions.
    microseconds: f64,
    gb_s: f64,
    gflop_s: f64,
    percent_of_bandwidth: f64,
    percent_of_fp32: f64,
}

/// The table of a batch at `pos`, in the order in which its kernels first run.
pub async fn measure(
    context: &mut Context,
    tokens: &[u32],
    pos: usize,
    repetitions: usize,
    ceilings: &Ceilings,
) -> Result<Vec<Row>> {
    context.time(tokens, pos).await?; // compiles and warms up
    let mut timings = Vec::new();
    for _ in 0..repetitions {
        timings.push(context.time(tokens, pos).await?);
    }
    let mut labels: Vec<&str> = Vec::new();
    for timing in timings.iter().flatten() {
        if !labels.contains(&timing.label.as_str()) {
            labels.push(&timing.label);
        }
    }
    Ok(labels.into_iter().map(|label| row(label, &timings, ceilings)).collect())
}

fn row(label: &str, repetitions: &[Vec<Timing>], ceilings: &Ceilings) -> Row {
    let of_label =
        |timings: &[Timing]| timings.iter().filter(|t| t.label == label).cloned().collect::<Vec<_>>();
    let mut runs: Vec<_> = repetitions.iter().map(|timings| of_label(timings)).collect();
    let total = |run: &[Timing]| run.iter().map(|t| t.microseconds).sum::<f64>();
    runs.sort_by(|a, b| total(a).total_cmp(&total(b)));
    let median = &runs[runs.len() / 2];
    let work = median.iter().fold((0, 0), |(bytes, flops), t| (bytes + t.bytes, flops + t.flops));
    Row::new(label.into(), median.len(), total(median), work, ceilings)
}

impl Row {
    /// Of so many dispatches, which together took so long for so many bytes and operations.
    pub fn new(
        kernel: String,
        dispatches: usize,
        microseconds: f64,
        (bytes, flops): (u64, u64),
        ceilings: &Ceilings,
    ) -> Self {
        let [gb_s, gflop_s] = [bytes, flops].map(|amount| per_nanosecond(amount, microseconds));
        Self {
            kernel,
            dispatches,
            microseconds,
            gb_s,
            gflop_s,
            percent_of_bandwidth: ceilings.percent_of_bandwidth(gb_s),
            percent_of_fp32: ceilings.percent_of_fp32(gflop_s),
        }
    }
}

/// The rows in columns, under a title.
pub fn text(title: &str, rows: &[Row]) -> String {
    let line = |name: &str, cells: [String; 6]| {
        let [dispatches, time, gb_s, of_bandwidth, gflop_s, of_fp32] = cells;
        format!("{name:<36}{dispatches:>11}{time:>11}{gb_s:>9}{of_bandwidth:>16}{gflop_s:>10}{of_fp32:>11}\n")
    };
    let head = ["dispatches", "us", "GB/s", "% of bandwidth", "GFLOP/s", "% of fp32"];
    let mut text = line(title, head.map(String::from));
    for row in rows {
        let rates = [row.gb_s, row.percent_of_bandwidth, row.gflop_s, row.percent_of_fp32];
        let [gb_s, of_bandwidth, gflop_s, of_fp32] = rates.map(|rate| format!("{rate:.2}"));
        let (dispatches, time) = (row.dispatches.to_string(), format!("{:.1}", row.microseconds));
        text += &line(&row.kernel, [dispatches, time, gb_s, of_bandwidth, gflop_s, of_fp32]);
    }
    text
}
