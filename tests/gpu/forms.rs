//! Answers in a form: the engine's masks by the grammars of `minke-grammar`, as the package puts them together in a worker.

use crate::common::{self, coverage};
use minke::engine::{Constraint, Control, Engine, GenerateOptions, TextParts};
use minke::sampler::SamplingParams;
use minke::tokenizer::Special;
use minke_grammar::{Grammar, Vocabulary};
use pollster::block_on;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

/// One layer: for what takes many tokens.
const TINY: &str = "refuse/control-qwen2.gguf";

/// A grammar in a model's vocabulary.
struct Form {
    grammar: Grammar,
    text: Rc<TextParts>,
}

fn invalid(problem: String) -> minke::Error {
    minke::Error::InvalidRequest { param: "response_format".into(), problem }
}

impl Constraint for Form {
    fn mask(&mut self) -> minke::Result<Vec<u32>> {
        self.grammar.mask().map_err(invalid)
    }

    fn commit(&mut self, token: u32) -> minke::Result<bool> {
        self.grammar.commit(token).map_err(invalid)
    }

    fn forced(&mut self) -> minke::Result<Vec<u32>> {
        let tokenize = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            self.text.tokenizer.encode(text, Special::Text).unwrap_or_default()
        };
        Ok(self.grammar.forced(tokenize))
    }
}

fn vocabulary(text: &TextParts) -> Vocabulary {
    let tokenizer = &text.tokenizer;
    let ids = 0..tokenizer.n_vocab() as u32;
    let tokens: Vec<_> = ids.map(|id| (tokenizer.token_bytes(id), tokenizer.is_special(id))).collect();
    let tokens = tokens.iter().map(|(bytes, special)| (&bytes[..], *special));
    Vocabulary::new(tokens, tokenizer.end_ids()).expect("a vocabulary")
}

fn engine(path: &Path, n_ctx: usize) -> Engine {
    let metadata = common::header(path).metadata;
    let model = common::load(path, &common::options(), Some(n_ctx)).expect("a model");
    let parts = || TextParts::from_metadata(&metadata).expect("a tokenizer");
    let (text, words) = (Rc::new(parts()), Rc::new(vocabulary(&parts())));
    let engine = block_on(Engine::new(&model, parts())).expect("a context");
    engine.with_grammars(Box::new(move |form: Value| {
        let grammar = Grammar::new(&words, &form.to_string()).map_err(invalid);
        let text = text.clone();
        Box::pin(async move { Ok(Box::new(Form { grammar: grammar?, text }) as Box<dyn Constraint>) })
    }))
}

/// A reply at temperature 1. What ends texts and lists is made likelier, or random weights would hardly ever come to an end.
fn reply(engine: &Engine, format: Option<Value>, seed: u64, max_tokens: usize) -> minke::Result<String> {
    let ends = ["\"", "]", "}"].into_iter().filter_map(|end| engine.tokenizer.id(end));
    let logit_bias = ends.map(|id| (id, 4.0)).collect();
    let sampling =
        SamplingParams { temperature: 1.0, top_p: 1.0, seed: Some(seed), logit_bias, ..Default::default() };
    let options = GenerateOptions { sampling, format, max_tokens: Some(max_tokens), ..Default::default() };
    let prompt = engine.raw_prompt("ab").expect("a prompt");
    block_on(engine.generate(prompt, &options, Control::new(0), &mut |_| {})).map(|done| done.text)
}

#[derive(Deserialize)]
struct Case {
    name: String,
    schema: Value,
}

/// What is wrong with a reply.
fn judge(schema: &Value, text: &str) -> Option<String> {
    let validator = jsonschema::options().should_validate_formats(true).build(schema).expect("a schema");
    match serde_json::from_str::<Value>(text) {
        Err(error) => Some(format!("{error}: {text}")),
        Ok(value) => validator.validate(&value).err().map(|error| format!("{error}: {text}")),
    }
}

/// A model of random weights says anything at temperature 1; whatever it says in a schema's form parses and is valid, and only
/// the limit of tokens cuts it.
#[test]
fn answers_are_valid_whatever_the_model_says() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../schemas.json")).expect("schemas with their names");
    assert!(cases.len() >= 50);
    let engine = engine(&common::vectors_dir().join(TINY), 2048);
    let (seeds, every, limit) = if coverage::full() { (5, 1, 1500) } else { (1, 3, 400) };
    let (mut faults, mut tried, mut cut, mut beyond, mut free) = (Vec::new(), 0, 0, 0, 0);
    for Case { name, schema } in cases.iter().step_by(every) {
        for seed in 0..seeds {
            let text = reply(&engine, Some(json!({ "json_schema": schema })), seed, limit).expect("a reply");
            tried += 1;
            match judge(schema, &text) {
                Some(fault) if fault.starts_with("EOF") => cut += 1,
                // JSON, but of a number that this reader has no room for: JavaScript's takes it for infinite
                Some(fault) if fault.starts_with("number out of range") => beyond += 1,
                fault => faults.extend(fault.map(|fault| format!("{name}, seed {seed}: {fault}"))),
            }
        }
        let text = reply(&engine, None, 0, 20).expect("a reply");
        free += usize::from(judge(schema, &text).is_none());
    }
    assert!(faults.is_empty(), "{faults:#?}");
    println!("of {tried} replies {cut} were cut by the limit, {beyond} have a number beyond f64");
    assert!((cut + beyond) * 5 <= tried, "{cut} replies came to no end, {beyond} have too large numbers");
    assert!(free * 10 < tried, "{free} replies without a form are valid: the judge says yes to anything");
}

#[test]
fn a_form_that_is_none_is_refused_with_its_fault() {
    let engine = engine(&common::vectors_dir().join(TINY), 256);
    for (format, words) in [
        (json!({ "regex": "[0-9" }), "regex"),
        (json!({ "lark": "start: unknown" }), "unknown"),
        (json!({ "json_schema": { "type": "thing" } }), "thing"),
    ] {
        let error = reply(&engine, Some(format), 0, 9).expect_err(words);
        assert_eq!(error.code(), "invalid_request");
        assert!(
            error.to_string().starts_with("response_format: ") && error.to_string().contains(words),
            "{error}"
        );
    }
    let digits = reply(&engine, Some(json!({ "regex": "[0-9]{7}" })), 3, 99).expect("a reply");
    assert!(digits.len() == 7 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits:?}");
}

/// The bar: with a schema at least 70 % of free speed. Each token waits for its mask here, and none are on their way ahead.
#[test]
fn a_form_costs_little_speed() {
    let engine = engine(&common::cached(common::SMOLLM2), 256);
    let schema = json!({ "type": "object", "required": ["name"], "properties": { "name": { "type": "string", "minLength": 400 } } });
    let seconds = |format: Option<Value>| {
        let start = Instant::now();
        let text = reply(&engine, format, 1, 13).expect("a reply");
        (start.elapsed().as_secs_f64(), text)
    };
    seconds(Some(json!({ "json_schema": schema })));
    let (free, _) = seconds(None);
    let (formed, text) = seconds(Some(json!({ "json_schema": schema })));
    println!("12 tokens of SmolLM2: {free:.2} s free, {formed:.2} s in a form: {text}");
    assert!(text.starts_with(r#"{"name": ""#), "{text}");
    assert!(free / formed >= 0.7, "{formed:.2} s in a form, {free:.2} s without");
}
