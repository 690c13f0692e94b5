//! `minke bench`.

use crate::Shared;
use crate::source::load;
use clap::Args;
use minke::gpu::Counters;
use minke::model::Model;
use minke::sampler::SamplingParams;
use minke::session::{Request, Session};
use minke::{Error, Result};
use serde_json::{Value, json};
use std::time::Instant;

/// Prefill and decode tokens per second (median, min, max) and what a decoded token costs the host
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
}

impl Bench {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        let (model, _) = load(&self.model, shared).await?;
        if self.p == 0 || self.n == 0 || self.r == 0 {
            return Err(Error::InvalidRequest {
                param: "-p, -n, -r".into(),
                problem: "must be at least 1".into(),
            });
        }
        // any ids do: the time does not depend on them
        let prompt: Vec<u32> = (0..self.p).map(|i| (i * 7919 % model.config.n_vocab) as u32).collect();
        let greedy = SamplingParams { temperature: 0.0, ..SamplingParams::default() };
        let mut session = Session::new(model);
        session.logits(&prompt[..1], &[0]).await?; // compiles and warms up
        let (mut prefill, mut decode) = (Vec::new(), Vec::new());
        let mut cost = Counters::default();
        for _ in 0..self.r {
            let start = Instant::now();
            session.logits(&prompt, &[self.p - 1]).await?;
            prefill.push(self.p as f64 / start.elapsed().as_secs_f64());
            let request =
                Request { prompt: &prompt, sampling: &greedy, entropy: 0, limit: self.n + 1, logits: false };
            let mut generation = session.generate(request, &|| false).await?;
            let before = generation.model().gpu().counters();
            generation.next().await?;
            let start = Instant::now();
            while generation.next().await?.is_some() {}
            decode.push(self.n as f64 / start.elapsed().as_secs_f64());
            cost = generation.model().gpu().counters() - before; // of all but the first token, which the prompt paid
        }
        let value = self.report(session.model(), &mut prefill, &mut decode, cost);
        shared.print(&value, || format!("{value:#}"));
        Ok(())
    }

    fn report(&self, model: &Model, prefill: &mut [f64], decode: &mut [f64], cost: Counters) -> Value {
        let per_token = |count: u64| count as f64 / self.n as f64;
        json!({
            "adapter": model.gpu().caps,
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
}

fn spread(samples: &mut [f64]) -> Value {
    samples.sort_by(f64::total_cmp);
    json!({ "median": samples[samples.len() / 2], "min": samples[0], "max": samples[samples.len() - 1] })
}
