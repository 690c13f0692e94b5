//! A request in OpenAI's names.

use super::beginning::Beginning;
use super::messages::Chat;
use super::overflow::Overflow;
use super::reply::MAX_TOP_LOGPROBS;
use super::thinking::Thinking;
use crate::sampler::SamplingParams;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;

/// A request for a reply to messages.
#[derive(Clone, Debug, Default)]
pub struct ChatRequest {
    /// What the prompt is made of.
    pub chat: Chat,
    /// Whether tools are called, as the request has it; null if it does not say.
    pub tool_choice: Json,
    /// What to do where the messages do not fit the context.
    pub overflow: Overflow,
    /// How to generate.
    pub options: GenerateOptions,
}

/// A request for what follows a text.
#[derive(Clone, Debug, Default)]
pub struct CompletionRequest {
    /// The text.
    pub prompt: String,
    /// How to generate.
    pub options: GenerateOptions,
}

/// How to generate a reply.
#[derive(Clone, Debug, Default)]
pub struct GenerateOptions {
    /// How to sample.
    pub sampling: SamplingParams,
    /// Most tokens of the reply, reasoning included; what the context holds if None.
    pub max_tokens: Option<usize>,
    /// The answer ends before any of these (the reasoning does not), and the reply at a control token of this name.
    pub stop: Vec<String>,
    /// Whether to tell how likely each token was.
    pub logprobs: bool,
    /// How many of the likeliest tokens to name beside each.
    pub top_logprobs: usize,
    /// Whether and how long to think.
    pub thinking: Thinking,
    /// What the answer must be, as [`super::Compile`] takes it.
    pub format: Option<Json>,
    /// Whether the reply ends with the first call of a tool.
    pub one_call: bool,
    /// The caller's name for the conversation.
    pub cache_key: Option<String>,
}

/// Puts a field's value where it belongs; else what is wrong with it.
type Setter = fn(&mut ChatRequest, Json) -> std::result::Result<(), String>;

