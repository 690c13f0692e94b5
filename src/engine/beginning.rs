//! What a reply is made to begin with by a request whose last message is the model's own, as in DeepSeek's chat prefix
//! completion: an answer that was cut off goes on, or one takes the form that its first words set.

use super::messages::text_of;
use super::thinking::{CLOSE, OPEN};
use crate::chat::reasoning::Part;
use crate::{Error, Result};
use serde_json::{Map, Value as Json};

/// The beginning of a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beginning {
    /// What it has thought.
    pub reasoning: String,
    /// What it has answered; where there is any, the thinking is over.
    pub content: String,
}

impl Beginning {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.reasoning.is_empty() && self.content.is_empty()
    }

    /// Takes the last message, if it is marked as the beginning of the reply by `"prefix": true`.
    ///
    /// [`Error::InvalidRequest`] where another one is, or it is not a text of the assistant's.
    pub fn take(messages: &mut Vec<Json>) -> Result<Self> {
        let last = messages.len().saturating_sub(1);
        let mut beginning = Self::default();
        for (i, message) in messages.iter_mut().enumerate() {
            let Some(message) = message.as_object_mut() else { continue };
            let wrong = |field: &str, problem: &str| Error::InvalidRequest {
                param: format!("messages[{i}].{field}"),
                problem: problem.into(),
            };
            match message.remove("prefix") {
                None | Some(Json::Null | Json::Bool(false)) => continue,
                Some(Json::Bool(true)) => {}
                Some(_) => return Err(wrong("prefix", "it must be true or false")),
            }
            if i != last || message.get("role").is_none_or(|role| role != "assistant") {
                return Err(wrong("prefix", "only the last message can be it, of the role assistant"));
            }
            if message.get("tool_calls").is_some_and(|calls| !calls.is_null()) {
                return Err(wrong("tool_calls", "a reply cannot be made to begin with them"));
            }
            let text =
                |field: &str| text(message, field).ok_or_else(|| wrong(field, "it must be a text here"));
            beginning = Self { reasoning: text("reasoning_content")?, content: text("content")? };
            messages.pop();
            break;
        }
        Ok(beginning)
    }

    /// The texts that follow the prompt's, in which thinking may be open, or may be opened; `is_over`: there is to be no more.
    /// Between them stand the tags.
    pub(super) fn parts(&self, is_open: bool, is_over: bool) -> [&str; 4] {
        let (thinks, answers) = (!self.reasoning.is_empty(), !self.content.is_empty());
        let open = if thinks && !is_open { OPEN } else { "" };
        let close = if (thinks || is_open) && (answers || is_over) { CLOSE } else { "" };
        [open, &self.reasoning, close, &self.content]
    }

    /// The part in whose middle the reply goes on; None where a part is to begin.
    pub(super) fn part(&self, is_over: bool) -> Option<Part> {
        match (self.reasoning.is_empty(), self.content.is_empty()) {
            (_, false) => Some(Part::Answer),
            (false, true) if !is_over => Some(Part::Reasoning),
            _ => None,
        }
    }
}

/// A text or a list of texts; empty where there is none.
fn text(message: &Map<String, Json>, field: &str) -> Option<String> {
    match message.get(field) {
        None | Some(Json::Null) => Some(String::new()),
        Some(Json::String(text)) => Some(text.clone()),
        Some(Json::Array(parts)) => text_of(parts),
        Some(_) => None,
    }
}
