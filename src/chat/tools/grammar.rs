//! The grammar of calls, in llguidance's dialect of Lark.

use super::{
    CALL_BEGIN, CALL_END, CALL_SEP, CALLS_BEGIN, CALLS_END, Choice, Convention, FENCE_BEGIN, FENCE_END,
};
use super::{HERMES_BEGIN, HERMES_END, PYTHON_TAG, Tool};
use serde_json::{Value as Json, json};

/// A part of a rule.
#[derive(Clone)]
enum Part {
    Text(String),
    /// A mark that is a token of the vocabulary.
    Token(u32),
    Schema(Json),
    Rule(&'static str),
}

/// The grammar of an answer that calls what `choice` says: one tool, or several calls where `parallel`. With [`Choice::Auto`]
/// it may be text as well, but what begins as a call must become one; None where no tool asks for that by `strict`. `token`
/// gives the id of the vocabulary's token of a text: a mark that is a token must be that token.
pub fn grammar(
    convention: Convention,
    tools: &[Tool],
    choice: &Choice,
    parallel: bool,
    token: impl Fn(&str) -> Option<u32>,
) -> Option<String> {
    let is_free = *choice == Choice::Auto;
    if is_free && !tools.iter().any(|tool| tool.strict) {
        return None;
    }
    let form = Form { convention, is_free, token: &token };
    let mut rules = form.start();
    let mut calls = vec![Part::Rule("call")];
    if parallel {
        calls.push(Part::Rule("more*"));
        rules.push(("more", rule([form.between(), vec![Part::Rule("call")]])));
    }
    rules.push(("calls", rule([calls, form.end()])));
    let is_chosen = |tool: &&Tool| !matches!(choice, Choice::Function(name) if *name != tool.name);
    let calls: Vec<String> = tools.iter().filter(is_chosen).map(|tool| rule([form.call(tool)])).collect();
    rules.push(("call", calls.join("\n  | ")));
    Some(rules.iter().map(|(name, body)| format!("{name}: {body}\n")).collect())
}

struct Form<'t> {
    convention: Convention,
    /// The answer may be text.
    is_free: bool,
    token: &'t dyn Fn(&str) -> Option<u32>,
}

type Rules = Vec<(&'static str, String)>;

impl Form<'_> {
    fn mark(&self, text: &str) -> Part {
        (self.token)(text).map_or_else(|| text_of(text), Part::Token)
    }

    /// What begins the answer's calls, the first of them included.
    fn begin(&self) -> Vec<Part> {
        match self.convention {
            Convention::DeepSeekR1 | Convention::DeepSeekV31 => {
                vec![self.mark(CALLS_BEGIN), self.mark(CALL_BEGIN)]
            }
            Convention::Hermes => vec![self.mark(HERMES_BEGIN)],
            Convention::Llama => vec![],
        }
    }

    /// What begins another call.
    fn between(&self) -> Vec<Part> {
        match self.convention {
            Convention::DeepSeekR1 => vec![text_of("\n"), self.mark(CALL_BEGIN)],
            Convention::DeepSeekV31 => vec![self.mark(CALL_BEGIN)],
            Convention::Hermes => vec![text_of("\n"), self.mark(HERMES_BEGIN)],
            Convention::Llama => vec![text_of("; ")],
        }
    }

    /// What ends the answer.
    fn end(&self) -> Vec<Part> {
        match self.convention {
            Convention::DeepSeekR1 | Convention::DeepSeekV31 => vec![self.mark(CALLS_END)],
            Convention::Hermes | Convention::Llama => vec![],
        }
    }

    /// A call without what begins it.
    fn call(&self, tool: &Tool) -> Vec<Part> {
        let arguments = Part::Schema(self.schema(tool));
        let object = |key| text_of(&format!("{{\"name\": {}, \"{key}\": ", Json::from(tool.name.as_str())));
        match self.convention {
            Convention::DeepSeekR1 => vec![
                text_of("function"),
                self.mark(CALL_SEP),
                text_of(&format!("{}\n{FENCE_BEGIN}\n", tool.name)),
                arguments,
                text_of(&format!("\n{FENCE_END}")),
                self.mark(CALL_END),
            ],
            Convention::DeepSeekV31 => {
                vec![text_of(&tool.name), self.mark(CALL_SEP), arguments, self.mark(CALL_END)]
            }
            Convention::Hermes => {
                vec![text_of("\n"), object("arguments"), arguments, text_of("}\n"), self.mark(HERMES_END)]
            }
            Convention::Llama => vec![object("parameters"), arguments, text_of("}")],
        }
    }

    /// The schema of a tool's arguments, which are an object whether it says so or not.
    fn schema(&self, tool: &Tool) -> Json {
        if self.is_free && !tool.strict {
            return json!({ "type": "object" });
        }
        let mut schema = tool.parameters.clone();
        schema.entry("type").or_insert("object".into());
        schema.into()
    }

    /// How the answer starts. Where a mark is text, a lazy rule ends with it, so that it cannot be read as other text.
    fn start(&self) -> Rules {
        let begin = self.begin();
        let calls = || vec![Part::Rule("calls")];
        if !self.is_free {
            return vec![("start", rule([begin, calls()]))];
        }
        let any = ("TEXT", "/(?s:.*)/".into());
        match begin.split_first() {
            None => {
                let tagged = (self.token)(PYTHON_TAG).map(|id| format!(" | TEXT <[{id}]> calls"));
                let start = format!("TEXT | calls{}", tagged.unwrap_or_default());
                vec![("start", start), ("TEXT", r"/(?s:\s*[^\s{].*)?/".into())]
            }
            Some((Part::Text(mark), rest)) => {
                let start = rule([vec![Part::Rule("TEXT | open")], rest.to_vec(), calls()]);
                vec![("start", start), ("open[lazy]", format!("TEXT {}", literal(mark))), any]
            }
            Some(_) => vec![("start", rule([vec![Part::Rule("TEXT | TEXT")], begin, calls()])), any],
        }
    }
}

fn text_of(text: &str) -> Part {
    Part::Text(text.into())
}

/// A rule's body; neighbouring texts are one.
fn rule<const N: usize>(parts: [Vec<Part>; N]) -> String {
    let mut merged: Vec<Part> = Vec::new();
    for part in parts.into_iter().flatten() {
        match (merged.last_mut(), part) {
            (Some(Part::Text(text)), Part::Text(more)) => *text += &more,
            (_, part) => merged.push(part),
        }
    }
    let written = merged.iter().map(|part| match part {
        Part::Text(text) => literal(text),
        Part::Token(id) => format!("<[{id}]>"),
        Part::Schema(schema) => format!("%json {}", escaped(schema)),
        Part::Rule(name) => (*name).into(),
    });
    written.collect::<Vec<_>>().join(" ")
}

fn literal(text: &str) -> String {
    escaped(&text.into())
}

/// JSON without characters that mean something to a reader of the grammar: a percent sign may begin a directive.
fn escaped(json: &Json) -> String {
    json.to_string().replace('%', "\\u0025").replace('\u{7f}', "\\u007f")
}
