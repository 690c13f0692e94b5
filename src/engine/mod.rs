//! A model that answers: template, tokenizer, context, sampler and splitter put together.

mod messages;
mod reply;
mod request;

pub use messages::Chat;
pub use reply::{Completion, FinishReason, Logprobs, OnDelta, Reply, TokenLogprob};
pub use request::{ChatRequest, GenerateOptions, WITHOUT_EFFECT};

use crate::chat::reasoning::{self, ReasoningSplitter, Tag};
use crate::chat::template::ChatTemplate;
use crate::context::{self, Context};
use crate::gguf::Metadata;
use crate::model::Model;
use crate::tokenizer::{Special, Tokenizer};
use crate::{Error, Result};
use std::rc::Rc;

/// What the host knows and this crate cannot ask for in a browser.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The local time, for templates that print the date.
    pub now: jiff::civil::DateTime,
    /// Seeds the sampler when the request has no seed.
    pub entropy: u64,
}

/// A prompt ready to run.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Whether the reply starts inside `<think>`; None where the prompt is not a chat, whose reply has no parts.
    thinking: Option<bool>,
}

/// A model with its tokenizer and template.
#[derive(Debug)]
pub struct Engine {
    context: Context,
    /// The vocabulary.
    pub tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    /// The tags that the vocabulary has as tokens.
    tags: Vec<Tag>,
}

impl Engine {
    /// Puts a model together with what its metadata says of text. [`Error::OutOfMemory`] where the device has no memory
    /// for a context.
    pub async fn new(model: &Rc<Model>, text: TextParts) -> Result<Self> {
        let context = Context::new(model).await?;
        let TextParts { tokenizer, template } = text;
        let mut tags = vec![Tag::Open, Tag::Close];
        tags.retain(|tag| tokenizer.has(tag.text()));
        Ok(Self { context, tokenizer, template, tags })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        self.context.model()
    }

    /// The prompt for a chat. Control tokens inside messages are only text; earlier reasoning is dropped.
    pub fn chat_prompt(&self, chat: &Chat, now: jiff::civil::DateTime) -> Result<Prompt> {
        let template =
            self.template.as_ref().ok_or_else(|| Error::MetadataMissing { key: TEMPLATE.into() })?;
        let prompt = chat.render(template, &self.tokenizer, true, now)?;
        let mut tokens = self.tokenizer.encode_marked(prompt.marked(), Special::Parse, prompt.mark)?;
        self.add_bos(&mut tokens);
        Ok(Prompt { tokens, thinking: Some(reasoning::opens(&prompt.text())) })
    }

    /// A text as it stands, special tokens recognised, nothing around it.
    pub fn raw_prompt(&self, text: &str) -> Result<Prompt> {
        let mut tokens = self.tokenizer.encode(text, Special::Parse)?;
        self.add_bos(&mut tokens);
        Ok(Prompt { tokens, thinking: None })
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
        on_delta: &mut OnDelta<'_>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Completion> {
        let prompt = self.chat_prompt(&request.chat, moment.now)?;
        self.generate(prompt, &request.options, moment.entropy, on_delta, cancelled).await
    }

    /// Generates the reply to `prompt`. `on_delta` gets it piece by piece; `cancelled` is asked between GPU submits and ends the work with [`Error::Aborted`].
    pub async fn generate(
        &mut self,
        prompt: Prompt,
        options: &GenerateOptions,
        entropy: u64,
        on_delta: &mut OnDelta<'_>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Completion> {
        options.check()?;
        let n_ctx = self.model().n_ctx;
        if prompt.tokens.len() >= n_ctx {
            return Err(Error::ContextFull { needed: prompt.tokens.len() + 1, n_ctx });
        }
        let cached_tokens = self.context.common(&prompt.tokens);
        let request = context::Request {
            prompt: &prompt.tokens,
            sampling: &options.sampling,
            entropy,
            limit: options.max_tokens.unwrap_or(usize::MAX).min(n_ctx - prompt.tokens.len()),
            logits: options.logprobs,
        };
        let mut generation = self.context.generate(request, cancelled).await?;
        let splitter = prompt.thinking.map(|thinking| ReasoningSplitter::new(thinking, self.tags.clone()));
        let mut reply = Reply::new(splitter, options.stop.iter().map(String::as_str).collect());
        let mut tokens = Vec::new();
        let mut finish_reason = FinishReason::Length;
        while let Some((token, logits)) = generation.next().await? {
            if cancelled() {
                return Err(Error::Aborted);
            }
            tokens.push(token);
            if options.end_at(&self.tokenizer, token) {
                finish_reason = FinishReason::Stop;
                break;
            }
            let logprob = options
                .logprobs
                .then(|| TokenLogprob::new(&self.tokenizer, &logits, token, options.top_logprobs));
            reply.push(&self.tokenizer, token, logprob, on_delta);
            if reply.stopped {
                break;
            }
        }
        reply.finish(on_delta);
        if reply.stopped {
            finish_reason = FinishReason::Stop;
        }
        Ok(Completion {
            prompt_tokens: prompt.tokens,
            tokens,
            text: reply.text,
            reasoning: reply.reasoning,
            finish_reason,
            reasoning_tokens: reply.reasoning_tokens,
            cached_tokens,
            logprobs: reply.logprobs,
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
        // something else in its place is no template, which only a chat needs
        let template = metadata.str(TEMPLATE).ok().flatten().map(ChatTemplate::new);
        Ok(Self { tokenizer: Tokenizer::from_metadata(metadata)?, template })
    }

    /// The prompt text that the template makes of a chat.
    pub fn render(
        &self,
        chat: &Chat,
        add_generation_prompt: bool,
        now: jiff::civil::DateTime,
    ) -> Result<String> {
        let template =
            self.template.as_ref().ok_or_else(|| Error::MetadataMissing { key: TEMPLATE.into() })?;
        Ok(chat.render(template, &self.tokenizer, add_generation_prompt, now)?.text())
    }
}
