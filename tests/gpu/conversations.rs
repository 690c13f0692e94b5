//! Conversations that share a model: what each prompt costs, and that none changes another.

use crate::common::{self, coverage};
use minke::context::Request;
use minke::engine::{ChatRequest, Completion, Control, Conversations, Engine, Pooling, TextParts};
use minke::kv_type::KvTypes;
use minke::model::Model;
use minke::reference::dequantise::dequantise;
use minke::sampler::SamplingParams;
use pollster::block_on;
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;

/// One layer, and a template of R1's shape.
const TINY: &str = "refuse/control-qwen3.gguf";

fn model(n_ctx: usize) -> Rc<Model> {
    let options = common::options().kv(KvTypes::F32);
    common::load(&common::vectors_dir().join(TINY), &options, Some(n_ctx)).expect("a model")
}

fn engine(model: &Rc<Model>) -> Engine {
    let header = common::header(&common::vectors_dir().join(TINY));
    let text = TextParts::from_metadata(&header.metadata).expect("a tokenizer");
    block_on(Engine::new(model, text)).expect("a conversation")
}

/// So many ids, other ones for each conversation.
fn ids(conversation: usize, n: usize) -> Vec<u32> {
    (0..n).map(|i| ((conversation * 101 + i * 7919 + i * i % 31 + 5) % 256) as u32).collect()
}

fn off(a: &[f32], b: &[f32]) -> f64 {
    common::worst(a, b, |a, b| f64::from((a - b).abs()))
}

#[test]
fn a_fork_is_as_if_it_had_been_run() {
    let model = model(2000);
    let prompt = ids(0, 1100);
    let mut source = common::context(model.clone());
    block_on(source.logits(&prompt, &[])).expect("a pass");
    for len in [0, 1, 30, 1100, 5000] {
        let mut fork = block_on(source.fork(len)).expect("a fork");
        let len = len.min(prompt.len());
        assert_eq!(fork.len(), len);
        let mut fresh = common::context(model.clone());
        block_on(fresh.logits(&prompt[..len], &[])).expect("a pass");
        let [forked, run] = [&mut fork, &mut fresh].map(|c| block_on(c.decode(7)).expect("logits"));
        assert!(off(&forked, &run) <= 1e-5, "{len} tokens: {}", off(&forked, &run));
        // it goes on by itself, and the source does not notice
        block_on(fork.logits(&ids(1, 60), &[])).expect("a pass");
        assert_eq!(source.len(), prompt.len());
    }
    let mut fresh = common::context(model);
    block_on(fresh.logits(&prompt, &[])).expect("a pass");
    let [kept, run] = [&mut source, &mut fresh].map(|c| block_on(c.decode(7)).expect("logits"));
    assert!(off(&kept, &run) <= 1e-5, "{}", off(&kept, &run));
    let other = block_on(fresh.decode(8)).expect("logits");
    assert!(off(&other, &run) > 1e-2, "the test can fail");
}

/// Generates 5 tokens after `prompt`, to which they are added; how many tokens the cache had.
fn turn(conversations: &Conversations, prompt: &mut Vec<u32>, key: Option<&str>) -> usize {
    let sampling = SamplingParams { temperature: 0.0, ..SamplingParams::default() };
    let mut lease = block_on(conversations.lease(prompt, key)).expect("a conversation");
    let cached = lease.common(prompt);
    let said = prompt.clone();
    let request = Request {
        prompt: &said,
        reply: &[],
        sampling: &sampling,
        entropy: 0,
        limit: 5,
        logits: false,
        masked: false,
    };
    let mut generation = block_on(lease.generate(request, &|| false)).expect("a reply");
    while let Some((token, _)) = block_on(generation.next()).expect("a token") {
        prompt.push(token);
    }
    cached
}

