//! A reply that was cut anywhere goes on as if it had not been.

use crate::common;
use crate::constraints::turns;
use crate::replies::{CONVENTIONS, ENDS, FOR_EVER, Scripted, streamed, tools};
use minke::engine::{Completion, Control, Engine, TextParts, Thinking};
use serde_json::{Value, json};
use std::cell::Cell;

/// All that must be the same.
fn told(done: &Completion) -> String {
    let Completion { tokens, text, reasoning, calls, finish_reason, .. } = done;
    let thoughts = (done.reasoning_finish, done.reasoning_tokens);
    format!("{reasoning:?} {text:?} {calls:?} {finish_reason:?} {thoughts:?} {tokens:?}")
}

/// The whole reply, and after how many of its tokens it was cut, each `step`.
fn resumes(engine: &Engine, fields: &Value, thinking: Option<Thinking>, step: usize) {
    let (whole, _) = streamed(engine, fields.clone(), thinking, Control::new(5));
    assert!(whole.tokens.len() >= 4, "{whole:?}");
    for cut in (0..=whole.tokens.len()).step_by(step) {
        let control = Control { reply: &whole.tokens[..cut], ..Control::new(5) };
        let (done, _) = streamed(engine, fields.clone(), thinking, control);
        assert_eq!(told(&done), told(&whole), "{fields}, cut after {cut} tokens");
    }
}

#[test]
fn scripted_replies_go_on() {
    let scripted = Scripted::new();
    let budget = |budget| Some(Thinking { enabled: None, budget: Some(budget) });
    for end in [FOR_EVER, "Q"] {
        resumes(&scripted.engine(end), &json!({}), budget(7), 1);
    }
    resumes(&scripted.without("Z", &["<think>", "</think>"]), &json!({}), budget(7), 1);
    resumes(&scripted.engine(ENDS), &json!({}), None, 1);
    resumes(&scripted.engine(FOR_EVER), &json!({}), None, 130); // it goes in a circle
    let n_vocab = scripted.engine("X").model().config.n_vocab;
    for (end, budget) in [(FOR_EVER, budget(3)), ("X", None)] {
        let engine = scripted.engine(end).with_grammars(turns(8, n_vocab));
        let fields = json!({ "response_format": { "type": "json_object" }, "temperature": 1.5 });
        resumes(&engine, &fields, budget, 1);
    }
    for (_, end, ..) in CONVENTIONS {
        resumes(&scripted.engine(end), &json!({ "tools": tools() }), None, 1);
    }
    answers_now_go_on(&scripted);
}

/// What the caller wanted then is not asked of it again.
fn answers_now_go_on(scripted: &Scripted) {
    let engine = scripted.engine(FOR_EVER);
    let asked = Cell::new(0);
    let answer_now = || asked.replace(asked.get() + 1) >= 6;
    let control = Control { answer_now: &answer_now, ..Control::new(5) };
    let (whole, _) = streamed(&engine, json!({}), None, control);
    assert_eq!((whole.reasoning_tokens, &*whole.text), (6, "Answer"));
    for cut in 6..=whole.tokens.len() {
        let control = Control {
            reply: &whole.tokens[..cut],
            reasoning_finish: whole.reasoning_finish,
            ..Control::new(5)
        };
        let (done, _) = streamed(&engine, json!({}), None, control);
        assert_eq!(told(&done), told(&whole), "cut after {cut} tokens");
    }
}

#[test]
fn replies_of_random_weights_go_on() {
    let path = common::vectors_dir().join("refuse/control-qwen3.gguf");
    let text = TextParts::from_metadata(&common::header(&path).metadata).expect("a tokenizer");
    let model = common::load(&path, &common::options(), Some(256)).expect("a model");
    let engine = pollster::block_on(Engine::new(&model, text)).expect("a conversation");
    let budget = Some(Thinking { enabled: None, budget: Some(9) });
    for mut fields in [
        json!({ "max_tokens": 25 }),
        json!({ "max_tokens": 25, "repetition_penalty": 1.5, "frequency_penalty": 0.5 }),
        json!({ "max_tokens": 25, "temperature": 1.2, "seed": 11, "presence_penalty": 1.0 }),
        json!({ "max_tokens": 25, "temperature": 1.2, "top_p": 0.9, "logprobs": true }),
    ] {
        fields["logit_bias"] = json!({ "265": -100 }); // which would end it
        resumes(&engine, &fields, budget, 1);
    }
    let reply = |reply| {
        let control = Control { reply, ..Control::new(5) };
        told(&streamed(&engine, json!({ "max_tokens": 25 }), budget, control).0)
    };
    assert_ne!(reply(&[5]), reply(&[]), "the test can fail");
}
