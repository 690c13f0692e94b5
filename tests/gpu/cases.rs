//! Scripted models from public bug reports (../shared/cases/replies.json): what of their reply a person gets.

use crate::common;
use minke::engine::{ChatRequest, Completion, Control, Delta, Engine, FinishReason, TextParts};
use minke::{Error, Result};
use pollster::block_on;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Clone, Deserialize)]
struct Case {
    name: String,
    model: String,
    #[serde(default)]
    messages: Vec<Value>,
    #[serde(default)]
    raw: bool,
    prompt: Option<String>,
    options: Map<String, Value>,
    expected: Option<Expected>,
    expected_error: Option<Vec<String>>,
    open: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Expected {
    text: Option<String>,
    text_starts: Option<String>,
    reasoning: String,
    finish_reason: String,
    prompt_tokens: Option<Vec<u32>>,
}

/// A reply, and its text as it was streamed.
type Reply = Result<(Completion, String)>;

fn reply(engine: &mut Engine, case: &Case) -> Reply {
    let mut fields = case.options.clone();
    fields.insert("messages".into(), case.messages.clone().into());
    fields.insert("temperature".into(), json!(0));
    let request = ChatRequest::from_json(fields)?;
    let prompt = match (&case.prompt, case.raw) {
        (Some(text), true) => engine.raw_prompt(text)?,
        _ => engine.chat_prompt(
            &request.chat,
            request.options.thinking,
            "2025-01-01T00:00:00".parse().expect("a time"),
        )?,
    };
    let mut streamed = String::new();
    let mut show = |delta: Delta| streamed += &delta.content;
    let done = block_on(engine.generate(prompt, &request.options, Control::new(0), &mut show))?;
    Ok((done, streamed))
}

/// What is wrong with a reply.
fn wrong(case: &Case, reply: &Reply) -> Option<String> {
    let (done, streamed) = match (reply, &case.expected_error) {
        (Err(error), Some(words)) => {
            let missing = words.iter().find(|word| !error.to_string().contains(*word));
            return missing.map(|word| format!("{error} lacks {word}"));
        }
        (Err(error), None) => return Some(error.to_string()),
        (Ok(_), Some(_)) => return Some("no error".into()),
        (Ok(reply), None) => reply,
    };
    let want = case.expected.as_ref()?;
    let finish_reason = match done.finish_reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
    };
    let text = want.text.as_ref().is_none_or(|text| *text == done.text);
    let starts = want.text_starts.as_ref().is_none_or(|start| done.text.starts_with(start));
    let tokens = want.prompt_tokens.as_ref().is_none_or(|ids| *ids == done.prompt_tokens);
    let same = text && starts && tokens && want.reasoning == done.reasoning;
    (!same || want.finish_reason != finish_reason || *streamed != done.text).then(|| format!("{done:?}"))
}

fn engine(dir: &Path, model: &str) -> Engine {
    let path = dir.join(format!("models/{model}.gguf"));
    let text = TextParts::from_metadata(&common::header(&path).metadata).expect("a tokenizer");
    let model = common::load(&path, &common::options(), None).expect("a model");
    block_on(Engine::new(&model, text)).expect("a context")
}

#[test]
fn scripted_models_reply_as_they_should() {
    let Some(dir) = common::cases_dir("scripted models") else { return };
    let cases: Vec<Case> = common::json(&dir.join("replies.json"));
    let (open, cases): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| case.open.is_some());
    open.iter().for_each(|case| println!("open: {}", case.name));
    let mut by_model = BTreeMap::<String, Vec<Case>>::new();
    cases.into_iter().for_each(|case| by_model.entry(case.model.clone()).or_default().push(case));
    assert!(by_model.len() > 10, "{}", by_model.len());
    let mut faults = Vec::new();
    for (model, cases) in by_model {
        let mut engine = engine(&dir, &model);
        for case in cases {
            let reply = reply(&mut engine, &case);
            faults.extend(wrong(&case, &reply).map(|fault| format!("{}: {fault}", case.name)));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A stop string that only the limit shows to be one, and a control token as one.
#[test]
fn a_reply_ends_for_the_right_reason() {
    let Some(dir) = common::cases_dir("why replies end") else { return };
    let mut engine = engine(&dir, "length-while-thinking");
    let mut ask = |options: Value| {
        let case = Case {
            name: String::new(),
            model: String::new(),
            messages: vec![json!({ "role": "user", "content": "hi" })],
            raw: false,
            prompt: None,
            options: options.as_object().expect("an object").clone(),
            expected: None,
            expected_error: None,
            open: None,
        };
        reply(&mut engine, &case).expect("a reply").0
    };
    let whole = ask(json!({}));
    assert_eq!((whole.text.as_str(), whole.finish_reason), ("Four", FinishReason::Stop));
    // "Four" is the last token before the limit, and "ourx" would begin before the "r" that is in it
    let cut = ask(json!({ "max_tokens": whole.tokens.len() - 1, "stop": ["ourx", "r"] }));
    assert_eq!((cut.text.as_str(), cut.finish_reason), ("Fou", FinishReason::Stop));
    let cut = ask(json!({ "max_tokens": whole.tokens.len() - 1 }));
    assert_eq!(cut.finish_reason, FinishReason::Length);
}

#[test]
fn the_comparator_rejects_a_wrong_reply() {
    let Some(dir) = common::cases_dir("the comparator of replies") else { return };
    let cases: Vec<Case> = common::json(&dir.join("replies.json"));
    let case = cases.iter().find(|case| case.model == "think-quoted").expect("a case");
    let want = case.expected.clone().expect("a reply");
    let done = Completion {
        prompt_tokens: vec![],
        tokens: vec![],
        text: want.text.clone().expect("a text"),
        reasoning: want.reasoning.clone(),
        finish_reason: FinishReason::Stop,
        reasoning_tokens: 0,
        calls: vec![],
        reasoning_finish: None,
        cached_tokens: 0,
        logprobs: Default::default(),
        timings: Default::default(),
    };
    let streamed = done.text.clone();
    assert_eq!(wrong(case, &Ok((done.clone(), streamed.clone()))), None);
    for spoiled in [
        Completion { text: "another".into(), ..done.clone() },
        Completion { reasoning: String::new(), ..done.clone() },
        Completion { finish_reason: FinishReason::Length, ..done.clone() },
    ] {
        assert!(wrong(case, &Ok((spoiled, streamed.clone()))).is_some());
    }
    assert!(wrong(case, &Ok((done.clone(), String::new()))).is_some());
    assert!(wrong(case, &Err(Error::Aborted)).is_some());
    let refused = Case { expected: None, expected_error: Some(vec!["context".into()]), ..case.clone() };
    assert_eq!(wrong(&refused, &Err(Error::ContextFull { needed: 9, n_ctx: 8 })), None);
    assert!(wrong(&refused, &Err(Error::Aborted)).is_some());
    assert!(wrong(&refused, &Ok((done, streamed))).is_some());
}
