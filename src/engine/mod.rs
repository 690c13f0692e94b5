//! A model that answers: template, tokenizer, conversations, sampler and splitter put together.

mod beginning;
mod constraint;
mod conversations;
mod generate;
mod messages;
mod overflow;
mod pooling;
mod prompt;
mod reply;
mod request;
mod thinking;

pub use beginning::Beginning;
pub use constraint::{Compile, Constraint};
pub use conversations::{Conversations, Lease};
pub use generate::Control;
pub use messages::Chat;
pub use overflow::{Overflow, Turns};
pub use pooling::Pooling;
pub use prompt::{Prompt, TextParts};
pub use reply::{Call, Delta, FinishReason, Logprobs, OnDelta, Reply, TokenLogprob};
pub use request::{ChatRequest, CompletionRequest, GenerateOptions, WITHOUT_EFFECT};
pub use thinking::{ReasoningFinish, Thinking, goes_in_circles};

use crate::chat::reasoning::Tag;
use crate::chat::template::ChatTemplate;
use crate::chat::tools::{self, CallParser, Choice, Convention, Tool};
use crate::context::{self, Context};
use crate::model::Model;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};
use generate::Run;
use jiff::civil::DateTime;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::rc::Rc;

/// A whole reply.
#[derive(Clone, Debug, Serialize)]
pub struct Completion {
    /// The prompt's ids.
    pub prompt_tokens: Vec<u32>,
    /// The reply's ids, the end token included.
    pub tokens: Vec<u32>,
    /// The answer.
    pub text: String,
    /// What the model thought before it.
    pub reasoning: String,
    /// The tools that it calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Why the thinking ended; None where there was none, or it did not.
    pub reasoning_finish: Option<ReasoningFinish>,
    /// How many of `tokens` were reasoning.
    pub reasoning_tokens: usize,
    /// How many of `prompt_tokens` were still in the KV cache.
    pub cached_tokens: usize,
    /// Of the tokens that made text, where the request asked for it.
    #[serde(skip_serializing_if = "Logprobs::is_empty")]
    pub logprobs: Logprobs,
    /// How long it took.
    pub timings: Timings,
}

/// How long a reply took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Timings {
    /// Milliseconds to the first token; None where there was none.
    pub time_to_first_token_ms: Option<f64>,
    /// Of those tokens that the cache did not have.
    pub prefill_tokens_per_second: Option<f64>,
    /// Of those after the first.
    pub decode_tokens_per_second: Option<f64>,
}

/// A model with its tokenizer and template.
pub struct Engine {
    /// Those that are idle.
    pub conversations: Conversations,
    /// The vocabulary.
    pub tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    /// The tags that the vocabulary has as tokens.
    tags: Vec<Tag>,
    compile: Option<Box<Compile>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("conversations", &self.conversations).finish_non_exhaustive()
    }
}

impl Engine {
    /// Puts a model together with what its metadata says of text. [`Error::OutOfMemory`] where the device has no memory
    /// for a context.
    pub async fn new(model: &Rc<Model>, text: TextParts) -> Result<Self> {
        let conversations = Conversations::new(model).await?;
        let TextParts { tokenizer, template } = text;
        let mut tags = vec![Tag::Open, Tag::Close];
        tags.retain(|tag| tokenizer.id(tag.text()).is_some());
        Ok(Self { conversations, tokenizer, template, tags, compile: None })
    }

    /// Says how grammars are made; without, a request for an answer in a form is refused.
    pub fn with_grammars(self, compile: Box<Compile>) -> Self {
        Self { compile: Some(compile), ..self }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        self.conversations.model()
    }

    /// Answers a chat request; see [`Engine::generate`]. `now` is the local time, for templates that print the date.
    pub async fn chat(
        &self,
        request: &ChatRequest,
        now: DateTime,
        control: Control<'_>,
        on_delta: &mut OnDelta<'_>,
    ) -> Result<Completion> {
        let prompt = self.fitting_prompt(request, now)?;
        let tools = Tool::read_all(&request.chat.tools)?;
        let convention = self.convention().filter(|_| !tools.is_empty());
        let mut options = request.options.clone();
        let choice = match &request.tool_choice {
            Json::Null => Choice::Auto,
            choice => Choice::read(choice, &tools)?,
        };
        if let Some(form) = self.form_of_calls(convention, &tools, &choice, &options)? {
            options.format = Some(form);
        }
        if options.format.is_some() && !request.chat.beginning.content.is_empty() {
            let param = format!("messages[{}].prefix", request.chat.messages.len());
            let problem = "an answer that has begun cannot be held to a form".into();
            return Err(Error::InvalidRequest { param, problem });
        }
        let parser = convention
            .map(|convention| (convention, CallParser::new(convention, &tools, &call_ids(control.entropy))));
        self.run(prompt, &options, parser, control, on_delta).await
    }

    /// The form in which the model calls tools.
    pub fn convention(&self) -> Option<Convention> {
        self.template.as_ref().and_then(Convention::of)
    }

