//! A real model against the float64 reference: SmolLM2-135M-Instruct, prompts of golden/smollm2.json.

use crate::common::{self, Options};
use minke::context::Context;
use minke::engine::{Control, Engine, TextParts};
use minke::kv_type::KvTypes;
use minke::sampler::argmax;
use minke::tokenizer::Special;
use pollster::block_on;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    text: String,
    ids: Vec<u32>,
    checks: Vec<Check>,
    greedy: Vec<u32>,
    greedy_margins: Vec<f32>,
    greedy_text: String,
}

#[derive(Deserialize)]
struct Check {
    position: usize,
    top20: Vec<(u32, f64, f64)>,
}

fn log_probability(logits: &[f32], id: u32) -> f64 {
    let most = f64::from(logits[argmax(logits) as usize]);
    let sum: f64 = logits.iter().map(|l| (f64::from(*l) - most).exp()).sum();
    f64::from(logits[id as usize]) - most - sum.ln()
}

/// Largest error of the top 20 log-probabilities.
fn worst(logits: &[Vec<f32>], checks: &[Check]) -> f64 {
    common::worst(logits, checks, |row, check| {
        let got: Vec<f64> = check.top20.iter().map(|(id, ..)| log_probability(row, *id)).collect();
        common::worst(&got, &check.top20, |got, (_, want, _)| (got - want).abs())
    })
}

/// Log-probabilities, and the greedy text.
fn check(context: &mut Context, case: &Case) {
    let bound = 2e-3 * f64::from(common::kv_factor(context.model().kv()));
    let mut positions: Vec<usize> = case.checks.iter().map(|c| c.position).collect();
    positions.push(case.ids.len() - 1);
    positions.dedup();
    let mut logits = block_on(context.logits(&case.ids, &positions)).expect("logits");
    let error = worst(&logits[..case.checks.len()], &case.checks);
    println!("{}: {error:.2e}", case.case);
    assert!(error <= bound, "{}: log-probabilities differ by {error}", case.case);
    let last = logits.pop().expect("the last row");
    check_greedy(context, case, last);
}

fn check_greedy(context: &mut Context, case: &Case, mut logits: Vec<f32>) {
    let near_tie = 0.02 * common::kv_factor(context.model().kv());
    for (step, (want, margin)) in case.greedy.iter().zip(&case.greedy_margins).enumerate() {
        if *margin < near_tie {
            return; // a near-tie: from here on texts may differ
        }
        assert_eq!(argmax(&logits), *want, "{} step {step}", case.case);
        logits = block_on(context.decode(*want)).expect("logits");
    }
}

/// What golden's own bounds are for.
fn exact() -> Options {
    common::options().kv(KvTypes::F32)
}

#[test]
#[ignore = "minutes of a real model: npm run test:full"]
fn prompts_probabilities_and_greedy_text_agree() {
    let golden: Golden = common::vectors("smollm2.json");
    let path = common::cached(common::SMOLLM2);
    let text = TextParts::from_metadata(&common::header(&path).metadata).expect("a tokenizer");
    let mut weakest = common::options().without_subgroups();
    weakest.gpu.default_limits = true;
    weakest.model.no_f16 = true;
    for (options, cases) in [(exact(), golden.cases.len()), (common::options(), 4), (weakest, 2)] {
        let model = common::load(&path, &options, Some(1024)).expect("SmolLM2");
        let mut context = common::context(model);
        for case in &golden.cases[..cases] {
            assert_eq!(text.tokenizer.encode(&case.text, Special::Parse).unwrap(), case.ids, "{}", case.case);
            check(&mut context, case);
        }
    }
}

