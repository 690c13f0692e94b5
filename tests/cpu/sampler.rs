//! The CPU's sampler, which defines what the GPU's must do, and its parameters.

use crate::common::sampling::{logits, on_cpu, plain};
use minke::engine::{ChatRequest, WITHOUT_EFFECT};
use minke::sampler::{Sampler, SamplingParams, likeliest, log_sum_exp};
use serde_json::json;
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
        let mut sampler = Sampler::new(params, 0, &[]).unwrap();
        (0..3).map(|position| sampler.sample(&mut logits(), position, None).unwrap()).collect()
    };
    assert_eq!(two(greedy.clone()), [0, 0, 0]);
    assert_eq!(two(SamplingParams { presence_penalty: 0.5, ..greedy.clone() }), [0, 1, 0]);
    assert_eq!(two(SamplingParams { frequency_penalty: 0.4, ..greedy.clone() }), [0, 1, 0]);
    assert_eq!(two(SamplingParams { repetition_penalty: 1.5, ..greedy }), [0, 1, 2]);
}

fn request(fields: serde_json::Value) -> minke::Result<ChatRequest> {
    ChatRequest::from_json(fields.as_object().expect("an object").clone())
}

#[test]
fn requests_are_read_in_openai_names() {
    let read = request(json!({
        "messages": [{ "role": "user" }], "temperature": 0.3, "logit_bias": { "7": -2 }, "max_completion_tokens": 9,
        "max_tokens": null, "stop": "x", "seed": -1, "tools": [{}], "chat_template_kwargs": { "enable_thinking": false },
    }));
    let ChatRequest { chat, options, .. } = read.unwrap();
    assert_eq!((chat.messages.len(), chat.tools.len()), (1, 1));
    assert_eq!(chat.chat_template_kwargs["enable_thinking"], false);
    assert_eq!((options.sampling.temperature, options.sampling.seed), (0.3, Some(u64::MAX)));
    assert_eq!(options.sampling.logit_bias, HashMap::from([(7, -2.0)]));
    assert_eq!((options.max_tokens, options.stop), (Some(9), vec!["x".to_owned()]));
    for (seed, read) in [
        (json!(u64::MAX), u64::MAX),
        (json!(i64::MIN), 1 << 63),
        (json!(9_007_199_254_740_994.0), 9_007_199_254_740_994),
    ] {
        assert_eq!(request(json!({ "seed": seed })).unwrap().options.sampling.seed, Some(read));
    }
    assert!(request(json!({ "tools": [{}], "tool_choice": "none" })).unwrap().chat.tools.is_empty());
    for field in WITHOUT_EFFECT {
        assert!(request(json!({ field: "anything" })).is_ok(), "{field}");
    }
}

#[test]
fn what_a_request_asks_for_in_vain_is_refused_by_name() {
    for (fields, words) in [
        (json!({ "maxTokens": 5 }), "maxTokens: there is no such field; did you mean max_tokens?"),
        (json!({ "temprature": 1 }), "temprature: there is no such field; did you mean temperature?"),
        (json!({ "audio": {} }), "audio: there is no such field"),
        (json!({ "temperature": "hot" }), "temperature: invalid type: string \"hot\""),
        (json!({ "messages": "hello" }), "messages: invalid type: string \"hello\""),
        (json!({ "logit_bias": { "the": 1 } }), "logit_bias: \"the\" is no token id"),
        (json!({ "seed": 0.5 }), "seed: 0.5 is no integer of 64 bits"),
        (json!({ "seed": 1e20 }), "seed: 1e+20 is no integer of 64 bits"),
        (json!({ "stop": [1] }), "stop: it must be a string, or several"),
        (json!({ "n": 2 }), "n: 2 was asked for, but only 1 reply can be made"),
        (json!({ "thinking": { "type": "yes" } }), "thinking: its type must be"),
        (json!({ "thinking": { "type": "enabled", "budget": 5 } }), "thinking: there is no budget in it"),
        (json!({ "reasoning_effort": "much" }), "reasoning_effort: \"much\" is not none"),
        (json!({ "response_format": { "type": "xml" } }), "response_format: {\"type\":\"xml\"} has no type"),
        (
            json!({ "response_format": { "type": "json_schema" } }),
            "response_format: json_schema.schema must be",
        ),
        (json!({ "overflow": "drop" }), "overflow: unknown variant `drop`"),
        (json!({ "modalities": ["audio"] }), "modalities: [\"audio\"] was asked for"),
        (
            json!({ "max_tokens": 1, "max_completion_tokens": 1 }),
            "max_completion_tokens: max_tokens is given too",
        ),
    ] {
        let error = request(fields).expect_err(words);
        assert!(error.to_string().starts_with(words) && error.code() == "invalid_request", "{error}");
    }
    for (params, name) in [
        (SamplingParams { temperature: f32::NAN, ..plain() }, "temperature"),
        (SamplingParams { top_p: -0.1, ..plain() }, "top_p"),
        (SamplingParams { min_p: 1.5, ..plain() }, "min_p"),
        (SamplingParams { logit_bias: HashMap::from([(1, f32::INFINITY)]), ..plain() }, "logit_bias"),
    ] {
        assert!(params.check().unwrap_err().to_string().contains(name));
    }
    assert!(Sampler::new(plain(), 0, &[]).unwrap().sample(&mut [0.0, f32::NAN], 0, None).is_err());
    assert!(Sampler::new(plain(), 0, &[]).unwrap().sample(&mut [], 0, None).is_err(), "no candidate");
}

#[test]
fn a_top_p_of_0_is_greedy() {
    let params = SamplingParams { top_p: 0.0, temperature: 50.0, ..plain() };
    assert_eq!(on_cpu(&params, &[0.0, 1.0, 1.0], 20), [1; 20]);
}

#[test]
fn log_probabilities_and_ranks() {
    let p: Vec<f32> = logits().iter().map(|l| (l - log_sum_exp(&logits())).exp()).collect();
    assert!((p[3] - 0.08).abs() < 1e-6 && (p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert_eq!(likeliest(&[1.0, 3.0, 3.0, 2.0], 3), [1, 2, 3]);
    assert_eq!(likeliest(&[1.0], 5), [0]);
    assert!(likeliest(&[1.0], 0).is_empty());
}
