//! Replies of a scripted model: how thinking ends, and which tools are called.

use crate::common;
use crate::common::script::Script;
use minke::chat::tools::{Convention, Piece};
use minke::engine::{
    Call, ChatRequest, Completion, Control, Delta, Engine, FinishReason, ReasoningFinish, Thinking,
};
use minke::model::Model;
use minke::tokenizer::Special;
use pollster::block_on;
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;

const SPECIAL: [(&str, i32); 9] = [
    ("<think>", 4),
    ("</think>", 4),
    ("<tool_call>", 4),
    ("</tool_call>", 4),
    ("<｜tool▁calls▁begin｜>", 3),
    ("<｜tool▁call▁begin｜>", 3),
    ("<｜tool▁sep｜>", 3),
    ("<｜tool▁call▁end｜>", 3),
    ("<｜tool▁calls▁end｜>", 3),
];

/// Each prompt ends in one of the first tokens: what a template ends in says what the model does.
const CHAINS: [&[&str]; 9] = [
    // behind an open `<think>`: round and round, or to an end
    &["\n", "hm", "so", "wait", "hm"],
    &[" ", "one", " two", "</think>", "\n\n", "An", "swer", "<|im_end|>"],
    // the model opens it, in a token or in text
    &["Q", "<think>", "\n"],
    &["Z", "<th", "ink>", "\n"],
    &["X", "An"],
    &[
        "H",
        "Sure.",
        "\n<tool_call>\n{\"name\": \"add\", ",
        "\"arguments\": {\"a\"",
        ": 1}}\n</tool",
        "_call>\n",
        "<tool_call>",
        "{\"name\": \"add\", \"arguments\": {\"b\": 2}}",
        "</tool_call>",
        "<|im_end|>",
    ],
    &[
        "D",
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁call▁begin｜>",
        "function",
        "<｜tool▁sep｜>",
        "add\n```json\n",
        "{\"a\"",
        ":1}",
        "\n```",
        "<｜tool▁call▁end｜>",
        "<｜tool▁calls▁end｜>",
        "<|im_end|>",
    ],
    &[
        "V",
        "<｜tool▁calls▁begin｜><｜tool",
        "▁call▁begin｜>add<｜tool▁sep｜>",
        "{\"c\": 3}",
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ],
    &["L", "{\"name\": \"add\", \"para", "meters\": {\"a\":", " 4}}", "<|im_end|>"],
];

/// A model for all tests of this file, with engines for templates.
pub struct Scripted {
    script: Script,
    model: Rc<Model>,
}

impl Scripted {
    pub fn new() -> Self {
        let mut script = Script::new(&SPECIAL, &CHAINS);
        let model = script.model(&common::options());
        Self { script, model }
    }

    /// With a template that ends so.
    pub fn engine(&self, end: &str) -> Engine {
        self.without(end, &[])
    }

    pub fn without(&self, end: &str, special: &[&str]) -> Engine {
        let template = format!("{{% for m in messages %}}{{{{ m.content }}}};{{% endfor %}}{end}");
        self.script.engine(&self.model, &template, special)
    }
}

/// What was streamed of a reply, put together.
#[derive(Default)]
pub struct Streamed {
    pub reasoning: String,
    pub content: String,
    pub calls: Vec<Piece>,
    pub tokens: Vec<u32>,
    pub finish: Option<ReasoningFinish>,
}

pub fn streamed(
    engine: &Engine,
    fields: Value,
    thinking: Option<Thinking>,
    control: Control,
) -> (Completion, Streamed) {
    let mut fields = fields.as_object().expect("an object").clone();
    fields.entry("messages").or_insert(json!([{ "role": "user", "content": "hi" }]));
    fields.entry("temperature").or_insert(json!(0));
    let mut request = ChatRequest::from_json(fields).expect("a request");
    request.options.thinking = thinking.unwrap_or(request.options.thinking);
    let mut got = Streamed::default();
    let mut show = |delta: Delta| {
        got.reasoning += &delta.reasoning;
        got.content += &delta.content;
        got.calls.extend(delta.calls);
        got.tokens.extend(delta.tokens);
        got.finish = delta.reasoning_finish;
    };
    let now = "2025-01-01T00:00:00".parse().expect("a time");
    let done = block_on(engine.chat(&request, now, control, &mut show)).expect("a reply");
    assert_eq!(
        (&got.reasoning, &got.content),
        (&done.reasoning, &done.text),
        "what was streamed is the whole"
    );
    assert!(done.tokens.starts_with(&got.tokens), "{:?} {:?}", got.tokens, done.tokens);
    (done, got)
}

pub fn ask(engine: &Engine, fields: Value) -> Completion {
    streamed(engine, fields, None, Control::new(0)).0
}

/// Reasoning, answer, why either ended, and how many tokens were thoughts.
fn parts(done: &Completion) -> (&str, &str, Option<ReasoningFinish>, FinishReason, usize) {
    (&done.reasoning, &done.text, done.reasoning_finish, done.finish_reason, done.reasoning_tokens)
}

