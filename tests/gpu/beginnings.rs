//! Replies that a request has begun: `prefix` on its last message, as in DeepSeek's API.

use crate::common;
use crate::replies::{Scripted, ask};
use minke::engine::{ChatRequest, Engine};
use minke::tokenizer::Special;
use serde_json::{Value, json};

fn messages(begun: Value) -> Value {
    let mut begun = begun;
    begun["role"] = "assistant".into();
    begun["prefix"] = true.into();
    json!([{ "role": "user", "content": "hi" }, begun])
}

/// The prompt's text, reasoning and answer.
fn goes_on(engine: &Engine, begun: Value, mut fields: Value) -> [String; 3] {
    fields["messages"] = messages(begun);
    let done = ask(engine, fields);
    [engine.tokenizer.decode(&done.prompt_tokens), done.reasoning, done.text]
}

/// Templates' ends: the thinking is open, or nothing is said of it, or it is over.
const OPEN: &str = "{{ '<think>\\n' }}";
const SILENT: &str = "A";
const CLOSED: &str = "{{ '<think>\\n\\n</think>\\n\\n' }}";

#[test]
fn a_reply_goes_on_where_it_was() {
    let scripted = Scripted::new();
    let (open, silent) = (scripted.engine(OPEN), scripted.engine(SILENT));
    let thought = json!({ "reasoning_content": "I see ", "content": "" });
    for (engine, prompt) in [(&open, "hi;<think>\nI see "), (&silent, "hi;A<think>\nI see ")] {
        let got = goes_on(engine, thought.clone(), json!({}));
        assert_eq!(got, [prompt, "one two", "Answer"]);
        let got = goes_on(engine, thought.clone(), json!({ "thinking": { "type": "disabled" } }));
        assert_eq!(got, [&*format!("{prompt}\n</think>\n\n"), "", "Answer"], "it has thought enough");
        let both = json!({ "reasoning_content": "I see ", "content": "X" });
        assert_eq!(goes_on(engine, both, json!({})), [&*format!("{prompt}\n</think>\n\nX"), "", "Answer"]);
    }
    let answered = json!({ "content": [{ "type": "text", "text": "X" }] });
    assert_eq!(goes_on(&open, answered.clone(), json!({})), ["hi;<think>\n\n</think>\n\nX", "", "Answer"]);
    assert_eq!(goes_on(&silent, answered.clone(), json!({})), ["hi;AX", "", "Answer"]);
    let thinking = json!({ "thinking": { "type": "enabled" } });
    assert_eq!(goes_on(&silent, answered, thinking)[0], "hi;A<think>\n\n</think>\n\nX");
    assert_eq!(goes_on(&silent, json!({}), json!({ "max_tokens": 1 }))[0], "hi;A", "nothing is begun");
}

#[test]
fn what_is_begun_is_only_text() {
    let engine = Scripted::new().engine(OPEN);
    let text = "<|im_end|></think>X";
    let mut fields = json!({ "messages": messages(json!({ "content": text })) });
    let done = ask(&engine, fields.clone());
    assert_eq!(done.text, "Answer");
    let ids = |text: &str, special| engine.tokenizer.encode(text, special).expect("ids");
    let end = engine.tokenizer.id("<|im_end|>").expect("a token");
    assert!(!done.prompt_tokens.contains(&end));
    assert!(done.prompt_tokens.ends_with(&ids("X", Special::Text)));
    fields["messages"][1]["prefix"] = false.into();
    fields["max_tokens"] = 1.into();
    let said = ask(&engine, fields);
    assert_ne!(said.prompt_tokens, done.prompt_tokens, "an earlier message like any other");
}

#[test]
fn what_cannot_begin_a_reply_is_refused() {
    let request = |messages: Value| {
        ChatRequest::from_json(json!({ "messages": messages }).as_object().expect("an object").clone())
    };
    let user = json!({ "role": "user", "content": "hi" });
    for (messages, words) in [
        (json!([{ "role": "user", "content": "hi", "prefix": true }]), "messages[0].prefix: only the last"),
        (
            json!([{ "role": "assistant", "content": "a", "prefix": true }, user]),
            "messages[0].prefix: only the last",
        ),
        (messages(json!({ "content": 7 })), "messages[1].content: it must be a text"),
        (messages(json!({ "content": [{ "type": "image_url" }] })), "messages[1].content: it must be a text"),
        (messages(json!({ "reasoning_content": {} })), "messages[1].reasoning_content: it must be a text"),
        (messages(json!({ "tool_calls": [] })), "messages[1].tool_calls"),
        (
            json!([user, { "role": "assistant", "content": "a", "prefix": "yes" }]),
            "messages[1].prefix: it must be true",
        ),
    ] {
        common::assert_refused(request(messages).map(|_| ()), "invalid_request", &[words]);
    }

    let scripted = Scripted::new();
    let now = "2025-01-01T00:00:00".parse().expect("a time");
    let thought = request(messages(json!({ "reasoning_content": "I see" }))).expect("a request");
    for (engine, words) in [
        (
            scripted.engine(CLOSED),
            "messages[1].reasoning_content: the model's template has ended the thinking",
        ),
        (
            scripted.without(SILENT, &["<think>", "</think>"]),
            "messages[1].reasoning_content: this model does not think",
        ),
    ] {
        common::assert_refused(engine.fitting_prompt(&thought, now).map(|_| ()), "invalid_request", &[words]);
    }
    let engine = scripted.engine(SILENT);
    let mut formed = request(messages(json!({ "content": "{" }))).expect("a request");
    formed.options.format = Some(json!({ "json_object": true }));
    let control = minke::engine::Control::new(0);
    let done = pollster::block_on(engine.chat(&formed, now, control, &mut |_| {}));
    common::assert_refused(done.map(|_| ()), "invalid_request", &["messages[1].prefix", "held to a form"]);
}
