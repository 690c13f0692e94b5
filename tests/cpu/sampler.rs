//! The CPU's sampler, which defines what the GPU's must do, and its parameters.

use crate::common::sampling::{logits, on_cpu, plain};
use minke::engine::ChatRequest;
use minke::sampler::{Sampler, SamplingParams, likeliest, log_sum_exp};
use std::collections::HashMap;

#[test]
fn a_seed_repeats_the_reply_and_another_does_not() {
    let reply = |seed| -> Vec<u32> { on_cpu(&SamplingParams { seed: Some(seed), ..plain() }, &logits(), 40) };
    assert_eq!(reply(5), reply(5));
    assert_ne!(reply(5), reply(6));
}

#[test]
fn penalties_change_what_was_said() {
    let greedy = SamplingParams { temperature: 0.0, ..plain() };
    let two = |params: SamplingParams| -> Vec<u32> {
        let mut sampler = Sampler::new(params, 0).unwrap();
        (0..3).map(|position| sampler.sample(&mut logits(), position).unwrap()).collect()
    };
    assert_eq!(two(greedy.clone()), [0, 0, 0]);
    assert_eq!(two(SamplingParams { presence_penalty: 0.5, ..greedy.clone() }), [0, 1, 0]);
    assert_eq!(two(SamplingParams { frequency_penalty: 0.4, ..greedy.clone() }), [0, 1, 0]);
    assert_eq!(two(SamplingParams { repetition_penalty: 1.5, ..greedy }), [0, 1, 2]);
}

#[test]
fn requests_are_read_in_openai_names_and_checked() {
    let request = r#"{"messages": [], "temperature": 0.3, "logit_bias": {"7": -2}, "max_completion_tokens": 9, "stop": "x"}"#;
    let request: ChatRequest = serde_json::from_str(request).unwrap();
    assert_eq!(request.options.sampling.temperature, 0.3);
    assert_eq!(request.options.sampling.logit_bias, HashMap::from([(7, -2.0)]));
    assert_eq!(request.options.max_tokens, Some(9));
    let wrong = serde_json::from_str::<ChatRequest>(r#"{"messages": [], "logit_bias": {"the": 1}}"#);
    assert!(wrong.unwrap_err().to_string().contains("the"));
    for (params, name) in [
        (SamplingParams { temperature: f32::NAN, ..plain() }, "temperature"),
        (SamplingParams { top_p: 0.0, ..plain() }, "top_p"),
        (SamplingParams { min_p: 1.5, ..plain() }, "min_p"),
        (SamplingParams { logit_bias: HashMap::from([(1, f32::INFINITY)]), ..plain() }, "logit_bias"),
    ] {
        assert!(params.check().unwrap_err().to_string().contains(name));
    }
    assert!(Sampler::new(plain(), 0).unwrap().sample(&mut [0.0, f32::NAN], 0).is_err());
}

#[test]
fn log_probabilities_and_ranks() {
    let p: Vec<f32> = logits().iter().map(|l| (l - log_sum_exp(&logits())).exp()).collect();
    assert!((p[3] - 0.08).abs() < 1e-6 && (p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert_eq!(likeliest(&[1.0, 3.0, 3.0, 2.0], 3), [1, 2, 3]);
    assert_eq!(likeliest(&[1.0], 5), [0]);
    assert!(likeliest(&[1.0], 0).is_empty());
}