/// The fields that are read.
const FIELDS: &[(&str, Setter)] = &[
    ("messages", |r, v| set(&mut r.chat.messages, v)),
    ("tools", |r, v| set(&mut r.chat.tools, v)),
    ("tool_choice", |r, v| set(&mut r.tool_choice, v)),
    ("parallel_tool_calls", |r, v| {
        let mut parallel = true;
        set(&mut parallel, v)?;
        r.options.one_call = !parallel;
        Ok(())
    }),
    ("thinking", thinking),
    ("reasoning_effort", reasoning_effort),
    ("overflow", |r, v| set(&mut r.overflow, v)),
    ("prompt_cache_key", |r, v| set(&mut r.options.cache_key, v)),
    ("chat_template_kwargs", |r, v| set(&mut r.chat.chat_template_kwargs, v)),
    ("temperature", |r, v| set(&mut r.options.sampling.temperature, v)),
    ("top_k", |r, v| set(&mut r.options.sampling.top_k, v)),
    ("top_p", |r, v| set(&mut r.options.sampling.top_p, v)),
    ("min_p", |r, v| set(&mut r.options.sampling.min_p, v)),
    ("typical_p", |r, v| set(&mut r.options.sampling.typical_p, v)),
    ("repetition_penalty", |r, v| set(&mut r.options.sampling.repetition_penalty, v)),
    ("presence_penalty", |r, v| set(&mut r.options.sampling.presence_penalty, v)),
    ("frequency_penalty", |r, v| set(&mut r.options.sampling.frequency_penalty, v)),
    ("logit_bias", logit_bias),
    ("seed", seed),
    ("max_tokens", |r, v| set(&mut r.options.max_tokens, v)),
    ("max_completion_tokens", |r, v| set(&mut r.options.max_tokens, v)),
    ("stop", stop),
    ("logprobs", |r, v| set(&mut r.options.logprobs, v)),
    ("top_logprobs", |r, v| set(&mut r.options.top_logprobs, v)),
    ("n", |_, v| only(v, &1.into(), "only 1 reply can be made")),
    ("response_format", response_format),
    ("modalities", |_, v| only(v, &vec!["text"].into(), r#"only ["text"] is supported"#)),
];

/// Fields of OpenAI's API that change nothing here: there is one model, nobody else, and the usage is always told.
pub const WITHOUT_EFFECT: [&str; 9] = [
    "model",
    "metadata",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "user",
];

impl ChatRequest {
    /// Reads a request; what is null is not given. [`Error::InvalidRequest`] names a field that is not known, with the
    /// nearest that is, or whose value makes no sense.
    pub fn from_json(mut request: Map<String, Json>) -> Result<Self> {
        let mut read = Self::default();
        if request.get("tool_choice").is_some_and(|choice| choice == "none") {
            request.remove("tools"); // of what it does not know of, the model calls nothing
            request.remove("tool_choice");
        }
        let both = ["max_tokens", "max_completion_tokens"];
        if both.iter().all(|field| request.get(*field).is_some_and(|value| !value.is_null())) {
            return Err(invalid(both[1], "max_tokens is given too, and means the same".into()));
        }
        for (field, value) in request.into_iter().filter(|(_, value)| !value.is_null()) {
            match FIELDS.iter().find(|(name, _)| *name == field) {
                Some((_, set)) => set(&mut read, value).map_err(|problem| invalid(&field, problem))?,
                None if WITHOUT_EFFECT.contains(&field.as_str()) => {}
                None => return Err(unknown(&field)),
            }
        }
        read.chat.beginning = Beginning::take(&mut read.chat.messages)?;
        Ok(read)
    }
}

impl CompletionRequest {
    /// Reads a request, as [`ChatRequest::from_json`] does; `logprobs` is the number of alternatives here.
    pub fn from_json(mut request: Map<String, Json>) -> Result<Self> {
        if let Some(field) = OF_CHATS.iter().find(|field| request.get(**field).is_some_and(|v| !v.is_null()))
        {
            return Err(invalid(field, "only a chat has it, not the completion of a prompt".into()));
        }
        let prompt = match request.remove("prompt") {
            Some(Json::String(prompt)) => prompt,
            _ => return Err(invalid("prompt", "it must be a text".into())),
        };
        if let Some(top) = request.remove("logprobs").filter(|top| !top.is_null()) {
            request.insert("logprobs".into(), true.into());
            request.insert("top_logprobs".into(), top);
        }
        Ok(Self { prompt, options: ChatRequest::from_json(request)?.options })
    }
}

/// Fields that only chats have.
const OF_CHATS: [&str; 9] = [
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "chat_template_kwargs",
    "thinking",
    "reasoning_effort",
    "overflow",
    "top_logprobs",
];

fn invalid(param: &str, problem: String) -> Error {
    Error::InvalidRequest { param: param.into(), problem }
}

fn unknown(field: &str) -> Error {
    let letters = |name: &str| name.replace('_', "").to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&letters(name), &letters(field));
    let names = FIELDS.iter().map(|(name, _)| *name);
    let nearest = names.min_by_key(|name| distance(name)).filter(|name| 2 * distance(name) <= name.len());
    let hint = nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
    invalid(field, format!("there is no such field{hint}"))
}

fn set<T: DeserializeOwned>(field: &mut T, value: Json) -> std::result::Result<(), String> {
    *field = serde_json::from_value(value).map_err(|e| e.to_string())?;
    Ok(())
}

/// For what can have but one value.
fn only(value: Json, supported: &Json, problem: &str) -> std::result::Result<(), String> {
    if value == *supported { Ok(()) } else { Err(format!("{value} was asked for, but {problem}")) }
}

/// `{"type": "enabled" | "disabled", "budget_tokens": N}`, in Anthropic's and DeepSeek's names.
fn thinking(request: &mut ChatRequest, value: Json) -> std::result::Result<(), String> {
    let fields = value.as_object().ok_or("it must be an object with a type")?;
    if let Some(name) = fields.keys().find(|name| !["type", "budget_tokens"].contains(&name.as_str())) {
        return Err(format!("there is no {name} in it, only type and budget_tokens"));
    }
    let enabled = match value["type"].as_str() {
        Some("enabled") => true,
        Some("disabled") => false,
        _ => return Err(r#"its type must be "enabled" or "disabled""#.into()),
    };
    let budget: Option<usize> = match &value["budget_tokens"] {
        Json::Null => None,
        budget => Some(serde_json::from_value(budget.clone()).map_err(|e| format!("budget_tokens: {e}"))?),
    };
    let said = &mut request.options.thinking;
    *said = Thinking { enabled: Some(enabled), budget: budget.or(said.budget) };
    Ok(())
}

/// OpenAI's words as budgets; `high` and more are the model's own measure. Where `thinking` says something, that counts.
fn reasoning_effort(request: &mut ChatRequest, value: Json) -> std::result::Result<(), String> {
    let (enabled, budget) = match value.as_str() {
        Some("none") => (Some(false), None),
        Some("minimal") => (None, Some(512)),
        Some("low") => (None, Some(1024)),
        Some("medium") => (None, Some(4096)),
        Some("high" | "xhigh" | "max") => (None, None),
        _ => return Err(format!("{value} is not none, minimal, low, medium, high, xhigh or max")),
    };
    let said = &mut request.options.thinking;
    *said = Thinking { enabled: said.enabled.or(enabled), budget: said.budget.or(budget) };
    Ok(())
}

/// `text`, `json_object` and `json_schema` as OpenAI has them, and a `grammar` as its custom tools do.
fn response_format(request: &mut ChatRequest, value: Json) -> std::result::Result<(), String> {
    request.options.format = match value["type"].as_str() {
        Some("text") => None,
        Some("json_object") => Some(json!({ "json_object": true })),
        Some("json_schema") => match &value["json_schema"]["schema"] {
            schema @ (Json::Object(_) | Json::Bool(_)) => Some(json!({ "json_schema": schema })),
            _ => return Err("json_schema.schema must be a JSON schema".into()),
        },
        Some("grammar") => {
            let grammar = &value["grammar"];
            match (grammar["syntax"].as_str(), grammar["definition"].as_str()) {
                (Some(syntax @ ("lark" | "regex")), Some(text)) => Some(json!({ syntax: text })),
                _ => {
                    return Err(r#"grammar must be {"syntax": "lark" | "regex", "definition": "..."}"#.into());
                }
            }
        }
        _ => return Err(format!("{value} has no type text, json_object, json_schema or grammar")),
    };
    Ok(())
}

/// JSON has only strings as keys.
fn logit_bias(request: &mut ChatRequest, value: Json) -> std::result::Result<(), String> {
    let by_text: HashMap<String, f32> = serde_json::from_value(value).map_err(|e| e.to_string())?;
    let pair = |(id, bias): (String, f32)| match id.parse() {
        Ok(id) => Ok((id, bias)),
        Err(_) => Err(format!("{id:?} is no token id")),
    };
    request.options.sampling.logit_bias =
        by_text.into_iter().map(pair).collect::<std::result::Result<_, _>>()?;
    Ok(())
}

/// 64 bits of either sign. JavaScript's numbers above 2^53 come as floats.
fn seed(request: &mut ChatRequest, value: Json) -> std::result::Result<(), String> {
    let integer =
        |v: f64| (v.fract() == 0.0 && (-(2f64.powi(63))..2f64.powi(64)).contains(&v)).then_some(v as i128);
    let wide = value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
    let wide = wide.or(value.as_f64().and_then(integer));
    request.options.sampling.seed =
        Some(wide.ok_or_else(|| format!("{value} is no integer of 64 bits"))? as u64);
    Ok(())
}

/// One text or several. Empty ones would stop everything.
fn stop(request: &mut ChatRequest, value: Json) -> std::result::Result<(), String> {
    let all = if value.is_array() { value } else { vec![value].into() };
    let all: Vec<String> = serde_json::from_value(all).map_err(|_| "it must be a string, or several")?;
    request.options.stop = all.into_iter().filter(|text| !text.is_empty()).collect();
    Ok(())
}

impl GenerateOptions {
    /// [`Error::InvalidRequest`] names the first parameter that makes no sense.
    pub(super) fn check(&self) -> Result<()> {
        let (param, problem) = match self {
            Self { max_tokens: Some(0), .. } => ("max_tokens", "it must be at least 1".into()),
            Self { top_logprobs: n, .. } if *n > MAX_TOP_LOGPROBS => {
                ("top_logprobs", format!("{n} is more than {MAX_TOP_LOGPROBS}"))
            }
            Self { top_logprobs: 1.., logprobs: false, .. } => {
                ("top_logprobs", "it needs logprobs: true".into())
            }
            _ => return self.sampling.check(),
        };
        Err(invalid(param, problem))
    }

    /// Whether a token ends the reply, by itself or because the request names it.
    pub(super) fn end_at(&self, tokenizer: &Tokenizer, token: u32) -> bool {
        let text = tokenizer.token(token).unwrap_or_default();
        let is_named = tokenizer.is_control(token) && self.stop.iter().any(|stop| stop == text);
        tokenizer.is_end(token) || is_named
    }
}