#[test]
fn a_prompt_goes_to_the_conversation_that_it_continues() {
    let model = model(1024);
    let conversations = block_on(Conversations::new(&model)).expect("a conversation");
    let [mut a, mut b] = [0, 1].map(|i| ids(i, 100));
    assert_eq!((turn(&conversations, &mut a, None), conversations.len()), (0, 1), "the one that was empty");
    assert_eq!((turn(&conversations, &mut b, None), conversations.len()), (0, 2));
    // in turns, each costs what is new of it: the last token of a reply was not run
    for round in 0..6 {
        for said in [&mut a, &mut b] {
            let before = said.len();
            said.extend(ids(7 + round, 9));
            assert_eq!(turn(&conversations, said, None), before - 1, "round {round}");
        }
        assert_eq!(conversations.len(), 2);
    }
    // again what was asked, and an edit of what was said last: in place, for nothing else is lost
    let mut again = a[..a.len() - 5].to_vec();
    assert_eq!(turn(&conversations, &mut again, None), again.len() - 5 - 1);
    assert_eq!((&again, conversations.len()), (&a, 2));
    // an edit of what was said earlier: with a copy of what is before it
    let mut edited = [&a[..60], &ids(9, 30)].concat();
    assert_eq!((turn(&conversations, &mut edited, None), conversations.len()), (60, 3));
    for said in [&mut a, &mut edited, &mut b] {
        let before = said.len();
        said.extend([1, 2, 3]);
        assert_eq!(turn(&conversations, said, None), before - 1, "nothing of it was lost");
    }
    // a caller that names its conversation has one, whatever it says
    let mut named = ids(3, 50);
    assert_eq!((turn(&conversations, &mut named, Some("k")), conversations.len()), (0, 4));
    let mut other = [&named[..10], &ids(4, 60)].concat();
    assert_eq!((turn(&conversations, &mut other, Some("k")), conversations.len()), (10, 4));
    let mut lost = named.clone();
    lost.push(1);
    assert_eq!(turn(&conversations, &mut lost, Some("l")), 10, "it was rolled back");
}

#[test]
fn the_least_recently_used_is_let_go_of() {
    let model = model(1024);
    let conversations = block_on(Conversations::new(&model)).expect("a conversation");
    let before = model.gpu().live_bytes();
    let mut all: Vec<Vec<u32>> = (0..12).map(|i| ids(i, 40)).collect();
    for said in &mut all {
        turn(&conversations, said, None);
        turn(&conversations, &mut all_but_reply(said), None);
    }
    assert_eq!(conversations.len(), 8, "8 of 1024 positions");
    let each = (model.gpu().live_bytes() - before) / 7;
    assert!(each < 400 << 10, "{each} bytes each");
    assert_eq!(turn(&conversations, &mut all[11].clone(), None), 44);
    assert_eq!(turn(&conversations, &mut all[4].clone(), None), 44, "the oldest that is left");
    assert_eq!(turn(&conversations, &mut all[0].clone(), None), 0, "gone");
    assert_eq!(turn(&conversations, &mut all[5].clone(), None), 0, "it had to make room");
    assert_eq!(turn(&conversations, &mut all[4].clone(), None), 44, "it had been used since");
}

fn all_but_reply(said: &[u32]) -> Vec<u32> {
    said[..said.len() - 5].to_vec()
}

fn request(messages: &[Value], fields: Value) -> ChatRequest {
    let mut fields = fields.as_object().expect("an object").clone();
    fields.insert("messages".into(), messages.into());
    ChatRequest::from_json(fields).expect("a request")
}

fn chat(engine: &Engine, messages: &[Value], control: Control) -> minke::Result<Completion> {
    reply(engine, messages, 16, control)
}

fn reply(
    engine: &Engine,
    messages: &[Value],
    max_tokens: usize,
    control: Control,
) -> minke::Result<Completion> {
    let budget = json!({ "type": "enabled", "budget_tokens": 8 });
    let request = request(
        messages,
        json!({ "max_tokens": max_tokens, "seed": 3, "temperature": 1, "thinking": budget }),
    );
    let now = "2025-01-01T00:00:00".parse().expect("a time");
    block_on(engine.chat(&request, now, control, &mut |_| {}))
}

fn said(role: &str, content: &str) -> Value {
    json!({ "role": role, "content": content })
}

/// So many turns of a conversation, its messages and its replies.
fn converse(engine: &Engine, name: &str, turns: usize) -> (Vec<Value>, Vec<Completion>) {
    let mut messages = vec![said("system", "You are a helpful assistant.")];
    let mut replies = Vec::new();
    for turn in 0..turns {
        messages.push(said(
            "user",
            &format!("{name} asks for the number {turn} of all that there is to be told."),
        ));
        let done = chat(engine, &messages, Control::new(0)).expect("a reply");
        messages.push(said("assistant", &done.text));
        replies.push(done);
    }
    (messages, replies)
}

