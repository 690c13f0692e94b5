//! A model that answers: template, tokenizer, session, sampler and splitter put together.

use crate::chat::reasoning::{self, Delta, ReasoningSplitter};
use crate::chat::template::ChatTemplate;
use crate::gguf::Metadata;
use crate::model::Model;
use crate::sampler::{Sampler, SamplingParams};
use crate::session::Session;
use crate::tokenizer::{DecodeStream, Special, Tokenizer};
use crate::{Error, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// What the host knows and this crate cannot ask for in a browser.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The local time, for templates that print the date.
    pub now: jiff::civil::DateTime,
    /// Seeds the sampler when the request has no seed.
    pub entropy: u64,
}

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
    fn strings(&self) -> Vec<&str> {
        let all: Vec<&str> = match self {
            Self::None => Vec::new(),
            Self::One(one) => vec![one],
            Self::Any(all) => all.iter().map(String::as_str).collect(),
        };
        all.into_iter().filter(|s| !s.is_empty()).collect()
    }
}

/// A prompt ready to run.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Splits the reply; None where the prompt is not a chat.
    splitter: Option<bool>,
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// The model ended it, or a stop string did.
    Stop,
    /// `max_tokens` or the context did.
    Length,
}

/// A whole reply.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Completion {
    /// The prompt's ids.
    pub prompt_tokens: Vec<u32>,
    /// The generated ids, the end token included.
    pub tokens: Vec<u32>,
    /// The answer.
    pub text: String,
    /// What the model thought before it.
    pub reasoning: String,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// How many of `tokens` were reasoning.
    pub reasoning_tokens: usize,
    /// How many of `prompt_tokens` were still in the KV cache.
    pub cached_tokens: usize,
}

/// A model with its tokenizer and template.
#[derive(Debug)]
pub struct Engine {
    /// The timeline.
    pub session: Session,
    /// The vocabulary.
    pub tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
}

impl Engine {
    /// Puts a model together with what its metadata says of text.
    pub fn new(model: Model, text: TextParts) -> Self {
        Self { session: Session::new(model), tokenizer: text.tokenizer, template: text.template }
    }

    /// The prompt for a chat. Control tokens inside messages are only text; earlier reasoning is dropped.
    pub fn chat_prompt(
        &self,
        messages: &[Json],
        tools: Option<&Json>,
        now: jiff::civil::DateTime,
    ) -> Result<Prompt> {
        let template =
            self.template.as_ref().ok_or_else(|| Error::MetadataMissing { key: TEMPLATE.into() })?;
        let context = context(&self.tokenizer, messages, tools, true)?;
        let prompt = template.render(context, self.tokenizer.control_tokens(), now)?;
        let mut tokens = self.tokenizer.encode_marked(prompt.marked(), Special::Parse, prompt.mark)?;
        self.add_bos(&mut tokens);
        Ok(Prompt { tokens, splitter: Some(reasoning::opens(&prompt.text())) })
    }

    /// A text as it stands, special tokens recognised, nothing around it.
    pub fn raw_prompt(&self, text: &str) -> Result<Prompt> {
        let mut tokens = self.tokenizer.encode(text, Special::Parse)?;
        self.add_bos(&mut tokens);
        Ok(Prompt { tokens, splitter: None })
    }

    /// BOS in front where the model wants one and the template has not written it.
    fn add_bos(&self, tokens: &mut Vec<u32>) {
        if let Some(bos) = self.tokenizer.bos.filter(|_| self.tokenizer.add_bos)
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
    }

