//! From messages as OpenAI's clients send them to what a chat template expects, which is Hugging Face's convention.
//!
//! Where clients and templates differ in more than one way, nothing but the template can tell which form it was written for:
//! then the prompt is rendered with each, and that is taken which the template reads as it was meant.

use super::beginning::Beginning;
use super::thinking::Thinking;
use crate::chat::template::{ChatTemplate, Rendered};
use crate::chat::tools::Convention;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};
use jiff::civil::DateTime;
use serde_json::{Map, Value as Json, json};

/// Variables that are not the caller's to set by `chat_template_kwargs`.
const RESERVED: [&str; 5] = ["messages", "tools", "add_generation_prompt", "bos_token", "eos_token"];

/// What a prompt is made of.
#[derive(Clone, Debug, Default)]
pub struct Chat {
    /// `{role, content, ...}` each. The content is a text, a list of parts of type `text`, null or absent.
    pub messages: Vec<Json>,
    /// Functions in OpenAI's form; none if empty.
    pub tools: Vec<Json>,
    /// More variables for the template, such as Qwen3's `enable_thinking`.
    pub chat_template_kwargs: Map<String, Json>,
    /// What the reply begins with.
    pub beginning: Beginning,
}

/// A message without content, as a template may want it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    Null,
    Empty,
}

/// The arguments of a call, as a template may want them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arguments {
    Object,
    /// JSON, as clients send it.
    Text,
}

impl Chat {
    /// Messages, without tools; the last one may be the [`Beginning`] of the reply.
    pub fn of(mut messages: Vec<Json>) -> Result<Self> {
        let beginning = Beginning::take(&mut messages)?;
        Ok(Self { messages, beginning, ..Self::default() })
    }

    /// The same, with a word to the system on tools where the template has none. [`Error::InvalidRequest`] where it is not
    /// known how the model calls them either.
    pub(super) fn for_template(&self, template: &ChatTemplate) -> Result<Self> {
        if self.tools.is_empty() || template.mentions("tools") {
            return Ok(self.clone());
        }
        if Convention::of(template).is_none() {
            return Err(invalid("tools".into(), "this model's chat template has no place for them"));
        }
        let tools = self.tools.iter().map(|tool| tool["function"].to_string());
        let list = tools.collect::<Vec<_>>().join("\n");
        let word = format!("You can call these functions, each described by a line of JSON:\n{list}");
        let mut chat = self.clone();
        let is_system = |message: &Json| matches!(message["role"].as_str(), Some("system" | "developer"));
        match chat.messages.first_mut().filter(|first| is_system(first)) {
            Some(first) => match &mut first["content"] {
                Json::Array(parts) => parts.push(json!({ "type": "text", "text": format!("\n\n{word}") })),
                content => *content = format!("{}\n\n{word}", content.as_str().unwrap_or_default()).into(),
            },
            None => chat.messages.insert(0, json!({ "role": "system", "content": word })),
        }
        Ok(chat)
    }

    /// The same, with the variables by which templates let a model think or not.
    pub(super) fn thinking(mut self, thinking: Thinking, template: &ChatTemplate) -> Self {
        let on = if thinking.is_off() { Some(false) } else { thinking.enabled };
        for name in ["enable_thinking", "thinking"] {
            if let Some(on) = on.filter(|_| template.mentions(name)) {
                self.chat_template_kwargs.entry(name).or_insert(on.into());
            }
        }
        self
    }

    /// The prompt. Errors: [`Error::InvalidRequest`] names the message or variable, [`Error::Template`].
    pub(super) fn render(
        &self,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
        add_generation_prompt: bool,
        now: DateTime,
    ) -> Result<Rendered> {
        let variables = self.variables(template, tokenizer, add_generation_prompt)?;
        let render = |absent, arguments| {
            let mut variables = variables.clone();
            for message in variables["messages"].as_array_mut().into_iter().flatten() {
                fill_content(message, absent);
                fill_arguments(message, arguments);
            }
            let after = vec![self.beginning.reasoning.clone(), self.beginning.content.clone()];
            template.render_before(after, variables, tokenizer.control_tokens(), now)
        };
        let calls = calls(&self.messages);
        let (has_absent, has_calls) = (self.messages.iter().any(lacks_content), !calls.is_empty());
        let by_arguments = |absent| match render(absent, Arguments::Object) {
            object if !has_calls => object,
            Err(error) => render(absent, Arguments::Text).map_err(|_| error),
            Ok(object) => match render(absent, Arguments::Text) {
                Ok(text) if !is_encoded_twice(&text, &calls) && is_python(&object, &calls) => Ok(text),
                _ => Ok(object),
            },
        };
        match by_arguments(Absent::Null) {
            null if !has_absent => null,
            Err(error) => by_arguments(Absent::Empty).map_err(|_| error),
            Ok(null) => match by_arguments(Absent::Empty) {
                Ok(empty) if count(&null, "None") > count(&empty, "None") => Ok(empty),
                _ => Ok(null), // the template tests for it
            },
        }
    }