    /// What the answer must be so that it calls what it should, if that says anything.
    fn form_of_calls(
        &self,
        convention: Option<Convention>,
        tools: &[Tool],
        choice: &Choice,
        options: &GenerateOptions,
    ) -> Result<Option<Json>> {
        let refuse = |param: &str, problem: &str| {
            Err(Error::InvalidRequest { param: param.into(), problem: problem.into() })
        };
        let Some(convention) = convention else {
            let problem =
                r#"it is not known how this model calls tools: only "auto" and "none" are possible"#;
            return if *choice == Choice::Auto { Ok(None) } else { refuse("tool_choice", problem) };
        };
        let id = |token: &str| self.tokenizer.id(token);
        match tools::grammar(convention, tools, choice, !options.one_call, id) {
            Some(_) if options.format.is_some() => {
                refuse("response_format", "an answer cannot be in this form and a call of a tool in its own")
            }
            lark => Ok(lark.map(|lark| json!({ "lark": lark }))),
        }
    }

    /// Generates the reply to `prompt`. `on_delta` gets it piece by piece. [`Error::Aborted`] where `control` says so.
    pub async fn generate(
        &self,
        prompt: Prompt,
        options: &GenerateOptions,
        control: Control<'_>,
        on_delta: &mut OnDelta<'_>,
    ) -> Result<Completion> {
        self.run(prompt, options, None, control, on_delta).await
    }

    async fn run(
        &self,
        prompt: Prompt,
        options: &GenerateOptions,
        parser: Option<(Convention, CallParser)>,
        control: Control<'_>,
        on_delta: &mut OnDelta<'_>,
    ) -> Result<Completion> {
        options.check()?;
        let begun = (self.model().now)();
        let room = self.room_after(&prompt)?;
        let constraint = self.constraint(options.format.as_ref()).await?;
        let mut context = self.conversations.lease(&prompt.tokens, options.cache_key.as_deref()).await?;
        let cached_tokens = context.common(&prompt.tokens);
        let reply = Reply::new(prompt.splitter, parser, options.stop.iter().map(String::as_str).collect());
        let limit = options.max_tokens.unwrap_or(usize::MAX).min(room);
        let mut run = Run::new(&self.tokenizer, options, reply, constraint, limit, self.model().now)?;
        run.replay(&control, on_delta)?;
        while !run.is_over() {
            let request = context::Request {
                prompt: &prompt.tokens,
                reply: &run.tokens,
                sampling: &options.sampling,
                entropy: control.entropy,
                limit: limit - run.tokens.len(),
                logits: options.logprobs,
                masked: run.is_masked(),
            };
            let mut generation = match context.generate(request, control.cancelled).await {
                // what other conversations keep can be computed again
                Err(Error::OutOfMemory { .. }) if self.conversations.forget() => continue,
                other => other?,
            };
            if run.follow(&mut generation, &control, on_delta).await? && !self.conversations.forget() {
                break;
            }
        }
        run.reply.finish(on_delta);
        Ok(run.completion(prompt.tokens, cached_tokens, control.reply.len(), begun))
    }

    /// Most tokens that a reply to it may have.
    fn room_after(&self, prompt: &Prompt) -> Result<usize> {
        let (needed, n_ctx) = (prompt.tokens.len() + 1, self.model().n_ctx);
        if needed > n_ctx { Err(Error::ContextFull { needed, n_ctx }) } else { Ok(n_ctx + 1 - needed) }
    }

    /// What a text means: the last layer's output, pooled over its tokens, `[n_embd]` of length 1; and how many tokens it has.
    ///
    /// [`Error::ContextFull`], [`Error::InvalidRequest`] of a text without tokens, [`Error::Aborted`].
    pub async fn embed(
        &self,
        text: &str,
        pooling: Pooling,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(Vec<f32>, usize)> {
        let tokens = self.raw_prompt(text)?.tokens;
        if tokens.is_empty() {
            return Err(Error::InvalidRequest { param: "input".into(), problem: "it is empty".into() });
        }
        let mut context = match Context::new(self.conversations.model()).await {
            Err(Error::OutOfMemory { .. }) if self.conversations.forget() => {
                Context::new(self.conversations.model()).await?
            }
            other => other?,
        };
        let hidden = context.hidden(&tokens, cancelled).await?;
        Ok((pooling.of(&hidden), tokens.len()))
    }

    async fn constraint(&self, format: Option<&Json>) -> Result<Option<Box<dyn Constraint>>> {
        match (format, &self.compile) {
            (None, _) => Ok(None),
            (Some(format), Some(compile)) => compile(format.clone()).await.map(Some),
            (Some(format), None) => Err(Error::Unsupported {
                what: "response_format".into(),
                value: format.to_string(),
                supported: Some(r#"{"type":"text"} here"#.into()),
            }),
        }
    }
}

/// What the ids of a reply's calls begin with: the same again where it is made again.
fn call_ids(entropy: u64) -> String {
    format!("call_{entropy:x}_")
}