#[test]
fn a_turn_costs_what_is_new_and_the_last_answer() {
    let model = model(1024);
    let engine = engine(&model);
    let (mut messages, replies) = converse(&engine, "Ada", 3);
    let count = |text: &Value| {
        let text = text["content"].as_str().expect("a text");
        engine.tokenizer.encode(text, minke::tokenizer::Special::Text).expect("ids").len()
    };
    for turn in 1..3 {
        let done = &replies[turn];
        let new = count(&messages[2 * turn]) + count(&messages[2 * turn + 1]);
        let cost = done.prompt_tokens.len() - done.cached_tokens;
        println!("turn {turn}: {cost} of {} tokens were run, {new} are new", done.prompt_tokens.len());
        assert!(done.reasoning_tokens >= 8 && cost <= new + 8 && cost >= new, "{cost} {new}");
    }
    assert_eq!(engine.conversations.len(), 1);
    let fresh = self::engine(&model);
    let last = chat(&fresh, &messages[..6], Control::new(0)).expect("a reply");
    assert_eq!((last.cached_tokens, &last.tokens), (0, &replies[2].tokens), "as from the start");
    // another conversation in turns with it
    let (_, other) = converse(&engine, "Bob", 2);
    messages.push(said("user", "And now?"));
    let done = chat(&engine, &messages, Control::new(0)).expect("a reply");
    assert!(done.prompt_tokens.len() - done.cached_tokens <= count(&messages[6]) + count(&messages[7]) + 8);
    assert!(other[1].cached_tokens > other[0].prompt_tokens.len() - 8);
    // the same again costs nothing, and an edit in the middle what comes after it
    let again = chat(&engine, &messages, Control::new(0)).expect("a reply");
    assert_eq!((again.cached_tokens, &again.tokens), (again.prompt_tokens.len() - 1, &done.tokens));
    let before = engine.conversations.len();
    let edited = [&messages[..3], &[said("user", "Something else")]].concat();
    let branch = chat(&engine, &edited, Control::new(0)).expect("a reply");
    assert!(branch.prompt_tokens.len() - branch.cached_tokens <= count(&edited[3]) + 8);
    assert_eq!(engine.conversations.len(), before + 1);
    let again = chat(&engine, &messages, Control::new(0)).expect("a reply");
    assert_eq!(again.cached_tokens, again.prompt_tokens.len() - 1, "the one that it branched off is whole");
}

/// Without memory for all, those that are idle are let go of, and the reply is made.
#[test]
fn memory_is_taken_from_idle_conversations() {
    let model = model(4096);
    let engine = engine(&model);
    let long = |name: &str| [said("user", &name.repeat(1500))];
    let want = chat(&engine, &long("x"), Control::new(0)).expect("a reply");
    for name in ["Ada", "Bob", "Cyd"] {
        converse(&engine, name, 1);
    }
    assert_eq!(engine.conversations.len(), 4);
    engine.conversations.forget();
    for name in ["Ada", "Bob", "Cyd"] {
        converse(&engine, name, 1);
    }
    let gpu = model.gpu().clone();
    gpu.limit_memory(Some(0));
    gpu.buffer("one too many", 16).unwrap();
    block_on(gpu.check_allocations()).expect_err("then what earlier reads left is let go of");
    // enough for one of them to grow, but only where the others are gone
    gpu.limit_memory(Some(gpu.live_bytes() + (40 << 10)));
    let done = chat(&engine, &long("x"), Control::new(0)).expect("a reply");
    assert_eq!(done.tokens, want.tokens);
    assert!(engine.conversations.len() < 3, "{}", engine.conversations.len());
    gpu.limit_memory(Some(gpu.live_bytes()));
    let error =
        chat(&engine, &long("yy"), Control::new(0)).expect_err("no memory, nothing left to let go of");
    assert_eq!(error.code(), "out_of_memory");
    gpu.limit_memory(None);
    assert_eq!(chat(&engine, &long("x"), Control::new(0)).expect("a reply").tokens, want.tokens);
}