#[test]
fn the_engine_streams_what_it_returns() {
    let golden: Golden = common::vectors("smollm2.json");
    let case = &golden.cases[0];
    let path = common::cached(common::SMOLLM2);
    let text = TextParts::from_metadata(&common::header(&path).metadata).expect("a tokenizer");
    let model = common::load(&path, &exact(), Some(256)).expect("SmolLM2");
    let engine = block_on(Engine::new(&model, text)).expect("a context");
    let mut options = minke::engine::GenerateOptions::default();
    options.sampling.temperature = 0.0;
    options.max_tokens = Some(8);
    let prompt = engine.raw_prompt(&case.text).unwrap();
    let mut streamed = String::new();
    let mut show = |delta: minke::engine::Delta| streamed += &delta.content;
    let done = block_on(engine.generate(prompt, &options, Control::new(0), &mut show)).unwrap();
    assert_eq!(done.tokens, case.greedy);
    assert_eq!(streamed, done.text);
    assert_eq!(done.text, case.greedy_text.trim_end_matches("<|im_end|>"));
    // log-probabilities are the model's own, whatever the sampling does
    options.logprobs = true;
    options.top_logprobs = 20;
    options.sampling.temperature = 0.1;
    let prompt = engine.raw_prompt(&case.text).unwrap();
    let done = block_on(engine.generate(prompt, &options, Control::new(0), &mut |_| {})).unwrap();
    let texts = done.tokens.iter().filter(|id| !engine.tokenizer.is_end(**id)).count();
    assert_eq!(done.logprobs.content.len(), texts);
    let (first, golden_top) = (&done.logprobs.content[0], &case.checks.last().unwrap().top20);
    assert_eq!(first.bytes, engine.tokenizer.token_bytes(done.tokens[0]));
    assert_eq!(first.top_logprobs.len(), golden_top.len());
    for (got, (id, want, _)) in first.top_logprobs.iter().zip(golden_top) {
        assert_eq!(got.bytes, engine.tokenizer.token_bytes(*id));
        assert!((f64::from(got.logprob) - want).abs() <= 2e-3, "{got:?} instead of {want}");
    }
    options.top_logprobs = 21;
    let prompt = engine.raw_prompt(&case.text).unwrap();
    let refused = block_on(engine.generate(prompt, &options, Control::new(0), &mut |_| {}));
    assert!(refused.unwrap_err().to_string().contains("top_logprobs"));
    options = minke::engine::GenerateOptions { max_tokens: Some(8), ..Default::default() };
    options.sampling.temperature = 0.0;
    // a second turn reuses the cache; a stop string ends the text before it; an abort is an abort
    options.stop = vec!["France".into()];
    let prompt = engine.raw_prompt(&case.text).unwrap();
    let done = block_on(engine.generate(prompt.clone(), &options, Control::new(0), &mut |_| {})).unwrap();
    assert_eq!(done.cached_tokens, case.ids.len() - 1);
    assert_eq!(done.text, "The capital of ");
    let aborted = block_on(engine.generate(
        prompt,
        &options,
        Control { cancelled: &|| true, ..Control::new(0) },
        &mut |_| {},
    ));
    assert!(matches!(aborted, Err(minke::Error::Aborted)), "{aborted:?}");
}

#[test]
#[ignore = "minutes of a real model: npm run test:full"]
fn the_same_model_as_qwen2_says_the_same() {
    let golden: Golden = common::vectors("smollm2.json");
    let path = common::cached(common::SMOLLM2_AS_QWEN2);
    let model = common::load(&path, &exact(), Some(256)).expect("SmolLM2 as qwen2");
    assert!(model.config.rope.neox, "qwen2 turns pairs half a head apart");
    let mut context = common::context(model);
    for case in golden.cases.iter().filter(|case| case.ids.len() < 100) {
        check(&mut context, case);
    }
}

#[test]
fn the_comparator_rejects_wrong_probabilities() {
    let checks = |want| [Check { position: 0, top20: vec![(0, want, 0.0)] }];
    let half = 0.5f64.ln();
    assert!(worst(&[vec![1.0, 1.0]], &checks(half)) < 1e-9);
    assert!(worst(&[vec![1.0, 1.0]], &checks(half + 3e-3)) > 2e-3);
    assert_eq!(worst(&[vec![1.0, f32::NAN]], &checks(half)), f64::INFINITY);
    assert_eq!(worst(&[], &checks(half)), f64::INFINITY);
}
