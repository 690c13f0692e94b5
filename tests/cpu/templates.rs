//! The language of templates against Python's jinja2 (tests/vectors/jinja.json), and the cases of public bug reports.

use crate::common;
use minke::Error;
use minke::chat::template::ChatTemplate;
use minke::engine::{ChatRequest, TextParts};
use minke::gguf::HeaderParser;
use minke::tokenizer::Tokenizer;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::Path;

pub fn render(source: &str, context: Value) -> minke::Result<String> {
    let now = "2025-01-01T00:00:00".parse().unwrap();
    Ok(ChatTemplate::new(source).render(context, std::iter::empty(), now)?.text())
}

#[derive(Deserialize)]
struct Row {
    name: String,
    template: String,
    #[serde(default)]
    context: Map<String, Value>,
    output: Option<String>,
    #[serde(default)]
    refused: bool,
    means: Option<String>,
}

/// What is wrong with a rendered row, if anything is.
fn difference(row: &Row, got: minke::Result<String>) -> Option<String> {
    match (got, &row.output) {
        (Err(error), _) if row.refused => {
            let words = row.means.as_deref().unwrap_or_default();
            (!error.to_string().contains(words)).then(|| format!("refused without {words}: {error}"))
        }
        (Ok(got), Some(want)) if !row.refused && got == *want => None,
        (Err(Error::Template { .. }), None) => None,
        (got, want) => Some(format!("{got:?} where Python has {want:?}")),
    }
}

fn table() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/jinja.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the table")).expect("rows")
}

#[test]
fn the_language_is_jinja2s() {
    let rows = table();
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let difference = difference(row, render(&row.template, row.context.clone().into()))?;
            Some(format!("{} {}\n  {difference}", row.name, row.template))
        })
        .collect();
    let refused = rows.iter().filter(|row| row.refused).count();
    println!("{} rows, {refused} of them refused by name", rows.len());
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_difference_is_seen() {
    let row = |output: Option<&str>, refused| Row {
        name: String::new(),
        template: String::new(),
        context: Map::new(),
        output: output.map(String::from),
        refused,
        means: Some("word".into()),
    };
    let error = |message: &str| Err(Error::Template { line: None, message: message.into() });
    assert!(difference(&row(Some("a"), false), Ok("a".into())).is_none());
    assert!(difference(&row(Some("a"), false), Ok("b".into())).is_some());
    assert!(difference(&row(Some("a"), false), error("word")).is_some());
    assert!(difference(&row(None, false), Ok(String::new())).is_some());
    assert!(difference(&row(Some("a"), true), error("a word")).is_none());
    assert!(difference(&row(Some("a"), true), error("other")).is_some());
    assert!(difference(&row(Some("a"), true), Ok("a".into())).is_some());
}

#[derive(Deserialize)]
struct Case {
    name: String,
    template: String,
    messages: Vec<Value>,
    tools: Option<Value>,
    bos_token: Option<String>,
    eos_token: Option<String>,
    add_generation_prompt: bool,
    expected: String,
    #[serde(default)]
    expected_error: Vec<String>,
    open: Option<String>,
}

impl Case {
    fn prompt(&self) -> minke::Result<String> {
        let eos = self.eos_token.as_deref().unwrap_or("<|endoftext|>");
        let bos = self.bos_token.as_deref();
        let tokens: Vec<(&str, i32)> = [Some("<unk>"), bos, Some(eos), Some("a")]
            .into_iter()
            .flatten()
            .map(|token| (token, if token == "a" { 1 } else { 3 }))
            .collect();
        let mut tokenizer: Tokenizer = common::gguf::tokenizer(&common::gguf::spm(&tokens))?;
        tokenizer.bos = bos.map(|_| 1);
        tokenizer.eos = Some(if bos.is_some() { 2 } else { 1 });
        let text = TextParts { tokenizer, template: Some(ChatTemplate::new(&self.template)) };
        let now = "2025-01-01T00:00:00".parse().unwrap();
        let mut fields = Map::from_iter([("messages".into(), self.messages.clone().into())]);
        fields.extend(self.tools.clone().map(|tools| ("tools".into(), tools)));
        text.render(&ChatRequest::from_json(fields)?.chat, self.add_generation_prompt, now)
    }

    fn accepts(&self, prompt: &minke::Result<String>) -> bool {
        match prompt {
            Ok(prompt) => *prompt == self.expected,
            Err(error) => {
                let error = error.to_string();
                !self.expected_error.is_empty() && self.expected_error.iter().all(|word| error.contains(word))
            }
        }
    }
}

#[test]
fn the_cases_of_bug_reports_render() {
    let Some(dir) = common::cases_dir("templates of bug reports") else { return };
    let cases: Vec<Case> = common::json(&dir.join("templates.json"));
    let mut wrong = Vec::new();
    for case in &cases {
        let prompt = case.prompt();
        match &case.open {
            Some(why) => println!("open: {} ({why}): {prompt:?}", case.name),
            None if case.accepts(&prompt) => {}
            None => wrong.push(format!("{}: {prompt:?}, not {:?}", case.name, case.expected)),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_spoiled_case_is_rejected() {
    let case = |error: &[&str]| Case {
        name: String::new(),
        template: "{{ messages[0].content }}".into(),
        messages: vec![json!({"role": "user", "content": "a"})],
        tools: None,
        bos_token: None,
        eos_token: None,
        add_generation_prompt: true,
        expected: "a".into(),
        expected_error: error.iter().map(|word| (*word).into()).collect(),
        open: None,
    };
    let refused = || Err(Error::Template { line: None, message: "the role developer".into() });
    assert!(case(&[]).accepts(&case(&[]).prompt()));
    assert!(!case(&[]).accepts(&Ok("a ".into())));
    assert!(!case(&[]).accepts(&refused()));
    assert!(case(&["role", "developer"]).accepts(&refused()));
    assert!(!case(&["role", "tool"]).accepts(&refused()));
}

/// A template that cannot be read hinders nobody who does not chat.
#[test]
fn a_template_is_read_when_it_is_needed() {
    let template = ChatTemplate::new("line one\n{% if %}");
    let error = template.render(json!({}), std::iter::empty(), "2025-01-01T00:00:00".parse().unwrap());
    assert!(error.expect_err("a syntax error").to_string().contains("line 2"));
}

/// Who does not chat needs no template: what is wrong with it, or that there is none, is said when it is to render.
#[test]
fn a_template_that_is_none_hinders_nobody_else() {
    let now = "2025-01-01T00:00:00".parse().unwrap();
    for (value, words) in [
        (None, "tokenizer.chat_template"),
        (Some(common::gguf::uint(7)), "tokenizer.chat_template"),
        (Some(common::gguf::text("{% if %}")), "template"),
    ] {
        let mut file = common::gguf::spm(&[("<unk>", 2), ("a", 1)]);
        if let Some(value) = value {
            file.set("tokenizer.chat_template", value);
        }
        let header = HeaderParser::default().push(&file.header()).unwrap().expect("a header");
        let text = TextParts::from_metadata(&header.metadata).expect("a tokenizer");
        let request = Map::from_iter([("messages".into(), json!([{"role": "user", "content": "a"}]))]);
        let error = text.render(&ChatRequest::from_json(request).unwrap().chat, true, now).expect_err(words);
        assert!(error.to_string().contains(words), "{error}");
    }
}
