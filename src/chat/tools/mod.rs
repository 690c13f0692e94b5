//! Calls of tools: the form in which a model writes them, what it may call, and what must be called.
//!
//! [`CallParser`] reads calls out of an answer; [`grammar`] says in which form they must be.

mod grammar;
mod head;
mod object;
mod parser;

pub use grammar::grammar;
pub use parser::{CallParser, Piece};

use super::template::ChatTemplate;
use crate::{Error, Result};
use serde_json::{Map, Value as Json};

const CALLS_BEGIN: &str = "<｜tool▁calls▁begin｜>";
const CALLS_END: &str = "<｜tool▁calls▁end｜>";
const CALL_BEGIN: &str = "<｜tool▁call▁begin｜>";
const CALL_END: &str = "<｜tool▁call▁end｜>";
const CALL_SEP: &str = "<｜tool▁sep｜>";
const HERMES_BEGIN: &str = "<tool_call>";
const HERMES_END: &str = "</tool_call>";
const PYTHON_TAG: &str = "<|python_tag|>";
/// What DeepSeek-R1 writes around arguments.
const FENCE_BEGIN: &str = "```json";
const FENCE_END: &str = "```";

/// The form in which a model writes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME`, a line end, the arguments in a fence of three
    /// backticks for `json`, `<｜tool▁call▁end｜><｜tool▁calls▁end｜>`: DeepSeek-V3 and R1.
    DeepSeekR1,
    /// `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>NAME<｜tool▁sep｜>ARGUMENTS<｜tool▁call▁end｜><｜tool▁calls▁end｜>`:
    /// DeepSeek-V3.1.
    DeepSeekV31,
    /// `<tool_call>{"name": NAME, "arguments": ARGUMENTS}</tool_call>`: Hermes, Qwen2.5, Qwen3.
    Hermes,
    /// The answer is `{"name": NAME, "parameters": ARGUMENTS}`, maybe after `<|python_tag|>`, and `;` comes before another:
    /// Llama 3.1 and later.
    Llama,
}

impl Convention {
    /// The form that a template writes for earlier calls; None where it writes none that is known. A template may write
    /// calls without telling the model of its tools, as DeepSeek's do: what it tells of them, it does with `tools`.
    pub fn of(template: &ChatTemplate) -> Option<Self> {
        let has = |words: &[&str]| words.iter().any(|word| template.mentions(word));
        if has(&[CALL_BEGIN]) {
            return Some(if has(&[FENCE_BEGIN]) { Self::DeepSeekR1 } else { Self::DeepSeekV31 });
        }
        // others write something else than JSON between the same tags
        if has(&[HERMES_BEGIN]) {
            return has(&["\"arguments\":", "\\\"arguments\\\":"]).then_some(Self::Hermes);
        }
        let is_llama = has(&["<|start_header_id|>"]) && has(&["\"parameters\":", "\\\"parameters\\\":"]);
        is_llama.then_some(Self::Llama)
    }

    /// Whether the token of this text is a mark of calls. Its text must reach the [`CallParser`], of a control token too.
    pub fn is_marker(self, token: &str) -> bool {
        let markers: &[&str] = match self {
            Self::DeepSeekR1 | Self::DeepSeekV31 => &[CALLS_BEGIN, CALL_BEGIN, CALL_SEP, CALL_END, CALLS_END],
            Self::Hermes => &[HERMES_BEGIN, HERMES_END],
            Self::Llama => &[PYTHON_TAG],
        };
        markers.contains(&token)
    }