#[test]
fn aborts_leave_everything_as_it_was() {
    let model = model(512);
    let engine = engine(&model);
    let messages = [said("user", &"tell me of the sea ".repeat(9))];
    let want = reply(&self::engine(&model), &messages, 4, Control::new(0)).expect("a reply").tokens;
    converse(&engine, "Ada", 1);
    let (mut start, mut aborted, mut random) = (0, 0, 1usize);
    let cases = if coverage::full() { 100 } else { 40 };
    for case in 0..cases {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // asked between the submits of the prompt, and after each token, while others are on their way
        let (asked, after) = (Cell::new(0), (random >> 33) % 16);
        let cancelled = || asked.replace(asked.get() + 1) >= after;
        let prompt = [said("user", &format!("{case} {}", "what is it ".repeat(case % 9)))];
        let result = chat(&engine, &prompt, Control { cancelled: &cancelled, ..Control::new(0) });
        aborted += usize::from(matches!(result, Err(minke::Error::Aborted)));
        let right = reply(&engine, &messages, 4, Control::new(0)).expect("a reply");
        assert_eq!(right.tokens, want, "after abort {case}");
        if case == 20 {
            start = model.gpu().live_bytes();
        }
    }
    assert!(aborted > cases / 2, "{aborted} aborts");
    let end = model.gpu().live_bytes();
    assert!(end as f64 <= 1.05 * start as f64, "{start} bytes, then {end}");
}

/// What the file's output matrix, which is its embedding too, makes of a vector.
fn logits_of(hidden: &[f32]) -> Vec<f32> {
    let path = common::vectors_dir().join(TINY);
    let tensors = common::header(&path).tensors;
    let matrix = tensors.iter().find(|tensor| tensor.name == "token_embd.weight").expect("an embedding");
    let bytes = std::fs::read(&path).expect("a model");
    let bytes = &bytes[matrix.offset as usize..][..matrix.bytes as usize];
    let all = dequantise(matrix.ty.layout().expect("a layout"), bytes);
    let dot = |row: &[f32]| row.iter().zip(hidden).map(|(w, x)| f64::from(w * x)).sum::<f64>() as f32;
    all.chunks(hidden.len()).map(dot).collect()
}

#[test]
fn a_text_means_what_the_last_layer_makes_of_it() {
    let model = model(512);
    let engine = engine(&model);
    let mut context = common::context(model.clone());
    for n in [1, 2, 8, 9, 70, 300] {
        let tokens = ids(2, n);
        let hidden = block_on(context.hidden(&tokens, &|| false)).expect("vectors");
        let positions: Vec<usize> = (0..n).collect();
        let want = block_on(context.logits(&tokens, &positions)).expect("logits");
        let got: Vec<Vec<f32>> = hidden.iter().map(|hidden| logits_of(hidden)).collect();
        let worst = common::worst(&got, &want, |got, want| off(got, want));
        assert!(worst <= 1e-3, "{n} tokens: {worst}");
        let shifted = common::worst(&got[1..], &want[..n - 1], |got, want| off(got, want));
        assert!(n == 1 || shifted > 1e-1, "the test can fail");
    }
    let text = "What the sea is, and why it is there. ".repeat(4);
    let tokens = engine.raw_prompt(&text).expect("ids").tokens;
    let hidden = block_on(context.hidden(&tokens, &|| false)).expect("vectors");
    let n = hidden[0].len();
    for (pooling, sum) in [
        (Pooling::Last, hidden[tokens.len() - 1].clone()),
        (Pooling::Mean, (0..n).map(|i| hidden.iter().map(|row| row[i]).sum::<f32>()).collect()),
    ] {
        let length = sum.iter().map(|v| v * v).sum::<f32>().sqrt();
        let want: Vec<f32> = sum.iter().map(|v| v / length).collect();
        let (got, count) = block_on(engine.embed(&text, pooling, &|| false)).expect("a vector");
        assert_eq!(count, tokens.len());
        assert!(off(&got, &want) <= 1e-5, "{pooling:?}: {}", off(&got, &want));
        assert!((got.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let aborted = block_on(engine.embed(&text, Pooling::Mean, &|| true));
    common::assert_refused(aborted, "aborted", &[]);
    common::assert_refused(
        block_on(engine.embed(&"no ".repeat(900), Pooling::Mean, &|| false)),
        "context_full",
        &[],
    );
}
