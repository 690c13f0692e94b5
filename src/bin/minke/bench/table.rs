//! Where a pass's time goes, kernel by kernel.

use super::calibrate::{Ceilings, per_nanosecond};
use minke::Result;
use minke::model::{Model, Timing};
use serde::Serialize;

/// The dispatches of one label, whatever the layer: together they read more than a cache holds.
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
    model: &mut Model,
    tokens: &[u32],
    pos: usize,
    repetitions: usize,
    ceilings: &Ceilings,
) -> Result<Vec<Row>> {
    model.time(tokens, pos).await?; // compiles and warms up
    let mut timings = Vec::new();
    for _ in 0..repetitions {
        timings.push(model.time(tokens, pos).await?);
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
    let microseconds = total(median);
    let gb_s = per_nanosecond(median.iter().map(|t| t.bytes).sum(), microseconds);
    let gflop_s = per_nanosecond(median.iter().map(|t| t.flops).sum(), microseconds);
    Row {
        kernel: label.into(),
        dispatches: median.len(),
        microseconds,
        gb_s,
        gflop_s,
        percent_of_bandwidth: ceilings.percent_of_bandwidth(gb_s),
        percent_of_fp32: ceilings.percent_of_fp32(gflop_s),
    }
}

/// The rows in columns, under a title.
pub fn text(title: &str, rows: &[Row]) -> String {
    let mut text = format!(
        "\n{title:<22} {:>10} {:>12} {:>9} {:>9} {:>10} {:>9}\n",
        "dispatches", "microseconds", "GB/s", "% of most", "GFLOP/s", "% of most"
    );
    for row in rows {
        text += &format!(
            "{:<22} {:>10} {:>12.1} {:>9.2} {:>9.1} {:>10.2} {:>9.1}\n",
            row.kernel,
            row.dispatches,
            row.microseconds,
            row.gb_s,
            row.percent_of_bandwidth,
            row.gflop_s,
            row.percent_of_fp32
        );
    }
    text
}