    /// What a call may begin with.
    fn begins(self) -> &'static [&'static str] {
        match self {
            Self::DeepSeekR1 | Self::DeepSeekV31 => &[CALLS_BEGIN, CALL_BEGIN],
            Self::Hermes => &[HERMES_BEGIN],
            Self::Llama => &[PYTHON_TAG],
        }
    }

    /// What ends a call, where there is such a mark.
    fn end(self) -> Option<&'static str> {
        match self {
            Self::DeepSeekR1 | Self::DeepSeekV31 => Some(CALL_END),
            Self::Hermes => Some(HERMES_END),
            Self::Llama => None,
        }
    }

    /// What comes between two calls, or after the last, and is no text.
    fn after_call(self) -> Option<&'static str> {
        match self {
            Self::DeepSeekR1 | Self::DeepSeekV31 => Some(CALLS_END),
            Self::Hermes => None,
            Self::Llama => Some(";"),
        }
    }
}

/// A function that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// The JSON schema of its arguments.
    parameters: Map<String, Json>,
    /// Whether its arguments must fit the schema where nothing forces a call.
    strict: bool,
}

impl Tool {
    /// Reads a request's `tools`. [`Error::InvalidRequest`] names what is wrong with which.
    pub fn read_all(tools: &[Json]) -> Result<Vec<Self>> {
        let mut read: Vec<Self> = Vec::new();
        for (i, tool) in tools.iter().enumerate() {
            let wrong = |part: &str, problem: &str| invalid(format!("tools[{i}]{part}"), problem.into());
            let tool = Self::read(tool).map_err(|(part, problem)| wrong(part, problem))?;
            if read.iter().any(|other| other.name == tool.name) {
                return Err(wrong(".function.name", "another tool has this name"));
            }
            read.push(tool);
        }
        Ok(read)
    }

    fn read(tool: &Json) -> std::result::Result<Self, (&'static str, &'static str)> {
        if tool["type"] != "function" {
            return Err((".type", "only \"function\" is supported"));
        }
        let function = &tool["function"];
        let name = function["name"].as_str().unwrap_or_default();
        if !is_name(name) {
            return Err((".function.name", "it must be a text of 1 to 256 bytes, without white space or <"));
        }
        let parameters = match &function["parameters"] {
            Json::Null => Map::new(),
            Json::Object(schema) => schema.clone(),
            _ => return Err((".function.parameters", "it must be a JSON schema, an object")),
        };
        let strict = match &function["strict"] {
            Json::Null => false,
            Json::Bool(strict) => *strict,
            _ => return Err((".function.strict", "it must be true or false")),
        };
        Ok(Self { name: name.into(), parameters, strict })
    }
}

/// Bytes of the longest name.
const MAX_NAME: usize = 256;

/// Whether a call can be of something of this name, in every convention.
fn is_name(text: &str) -> bool {
    let is_letter = |c: char| !c.is_whitespace() && !c.is_control() && c != '<';
    (1..=MAX_NAME).contains(&text.len()) && text.chars().all(is_letter)
}

/// What must be called. Where nothing may be, the request's tools are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// Whatever the model wants.
    #[default]
    Auto,
    /// One of the tools.
    Required,
    /// That of this name.
    Function(String),
}

impl Choice {
    /// Reads a request's `tool_choice`, other than `"none"`.
    pub fn read(choice: &Json, tools: &[Tool]) -> Result<Self> {
        let name = choice["function"]["name"].as_str().filter(|_| choice["type"] == "function");
        let problem = match (choice.as_str(), name) {
            (Some("auto"), _) => return Ok(Self::Auto),
            (Some("required"), _) if tools.is_empty() => "there are no tools to choose from".into(),
            (Some("required"), _) => return Ok(Self::Required),
            (_, Some(name)) if tools.iter().any(|tool| tool.name == name) => {
                return Ok(Self::Function(name.into()));
            }
            (_, Some(name)) => format!("there is no tool {name}"),
            _ => format!(
                r#"{choice} is not supported, only "auto", "none", "required" and {{"type":"function","function":{{"name":...}}}} are"#
            ),
        };
        Err(invalid("tool_choice".into(), problem))
    }
}

fn invalid(param: String, problem: String) -> Error {
    Error::InvalidRequest { param, problem }
}