/// Templates' ends: the model thinks for ever, or to an end.
pub const FOR_EVER: &str = "{{ '<think>\\n' }}";
pub const ENDS: &str = "{{ '<think> ' }}";

const TAGS: [&str; 2] = ["<think>", "</think>"];

#[test]
fn thinking_ends_as_it_should() {
    let scripted = Scripted::new();
    ends_by_itself(&scripted);
    budgets(&scripted);
    answers_now(&scripted);
    circles(&scripted);
    on_and_off(&scripted);
}

fn ends_by_itself(scripted: &Scripted) {
    let ends = scripted.engine(ENDS);
    let stop = Some(ReasoningFinish::Stop);
    // the token that ends it is one of them
    assert_eq!(parts(&ask(&ends, json!({}))), ("one two", "Answer", stop, FinishReason::Stop, 3));
    let wide = ask(&ends, json!({ "thinking": { "type": "enabled", "budget_tokens": 100 } }));
    assert_eq!(parts(&wide), ("one two", "Answer", stop, FinishReason::Stop, 3));
    let none = ask(&scripted.engine("X"), json!({}));
    assert_eq!(parts(&none), ("", "Answer", None, FinishReason::Stop, 0));
    let cut = ask(&ends, json!({ "max_tokens": 2 }));
    assert_eq!(parts(&cut), ("one two", "", None, FinishReason::Length, 2));
}

/// Engines in which the model thinks for ever, how many tokens begin its reply before it thinks, and how many of its thoughts
/// are the line end behind its own `<think>`.
fn for_ever(scripted: &Scripted) -> [(Engine, usize, usize); 4] {
    [
        (scripted.engine(FOR_EVER), 0, 0),
        (scripted.engine("Q"), 1, 1),
        (scripted.without(FOR_EVER, &TAGS), 0, 0),
        (scripted.without("Z", &TAGS), 2, 1),
    ]
}

fn budgets(scripted: &Scripted) {
    for (engine, before, line_ends) in for_ever(scripted) {
        for (budget, thoughts) in [(1, "hm"), (5, "hmsowaithmso"), (6, "hmsowaithmsowait")] {
            let budget = budget + line_ends;
            let thinking = Some(Thinking { enabled: None, budget: Some(budget) });
            let (done, got) = streamed(&engine, json!({}), thinking, Control::new(0));
            let budget_spent = Some(ReasoningFinish::Budget);
            assert_eq!(parts(&done), (thoughts, "Answer", budget_spent, FinishReason::Stop, budget));
            assert_eq!(got.finish, budget_spent);
            let close = engine.tokenizer.encode("\n</think>\n\n", Special::Parse).expect("ids");
            assert!(done.tokens[before + budget..].starts_with(&close), "{:?}", done.tokens);
        }
        let short = ask(&engine, json!({ "max_tokens": 20, "reasoning_effort": "minimal" }));
        assert_eq!((short.reasoning_finish, short.tokens.len(), &*short.text), (None, 20, ""));
    }
    let [(engine, ..), ..] = for_ever(scripted);
    let done =
        ask(&engine, json!({ "thinking": { "type": "enabled", "budget_tokens": 4 }, "max_tokens": 6 }));
    assert_eq!((done.tokens.len(), done.finish_reason, &*done.text), (6, FinishReason::Length, ""));
}

fn answers_now(scripted: &Scripted) {
    for (engine, before, line_ends) in for_ever(scripted) {
        for after in [0, 1, 7] {
            let asked = Cell::new(0);
            // it is asked before each token of reasoning
            let answer_now = || asked.replace(asked.get() + 1) >= after + line_ends;
            let control = Control { answer_now: &answer_now, ..Control::new(0) };
            let (done, _) = streamed(&engine, json!({}), None, control);
            let want = Some(ReasoningFinish::AnswerNow);
            let thoughts = after + line_ends;
            assert_eq!(
                (done.reasoning_finish, done.reasoning_tokens, &*done.text),
                (want, thoughts, "Answer")
            );
            let close = engine.tokenizer.encode("\n</think>\n\n", Special::Parse).expect("ids");
            assert!(done.tokens[before + thoughts..].starts_with(&close), "{:?}", done.tokens);
        }
    }
}

fn circles(scripted: &Scripted) {
    let [first, _, _, last] = for_ever(scripted);
    for (engine, _, line_ends) in [first, last] {
        let done = ask(&engine, json!({}));
        let want = Some(ReasoningFinish::Repetition);
        assert_eq!((done.reasoning_finish, &*done.text), (want, "Answer"));
        assert_eq!(done.reasoning_tokens, 256 + 32 * line_ends);
    }
}