    /// The template's variables; contents and arguments in the forms in which they came.
    fn variables(
        &self,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
        add_generation_prompt: bool,
    ) -> Result<Json> {
        let token = |id: Option<u32>| id.and_then(|id| tokenizer.token(id)).unwrap_or_default();
        let messages = self.messages.iter().enumerate().map(|(i, each)| message(i, each, template));
        let mut variables = self.chat_template_kwargs.clone();
        if let Some(name) = RESERVED.into_iter().find(|name| variables.contains_key(*name)) {
            return Err(invalid("chat_template_kwargs".into(), format!("{name} cannot be set by it")));
        }
        variables.insert("messages".into(), messages.collect::<Result<Vec<_>>>()?.into());
        variables.insert("add_generation_prompt".into(), add_generation_prompt.into());
        variables.insert("bos_token".into(), token(tokenizer.bos).into());
        variables.insert("eos_token".into(), token(tokenizer.eos).into());
        if !self.tools.is_empty() {
            variables.insert("tools".into(), self.tools.clone().into());
        }
        Ok(variables.into())
    }
}

fn invalid(param: String, problem: impl Into<String>) -> Error {
    Error::InvalidRequest { param, problem: problem.into() }
}

/// Message number `i` without earlier reasoning and without what is null, which means "not given"; its content as one text,
/// or null.
fn message(i: usize, message: &Json, template: &ChatTemplate) -> Result<Json> {
    let wrong = |part: &str, problem: &str| invalid(format!("messages[{i}]{part}"), problem);
    let mut message = message.as_object().ok_or_else(|| wrong("", "it must be an object"))?.clone();
    let role = message.get("role").and_then(Json::as_str).ok_or_else(|| wrong("", "it needs a role"))?;
    if role == "developer" && !template.mentions(role) {
        message.insert("role".into(), "system".into());
    }
    message.remove("reasoning_content");
    message.retain(|_, value| !value.is_null());
    if message.get("tool_calls").is_some_and(|calls| *calls == Json::Array(Vec::new())) {
        message.remove("tool_calls");
    }
    let content = match message.remove("content") {
        None => Json::Null,
        Some(Json::Array(parts)) => {
            let problem = "only parts of type text can be read, no images or others";
            text_of(&parts).ok_or_else(|| wrong(".content", problem))?.into()
        }
        Some(text @ Json::String(_)) => text,
        Some(_) => return Err(wrong(".content", "it must be a text or a list of parts")),
    };
    message.insert("content".into(), content);
    Ok(message.into())
}

/// The text of parts, if all are of type `text`.
pub(super) fn text_of(parts: &[Json]) -> Option<String> {
    let text = |part: &Json| match part["type"].as_str() {
        Some("text") => part["text"].as_str().map(String::from),
        _ => None,
    };
    parts.iter().map(text).collect()
}

fn lacks_content(message: &Json) -> bool {
    message["content"].is_null()
}

fn fill_content(message: &mut Json, absent: Absent) {
    if absent == Absent::Empty && lacks_content(message) {
        message["content"] = "".into();
    }
}

fn fill_arguments(message: &mut Json, arguments: Arguments) {
    if arguments == Arguments::Text {
        return;
    }
    let calls = message.get_mut("tool_calls").and_then(Json::as_array_mut);
    for call in calls.into_iter().flatten() {
        if let Some((_, object)) = call_of(call) {
            call["function"]["arguments"] = object.into();
        }
    }
}

/// The arguments that came as text and are a JSON object: both.
fn call_of(call: &Json) -> Option<(String, Map<String, Json>)> {
    let text = call["function"]["arguments"].as_str()?;
    Some((text.into(), serde_json::from_str(text).ok()?))
}

fn calls(messages: &[Json]) -> Vec<(String, Map<String, Json>)> {
    let calls = messages.iter().filter_map(|message| message["tool_calls"].as_array()).flatten();
    calls.filter_map(call_of).collect()
}

fn count(prompt: &Rendered, word: &str) -> usize {
    prompt.marked().matches(word).count()
}

/// Whether a text of arguments was written as a JSON string of JSON: the template serialises what it gets.
fn is_encoded_twice(prompt: &Rendered, calls: &[(String, Map<String, Json>)]) -> bool {
    let text = prompt.text();
    calls.iter().any(|(arguments, _)| text.contains(&Json::from(arguments.as_str()).to_string()))
}

/// Whether an object of arguments was written in Python's form: the template joins what it gets to its text.
fn is_python(prompt: &Rendered, calls: &[(String, Map<String, Json>)]) -> bool {
    let text = prompt.text();
    let first_keys = calls.iter().filter_map(|(_, object)| object.keys().next());
    first_keys.into_iter().any(|key| text.contains(&format!("{{'{key}': ")))
}
