//! A request, and what the template sees of it.

use super::reply::MAX_TOP_LOGPROBS;
use crate::sampler::SamplingParams;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// A chat completion request in OpenAI's names.
#[derive(Clone, Debug, Deserialize)]
pub struct ChatRequest {
    /// `{role, content, ...}` each.
    pub messages: Vec<Json>,
    /// Tools for the template.
    #[serde(default)]
    pub tools: Option<Json>,
    /// How to generate.
    #[serde(flatten)]
    pub options: GenerateOptions,
}

/// How to generate a reply.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct GenerateOptions {
    /// How to sample.
    #[serde(flatten)]
    pub sampling: SamplingParams,
    /// Most tokens of the reply, reasoning included; what the context holds if None.
    #[serde(default, alias = "max_completion_tokens")]
    pub max_tokens: Option<usize>,
    /// The answer ends before any of these (the reasoning does not).
    #[serde(default)]
    pub stop: Stop,
    /// Whether to tell how likely each token was.
    #[serde(default)]
    pub logprobs: bool,
    /// How many of the likeliest tokens to name beside each.
    #[serde(default)]
    pub top_logprobs: usize,
    /// How many replies: only 1 can be made.
    #[serde(default)]
    pub n: Option<usize>,
    /// What the reply is held to: only `{"type": "text"}`, which is nothing.
    #[serde(default)]
    pub response_format: Option<Json>,
}

impl GenerateOptions {
    /// [`Error::InvalidRequest`] names the first parameter that makes no sense, or asks for what is not done here.
    pub(super) fn check(&self) -> Result<()> {
        let (param, problem) = match self {
            Self { max_tokens: Some(0), .. } => ("max_tokens", "it must be at least 1".into()),
            Self { n: Some(n), .. } if *n != 1 => ("n", format!("it is {n}, but only 1 reply can be made")),
            Self { response_format: Some(format), .. } if format["type"] != "text" => {
                ("response_format", format!(r#"{format} is not supported, only {{"type":"text"}} is"#))
            }
            Self { top_logprobs: n, .. } if *n > MAX_TOP_LOGPROBS => {
                ("top_logprobs", format!("{n} is more than {MAX_TOP_LOGPROBS}"))
            }
            Self { top_logprobs: 1.., logprobs: false, .. } => {
                ("top_logprobs", "it needs logprobs: true".into())
            }
            _ => return self.sampling.check(),
        };
        Err(Error::InvalidRequest { param: param.into(), problem })
    }
}

/// One string or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum Stop {
    /// None.
    #[default]
    None,
    /// One.
    One(String),
    /// Any of several.
    Any(Vec<String>),
}

impl Stop {
    /// All of them, without empty ones, which would stop everything.
    pub(super) fn strings(&self) -> Vec<&str> {
        let all: Vec<&str> = match self {
            Self::None => Vec::new(),
            Self::One(one) => vec![one],
            Self::Any(all) => all.iter().map(String::as_str).collect(),
        };
        all.into_iter().filter(|s| !s.is_empty()).collect()
    }
}

/// The template's variables.
pub(super) fn context(
    tokenizer: &Tokenizer,
    messages: &[Json],
    tools: Option<&Json>,
    add_generation_prompt: bool,
) -> Result<Json> {
    let token = |id: Option<u32>| id.and_then(|id| tokenizer.token(id)).unwrap_or_default();
    let messages: Result<Vec<Json>> = messages.iter().map(message).collect();
    let mut context = json!({
        "messages": messages?,
        "add_generation_prompt": add_generation_prompt,
        "bos_token": token(tokenizer.bos),
        "eos_token": token(tokenizer.eos),
    });
    if let Some(tools) = tools {
        context["tools"] = tools.clone();
    }
    Ok(context)
}

/// A message without earlier reasoning, its content parts joined to one text.
fn message(message: &Json) -> Result<Json> {
    let invalid = |problem: &str| Error::InvalidRequest { param: "messages".into(), problem: problem.into() };
    let mut message = message.as_object().ok_or_else(|| invalid("each must be an object"))?.clone();
    if !message.get("role").is_some_and(Json::is_string) {
        return Err(invalid("each needs a role"));
    }
    message.remove("reasoning_content");
    if let Some(Json::Array(parts)) = message.get("content") {
        let text = |part: &Json| part.get("text").and_then(Json::as_str).map(String::from);
        let texts: Option<String> = parts.iter().map(text).collect();
        let texts =
            texts.ok_or_else(|| invalid("only text can be read, no images or other content parts"))?;
        message.insert("content".into(), texts.into());
    }
    Ok(message.into())
}
