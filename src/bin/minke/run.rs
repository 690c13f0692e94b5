//! `minke logits` and `minke run`.

use crate::source::{json_file, load, load_engine};
use crate::text::{messages, moment};
use crate::{Shared, print};
use clap::Args;
use minke::context::Context;
use minke::engine::{Chat, Control, Delta, GenerateOptions, Thinking};
use minke::sampler::SamplingParams;
use minke::{Error, Result};
use serde_json::json;

/// Prints {"positions": [...], "logits": [[...]]}
#[derive(Args)]
pub struct Logits {
    model: String,
    /// A JSON file with an array of token ids
    #[arg(long, value_name = "FILE")]
    tokens: String,
    /// After which tokens: positions from 0, separated by commas, `last`, or `all`
    #[arg(long, default_value = "last")]
    positions: String,
}

impl Logits {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        let tokens: Vec<u32> = json_file(&self.tokens)?;
        let positions = self.positions(tokens.len())?;
        let (model, ..) = load(&self.model, &shared.gpu(), shared, |_| Ok(())).await?;
        let mut context = Context::new(&model).await?;
        let logits = context.logits(&tokens, &positions).await?;
        print(format_args!("{}\n", json!({ "positions": positions, "logits": logits })));
        Ok(())
    }

    /// Ascending, without repeats.
    fn positions(&self, n: usize) -> Result<Vec<usize>> {
        let invalid = |problem: String| Error::InvalidRequest { param: "--positions".into(), problem };
        if n == 0 {
            return Err(Error::InvalidRequest { param: "--tokens".into(), problem: "there are none".into() });
        }
        if self.positions == "all" {
            return Ok((0..n).collect());
        }
        let mut positions = Vec::new();
        for word in self.positions.split(',') {
            let position = match word.trim() {
                "last" => n - 1,
                word => word.parse().map_err(|_| invalid(format!("{word:?} is no position")))?,
            };
            if position >= n {
                return Err(invalid(format!("{position} is beyond the {n} tokens")));
            }
            positions.push(position);
        }
        positions.sort_unstable();
        positions.dedup();
        Ok(positions)
    }
}

/// Generates a reply, streamed as text; with --json one document at the end
#[derive(Args)]
pub struct Run {
    model: String,
    /// What the person says
    #[arg(long, value_name = "TEXT", required_unless_present = "messages", conflicts_with = "messages")]
    prompt: Option<String>,
    /// A JSON file with an array of messages
    #[arg(long, value_name = "FILE")]
    messages: Option<String>,
    /// Take the prompt as it is, without the chat template
    #[arg(long, requires = "prompt")]
    raw: bool,
    /// Most tokens to generate
    #[arg(short, value_name = "N")]
    n: Option<usize>,
    #[command(flatten)]
    sampling: Sampling,
}

/// Sampling flags; the defaults are the library's.
#[derive(Args)]
struct Sampling {
    /// 0 is greedy
    #[arg(long)]
    temperature: Option<f32>,
    /// Keep the k likeliest tokens; 0 keeps all
    #[arg(long)]
    top_k: Option<usize>,
    /// Keep the fewest likeliest tokens whose probabilities reach this sum; 1 keeps all
    #[arg(long)]
    top_p: Option<f32>,
    /// Keep tokens at least this likely, relative to the likeliest; 0 keeps all
    #[arg(long)]
    min_p: Option<f32>,
    /// Keep tokens of typical surprise up to this sum of probabilities; 1 keeps all
    #[arg(long)]
    typical_p: Option<f32>,
    /// Divide the logits of tokens that the reply already has; 1 is off
    #[arg(long)]
    repetition_penalty: Option<f32>,
    /// Subtract this from the logits of tokens that the reply already has
    #[arg(long, allow_negative_numbers = true)]
    presence_penalty: Option<f32>,
    /// Subtract this from a token's logit for every time the reply has it
    #[arg(long, allow_negative_numbers = true)]
    frequency_penalty: Option<f32>,
    /// For the same reply each time: 64 bits, of either sign
    #[arg(long, allow_negative_numbers = true, value_parser = seed)]
    seed: Option<u64>,
    /// End the answer before this text; may be given several times
    #[arg(long)]
    stop: Vec<String>,
}

fn seed(text: &str) -> std::result::Result<u64, String> {
    let signed = text.parse::<i64>().map(i64::cast_unsigned);
    text.parse().or(signed).map_err(|_| format!("{text} is no integer of 64 bits"))
}

impl Sampling {
    fn options(&self, max_tokens: Option<usize>) -> GenerateOptions {
        let default = SamplingParams::default();
        let sampling = SamplingParams {
            temperature: self.temperature.unwrap_or(default.temperature),
            top_k: self.top_k.unwrap_or(default.top_k),
            top_p: self.top_p.unwrap_or(default.top_p),
            min_p: self.min_p.unwrap_or(default.min_p),
            typical_p: self.typical_p.unwrap_or(default.typical_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(default.repetition_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(default.presence_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(default.frequency_penalty),
            seed: self.seed,
            ..default
        };
        GenerateOptions { sampling, max_tokens, stop: self.stop.clone(), ..Default::default() }
    }
}

impl Run {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        let messages = match (&self.messages, &self.prompt) {
            (Some(path), _) => messages(path)?,
            (None, text) => vec![json!({ "role": "user", "content": text })],
        };
        let engine = load_engine(&self.model, shared).await?;
        let moment = moment();
        let prompt = match (&self.prompt, self.raw) {
            (Some(text), true) => engine.raw_prompt(text)?,
            _ => engine.chat_prompt(&Chat::of(messages)?, Thinking::default(), moment.now)?,
        };
        let options = self.sampling.options(self.n);
        let mut show = |delta: Delta| {
            if !shared.json {
                print(format_args!("{}{}", delta.reasoning, delta.content));
            }
        };
        let done = engine.generate(prompt, &options, Control::new(moment.entropy), &mut show).await?;
        let value = json!({
            "prompt_tokens": done.prompt_tokens,
            "tokens": done.tokens,
            "text": done.text,
            "reasoning": done.reasoning,
            "finish_reason": done.finish_reason,
        });
        shared.print(&value, String::new);
        Ok(())
    }
}