    /// Answers a chat request; see [`Engine::generate`].
    pub async fn chat(
        &mut self,
        request: &ChatRequest,
        moment: Moment,
        on_delta: &mut dyn FnMut(Delta),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Completion> {
        let prompt = self.chat_prompt(&request.messages, request.tools.as_ref(), moment.now)?;
        self.generate(prompt, &request.options, moment.entropy, on_delta, cancelled).await
    }

    /// Generates the reply to `prompt`. `on_delta` gets each piece of text as soon as it is sure; `cancelled`
    /// is asked between GPU submits and ends the work with [`Error::Aborted`].
    pub async fn generate(
        &mut self,
        prompt: Prompt,
        options: &GenerateOptions,
        entropy: u64,
        on_delta: &mut dyn FnMut(Delta),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Completion> {
        let mut sampler = Sampler::new(options.sampling.clone(), entropy)?;
        let n_ctx = self.session.model().n_ctx;
        if prompt.tokens.len() >= n_ctx {
            return Err(Error::ContextFull { needed: prompt.tokens.len() + 1, n_ctx });
        }
        let limit = options.max_tokens.unwrap_or(usize::MAX).clamp(1, n_ctx - prompt.tokens.len());
        let cached_tokens = self.session.common(&prompt.tokens);
        let mut logits = self.session.prefill(&prompt.tokens, cancelled).await?;
        let mut reply = Reply::new(prompt.splitter, options.stop.strings());
        let mut tokens = Vec::new();
        let finish_reason = loop {
            if cancelled() {
                return Err(Error::Aborted);
            }
            let token = sampler.sample(&mut logits)?;
            tokens.push(token);
            if self.tokenizer.is_end(token) {
                break FinishReason::Stop;
            }
            let bytes =
                if self.tokenizer.is_control(token) { Vec::new() } else { self.tokenizer.token_bytes(token) };
            reply.push(&bytes, on_delta);
            if reply.stopped {
                break FinishReason::Stop;
            }
            if tokens.len() == limit {
                break FinishReason::Length;
            }
            logits = self.session.decode(token).await?;
        };
        reply.finish(on_delta);
        Ok(Completion {
            prompt_tokens: prompt.tokens,
            tokens,
            text: reply.text,
            reasoning: reply.reasoning,
            finish_reason,
            reasoning_tokens: reply.reasoning_tokens,
            cached_tokens,
        })
    }
}

const TEMPLATE: &str = "tokenizer.chat_template";

/// Tokenizer and template of a model file.
#[derive(Debug)]
pub struct TextParts {
    /// The vocabulary.
    pub tokenizer: Tokenizer,
    /// The chat template, where the file has one.
    pub template: Option<ChatTemplate>,
}

impl TextParts {
    /// Reads both from the metadata.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self> {
        let template = metadata.str(TEMPLATE)?.map(ChatTemplate::new).transpose()?;
        Ok(Self { tokenizer: Tokenizer::from_metadata(metadata)?, template })
    }

    /// The prompt text that the template makes of a chat.
    pub fn render(
        &self,
        messages: &[Json],
        tools: Option<&Json>,
        add_generation_prompt: bool,
        now: jiff::civil::DateTime,
    ) -> Result<String> {
        let template =
            self.template.as_ref().ok_or_else(|| Error::MetadataMissing { key: TEMPLATE.into() })?;
        let context = context(&self.tokenizer, messages, tools, add_generation_prompt)?;
        Ok(template.render(context, self.tokenizer.control_tokens(), now)?.text())
    }
}

/// The template's variables.
fn context(
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

/// The reply as it grows.
struct Reply<'s> {
    bytes: DecodeStream,
    splitter: Option<ReasoningSplitter>,
    stop: Vec<&'s str>,
    /// Answer text that may be the start of a stop string.
    held: String,
    stopped: bool,
    text: String,
    reasoning: String,
    reasoning_tokens: usize,
}

impl<'s> Reply<'s> {
    fn new(splitter: Option<bool>, stop: Vec<&'s str>) -> Self {
        Self {
            bytes: DecodeStream::default(),
            splitter: splitter.map(ReasoningSplitter::new),
            stop,
            held: String::new(),
            stopped: false,
            text: String::new(),
            reasoning: String::new(),
            reasoning_tokens: 0,
        }
    }

    fn push(&mut self, bytes: &[u8], on_delta: &mut dyn FnMut(Delta)) {
        let text = self.bytes.push(bytes);
        let delta = match &mut self.splitter {
            Some(splitter) => {
                self.reasoning_tokens += usize::from(splitter.is_reasoning());
                splitter.push(&text)
            }
            None => Delta { content: text, ..Delta::default() },
        };
        self.give(delta, false, on_delta);
    }

    fn finish(&mut self, on_delta: &mut dyn FnMut(Delta)) {
        if self.stopped {
            return;
        }
        let text = self.bytes.finish();
        let mut delta = match &mut self.splitter {
            Some(splitter) => splitter.push(&text),
            None => Delta { content: text, ..Delta::default() },
        };
        if let Some(splitter) = &mut self.splitter {
            let rest = splitter.finish();
            delta.reasoning += &rest.reasoning;
            delta.content += &rest.content;
        }
        self.give(delta, true, on_delta);
    }

    /// Passes on what cannot belong to a stop string any more.
    fn give(&mut self, mut delta: Delta, last: bool, on_delta: &mut dyn FnMut(Delta)) {
        self.held += &delta.content;
        if let Some(at) = self.stop.iter().filter_map(|stop| self.held.find(stop)).min() {
            self.held.truncate(at);
            self.stopped = true;
        }
        let keep = if last || self.stopped { 0 } else { self.partial_stop() };
        let rest = self.held.split_off(self.held.len() - keep);
        delta.content = std::mem::replace(&mut self.held, rest);
        self.text += &delta.content;
        self.reasoning += &delta.reasoning;
        if !delta.is_empty() {
            on_delta(delta);
        }
    }

    /// Bytes at the end of `held` that a stop string may start with.
    fn partial_stop(&self) -> usize {
        let starts = |stop: &&str| {
            let prefixes = stop.char_indices().map(|(i, _)| i).skip(1);
            prefixes.filter(|n| self.held.ends_with(&stop[..*n])).max().unwrap_or(0)
        };
        self.stop.iter().map(starts).max().unwrap_or(0)
    }
}
