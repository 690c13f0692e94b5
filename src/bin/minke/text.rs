//! `minke tokenize` and `minke render`.

use crate::source::{json_file, read_header};
use crate::{Shared, print};
use clap::Args;
use minke::engine::{Chat, TextParts};
use minke::tokenizer::{Special, Tokenizer};
use minke::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

/// Reads a JSON array on stdin: of strings, or with --decode of arrays of ids
#[derive(Args)]
pub struct Tokenize {
    model: String,
    /// Recognise control tokens in the strings
    #[arg(long)]
    special: bool,
    /// From ids to strings
    #[arg(long)]
    decode: bool,
}

impl Tokenize {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        let (header, _) = read_header(&self.model, shared).await?;
        let tokenizer = Tokenizer::from_metadata(&header.metadata)?;
        let input = std::io::read_to_string(std::io::stdin())
            .map_err(|e| Error::File { path: "stdin".into(), cause: e.to_string() })?;
        let wrong =
            |e: serde_json::Error| Error::InvalidRequest { param: "stdin".into(), problem: e.to_string() };
        if self.decode {
            let all: Vec<Vec<u32>> = serde_json::from_str(&input).map_err(wrong)?;
            let texts: Vec<String> = all.iter().map(|ids| tokenizer.decode(ids)).collect();
            print(format_args!("{}\n", json!(texts)));
            return Ok(());
        }
        let texts: Vec<String> = serde_json::from_str(&input).map_err(wrong)?;
        let special = if self.special { Special::Parse } else { Special::Text };
        let ids: Result<Vec<Vec<u32>>> = texts.iter().map(|text| tokenizer.encode(text, special)).collect();
        print(format_args!("{}\n", json!(ids?)));
        Ok(())
    }
}

/// Prints {"prompt": "..."}
#[derive(Args)]
pub struct Render {
    model: String,
    /// A JSON file with an array of messages, or an object that has it as `messages`
    #[arg(long, value_name = "FILE")]
    messages: String,
    /// A JSON file with an array of tools
    #[arg(long, value_name = "FILE")]
    tools: Option<String>,
    /// Leave out the start of the reply
    #[arg(long)]
    no_generation_prompt: bool,
}

impl Render {
    pub async fn run(&self, shared: &Shared) -> Result<()> {
        let (header, _) = read_header(&self.model, shared).await?;
        let text = TextParts::from_metadata(&header.metadata)?;
        let tools: Option<Vec<Value>> = self.tools.as_deref().map(json_file).transpose()?;
        let chat = Chat { tools: tools.unwrap_or_default(), ..Chat::of(messages(&self.messages)?)? };
        let prompt = text.render(&chat, !self.no_generation_prompt, moment().now)?;
        print(format_args!("{}\n", json!({ "prompt": prompt })));
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Messages {
    Array(Vec<Value>),
    Object { messages: Vec<Value> },
}

/// The messages of a JSON file.
pub fn messages(path: &str) -> Result<Vec<Value>> {
    Ok(match json_file(path)? {
        Messages::Array(messages) | Messages::Object { messages } => messages,
    })
}

/// When something is asked.
pub struct Moment {
    pub now: jiff::civil::DateTime,
    /// Another one each time.
    pub entropy: u64,
}

/// The time, UTC, and a seed from it.
pub fn moment() -> Moment {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let timestamp = jiff::Timestamp::from_second(since.as_secs() as i64).unwrap_or_default();
    Moment { now: jiff::tz::Offset::UTC.to_datetime(timestamp), entropy: since.as_nanos() as u64 }
}
