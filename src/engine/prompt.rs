//! From what a model's file says of text to the prompt of a request.

use super::Engine;
use super::messages::Chat;
use super::overflow::{Overflow, Turns};
use super::request::ChatRequest;
use super::thinking::{self, Thinking};
use crate::chat::reasoning;
use crate::chat::template::{ChatTemplate, Rendered};
use crate::gguf::Metadata;
use crate::tokenizer::{Special, Tokenizer};
use crate::{Error, Result};
use jiff::civil::DateTime;
use serde_json::Value as Json;

/// A prompt ready to run.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Whether the reply starts inside `<think>`; None where the prompt is not a chat, whose reply has no parts.
    pub(super) thinking: Option<bool>,
}

impl Engine {
    fn template(&self) -> Result<&ChatTemplate> {
        self.template.as_ref().ok_or_else(|| Error::MetadataMissing { key: TEMPLATE.into() })
    }

    /// The prompt for a chat. Control tokens inside messages are only text; earlier reasoning is dropped.
    pub fn chat_prompt(&self, chat: &Chat, thinking: Thinking, now: DateTime) -> Result<Prompt> {
        let rendered = self.render(chat, thinking, true, now)?;
        let opening = self.opening(&rendered.text(), thinking)?;
        let (marked, whole) = (rendered.marked().to_owned() + opening, rendered.text() + opening);
        let mut tokens = self.tokenizer.encode_marked(&marked, Special::Parse, rendered.mark)?;
        self.add_bos(&mut tokens);
        Ok(Prompt { tokens, thinking: Some(reasoning::opens(&whole)) })
    }

    /// The text that the template makes of a chat, before what makes the model think or not.
    pub fn render(
        &self,
        chat: &Chat,
        thinking: Thinking,
        add_generation_prompt: bool,
        now: DateTime,
    ) -> Result<Rendered> {
        let template = self.template()?;
        let chat = chat.for_template(template)?.thinking(thinking, template);
        chat.render(template, &self.tokenizer, add_generation_prompt, now)
    }

    /// What the reply is made to begin with, so that the model thinks, or does not.
    fn opening(&self, prompt: &str, thinking: Thinking) -> Result<&'static str> {
        let (is_open, is_closed) = (reasoning::opens(prompt), reasoning::closes(prompt));
        let can_think = is_open || self.tags.len() == 2;
        let cannot =
            |problem: &str| Err(Error::InvalidRequest { param: "thinking".into(), problem: problem.into() });
        match thinking.enabled {
            _ if thinking.is_off() && is_open => Ok(thinking::CLOSE),
            _ if thinking.is_off() && can_think && !is_closed => Ok(thinking::NOTHING),
            Some(true) if is_closed => cannot("the model's template has ended it already"),
            Some(true) if !can_think => cannot("this model does not think"),
            Some(true) if !is_open => Ok(thinking::OPEN),
            _ => Ok(""),
        }
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

    /// The prompt for a request, of which turns are left out where it does not fit and may be shortened.
    pub fn fitting_prompt(&self, request: &ChatRequest, now: DateTime) -> Result<Prompt> {
        let thinking = request.options.thinking;
        let prompt_of = |messages: Vec<Json>| {
            let chat = Chat { messages, ..request.chat.clone() };
            self.chat_prompt(&chat, thinking, now)
        };
        let prompt = self.chat_prompt(&request.chat, thinking, now)?;
        let n_ctx = self.model().n_ctx;
        let reply = request.options.max_tokens.unwrap_or(n_ctx / 4).min(n_ctx / 2).max(1);
        let room = n_ctx - reply.min(n_ctx);
        if request.overflow == Overflow::Error || prompt.tokens.len() <= room {
            return Ok(prompt);
        }
        let turns = Turns::of(&request.chat.messages);
        let size_of = |messages| Ok(prompt_of(messages)?.tokens.len());
        let sizes = (0..=turns.most()).map(|turn| size_of(turns.only(turn..turn + 1)));
        let sizes: Vec<usize> = sizes.collect::<Result<_>>()?;
        // of each, what is there besides the turn; it does not change while a conversation grows
        let beginning = match &sizes[..] {
            [first, second, ..] => (first + second).saturating_sub(size_of(turns.only(0..2))?),
            _ => 0,
        };
        let sizes: Vec<usize> = sizes.iter().map(|size| size.saturating_sub(beginning)).collect();
        let first = turns.to_leave_out(&sizes, room.saturating_sub(beginning), request.overflow).max(1);
        for out in first..=turns.most() {
            let prompt = prompt_of(turns.without(out, request.overflow))?;
            if prompt.tokens.len() <= room {
                return Ok(prompt);
            }
        }
        let last = prompt_of(turns.without(turns.most(), request.overflow))?;
        match last.tokens.len() {
            needed if needed >= n_ctx => Err(Error::ContextFull { needed: needed + 1, n_ctx }),
            _ => Ok(last), // with less room for the reply than it may have asked for
        }
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
    pub fn render(&self, chat: &Chat, add_generation_prompt: bool, now: DateTime) -> Result<String> {
        let template =
            self.template.as_ref().ok_or_else(|| Error::MetadataMissing { key: TEMPLATE.into() })?;
        Ok(chat.render(template, &self.tokenizer, add_generation_prompt, now)?.text())
    }
}
