//! From what a model's file says of text to the prompt of a request.

use super::Engine;
use super::beginning::Beginning;
use super::messages::Chat;
use super::overflow::{Overflow, Turns};
use super::request::ChatRequest;
use super::thinking::{self, Thinking};
use crate::chat::reasoning::{self, ReasoningSplitter};
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
    /// Tells the reply's parts apart; None where the prompt is not a chat, whose reply has none.
    pub(super) splitter: Option<ReasoningSplitter>,
}

impl Engine {
    fn template(&self) -> Result<&ChatTemplate> {
        self.template.as_ref().ok_or_else(|| Error::MetadataMissing { key: TEMPLATE.into() })
    }

    /// The prompt for a chat. Control tokens inside messages are only text; earlier reasoning is dropped.
    pub fn chat_prompt(&self, chat: &Chat, thinking: Thinking, now: DateTime) -> Result<Prompt> {
        let rendered = self.rendered(chat, thinking, true, now)?;
        let opening = self.opening(&rendered.text(), chat, thinking)?;
        let marked = rendered.marked().to_owned() + opening;
        let is_open = reasoning::opens(&marked);
        let beginning = match &rendered.after[..] {
            [reasoning, content] => Beginning { reasoning: reasoning.clone(), content: content.clone() },
            _ => Beginning::default(),
        };
        let marked = marked + &beginning.parts(is_open, thinking.is_off()).concat();
        let mut tokens = self.tokenizer.encode_marked(&marked, Special::Parse, rendered.mark)?;
        self.add_bos(&mut tokens);
        let splitter = match chat.beginning.part(thinking.is_off()) {
            Some(part) => ReasoningSplitter::within(part, self.tags.clone()),
            None => ReasoningSplitter::new(reasoning::opens(&marked), self.tags.clone()),
        };
        Ok(Prompt { tokens, splitter: Some(splitter) })
    }

    /// The text that the template makes of a chat, before what makes the model think or not. A reply that has begun follows it,
    /// unless it ends before the reply.
    pub fn render(
        &self,
        chat: &Chat,
        thinking: Thinking,
        add_generation_prompt: bool,
        now: DateTime,
    ) -> Result<String> {
        let text = self.rendered(chat, thinking, add_generation_prompt, now)?.text();
        if chat.beginning.is_empty() || !add_generation_prompt {
            return Ok(text);
        }
        let opening = self.opening(&text, chat, thinking)?;
        let text = text + opening;
        let parts = chat.beginning.parts(reasoning::opens(&text), thinking.is_off());
        Ok(text + &parts.concat())
    }

    fn rendered(
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

    /// What follows the template's text, so that the model thinks, or does not.
    fn opening(&self, prompt: &str, chat: &Chat, thinking: Thinking) -> Result<&'static str> {
        let (is_open, is_closed) = (reasoning::opens(prompt), reasoning::closes(prompt));
        let can_think = is_open || self.tags.len() == 2;
        let has_thought = !chat.beginning.reasoning.is_empty();
        let param = match has_thought {
            true => format!("messages[{}].reasoning_content", chat.messages.len()),
            false => "thinking".into(),
        };
        let cannot = |problem: &str| Err(Error::InvalidRequest { param, problem: problem.into() });
        match thinking.enabled {
            _ if has_thought && is_closed => cannot("the model's template has ended the thinking already"),
            _ if has_thought && !can_think => cannot("this model does not think"),
            _ if has_thought => Ok(""),
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
        if !chat.beginning.is_empty() {
            let param = format!("messages[{}].prefix", chat.messages.len());
            return Err(Error::InvalidRequest { param, problem: "only a reply can begin with it".into() });
        }
        Ok(chat.render(template, &self.tokenizer, add_generation_prompt, now)?.text())
    }
}