fn on_and_off(scripted: &Scripted) {
    let off = [json!({ "thinking": { "type": "disabled" } }), json!({ "reasoning_effort": "none" })];
    let none = json!({ "thinking": { "type": "enabled", "budget_tokens": 0 } });
    for fields in off.into_iter().chain([none]) {
        for end in [FOR_EVER, "Q"] {
            let done = ask(&scripted.engine(end), fields.clone());
            assert_eq!(parts(&done), ("", "Answer", None, FinishReason::Stop, 0), "{end:?} {fields}");
        }
    }
    // the model that would answer at once is made to think
    let fields = json!({ "thinking": { "type": "enabled", "budget_tokens": 2 } });
    let done = ask(&scripted.engine("X"), fields.clone());
    assert_eq!((&*done.reasoning, &*done.text), ("hmso", "Answer"));
    let request =
        json!({ "messages": [{ "role": "user", "content": "hi" }], "thinking": fields["thinking"] });
    let request = ChatRequest::from_json(request.as_object().expect("an object").clone()).expect("a request");
    let now = "2025-01-01T00:00:00".parse().expect("a time");
    let cannot = scripted.without("X", &TAGS).fitting_prompt(&request, now);
    common::assert_refused(cannot.map(|_| ()), "invalid_request", &["thinking: this model does not think"]);
    let closed = scripted.engine("{{ '<think>\\n\\n</think>\\n\\n' }}").fitting_prompt(&request, now);
    common::assert_refused(
        closed.map(|_| ()),
        "invalid_request",
        &["thinking: the model's template has ended it"],
    );
}

const ADD: &str = "add";

pub fn tools() -> Value {
    json!([{ "type": "function", "function": { "name": ADD, "parameters": { "type": "object" } } }])
}

/// Each convention: what its template mentions and ends in, what is said before, and the arguments of its calls.
pub const CONVENTIONS: [(Convention, &str, &str, &[&str]); 4] = [
    (
        Convention::Hermes,
        "{# tools <tool_call> \"arguments\": #}{% if tools %}H{% else %}X{% endif %}",
        "Sure.",
        &["{\"a\": 1}", "{\"b\": 2}"],
    ),
    (
        Convention::DeepSeekR1,
        "{# tools <｜tool▁call▁begin｜> ```json #}{% if tools %}D{% else %}X{% endif %}",
        "",
        &["{\"a\":1}"],
    ),
    (
        Convention::DeepSeekV31,
        "{# tools <｜tool▁call▁begin｜> #}{% if tools %}V{% else %}X{% endif %}",
        "",
        &["{\"c\": 3}"],
    ),
    (
        Convention::Llama,
        "{# tools <|start_header_id|> \"parameters\": #}{% if tools %}L{% else %}X{% endif %}",
        "",
        &["{\"a\": 4}"],
    ),
];

#[test]
fn models_call_tools_in_their_own_way() {
    let scripted = Scripted::new();
    for (convention, end, said, arguments) in CONVENTIONS {
        let engine = scripted.engine(end);
        assert_eq!(engine.convention(), Some(convention));
        let (done, got) = streamed(&engine, json!({ "tools": tools() }), None, Control::new(0xab));
        let all: Vec<Call> = arguments.iter().enumerate().map(|(i, arguments)| call(i, arguments)).collect();
        assert_eq!((&*done.text, &done.calls), (said, &all), "{convention:?}");
        assert_eq!(done.finish_reason, FinishReason::ToolCalls);
        assert_eq!(put_together(&got.calls), all, "as it was streamed");
        let pieces =
            got.calls.iter().filter(|piece| matches!(piece, Piece::Arguments { index: 0, .. })).count();
        assert!(pieces > 1 || convention == Convention::DeepSeekV31, "{convention:?}: {pieces} pieces");
        let one = ask(&engine, json!({ "tools": tools(), "parallel_tool_calls": false }));
        assert_eq!((one.calls.len(), one.finish_reason), (1, FinishReason::ToolCalls));
        assert!(one.tokens.len() < done.tokens.len(), "it ends with the call");
        let none = ask(&engine, json!({ "tools": tools(), "tool_choice": "none" }));
        assert_eq!((&*none.text, none.calls.len(), none.finish_reason), ("Answer", 0, FinishReason::Stop));
    }
    // of tools that it does not know of, no call is read
    let hermes = scripted.engine("H{# <tool_call> \"arguments\": #}");
    let plain = ask(&hermes, json!({}));
    assert!(plain.calls.is_empty() && plain.text.contains("\"arguments\""), "{plain:?}");
    assert_eq!(plain.finish_reason, FinishReason::Stop);
}

fn call(index: usize, arguments: &str) -> Call {
    Call { id: format!("call_ab_{index}"), name: ADD.into(), arguments: arguments.into() }
}

fn put_together(pieces: &[Piece]) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Content(text) => panic!("{text}"),
            Piece::Call { index, id, name } => {
                assert_eq!(*index, calls.len());
                calls.push(Call { id: id.clone(), name: name.clone(), arguments: String::new() });
            }
            Piece::Arguments { index, text } => calls[*index].arguments += text,
        }
    }
    calls
}
