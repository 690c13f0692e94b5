//! The CPU sampler: what each parameter keeps, how often each token is drawn, and that a seed repeats a reply.

use minke::engine::ChatRequest;
use minke::sampler::{Sampler, SamplingParams, likeliest, log_sum_exp};
use std::collections::HashMap;

/// Everything off: the model's own distribution.
fn plain() -> SamplingParams {
    SamplingParams { temperature: 1.0, top_p: 1.0, seed: Some(1), ..SamplingParams::default() }
}

/// ln of probabilities 0.4, 0.3, 0.2, 0.08, 0.02, shifted as logits may be.
fn logits() -> Vec<f32> {
    [0.4f32, 0.3, 0.2, 0.08, 0.02].iter().map(|p| p.ln() + 3.0).collect()
}

/// How often each token comes in `n` draws.
fn counts(params: SamplingParams, n: usize) -> [usize; 5] {
    // penalties would see the draws before: a fresh sampler for each, seeded by the one before
    let mut counts = [0; 5];
    for seed in 0..n as u64 {
        let params = SamplingParams { seed: Some(seed), ..params.clone() };
        counts[Sampler::new(params, 0).unwrap().sample(&mut logits()).unwrap() as usize] += 1;
    }
    counts
}

/// Pearson's chi-square of counts against probabilities; tokens of probability 0 must not come.
fn chi_square(counts: [usize; 5], probabilities: [f64; 5]) -> f64 {
    let n: usize = counts.iter().sum();
    let term = |(count, p): (&usize, &f64)| match *p == 0.0 {
        true => {
            if *count == 0 {
                0.0
            } else {
                f64::INFINITY
            }
        }
        false => (*count as f64 - n as f64 * p).powi(2) / (n as f64 * p),
    };
    counts.iter().zip(&probabilities).map(term).sum()
}

/// The 0.1 % point of chi-square with 4 degrees of freedom.
const BOUND: f64 = 18.47;

#[test]
fn draws_follow_the_distribution() {
    let cases = [
        (plain(), [0.4, 0.3, 0.2, 0.08, 0.02]),
        (SamplingParams { top_k: 2, ..plain() }, [4.0 / 7.0, 3.0 / 7.0, 0.0, 0.0, 0.0]),
        (SamplingParams { top_p: 0.85, ..plain() }, [4.0 / 9.0, 3.0 / 9.0, 2.0 / 9.0, 0.0, 0.0]),
        (SamplingParams { min_p: 0.19, ..plain() }, [0.4 / 0.98, 0.3 / 0.98, 0.2 / 0.98, 0.08 / 0.98, 0.0]),
        // entropy 1.32: surprises 0.92, 1.20, 1.61, 2.53, 3.91, so tokens 1, 2 and 0 are the typical ones
        (SamplingParams { typical_p: 0.6, ..plain() }, [4.0 / 9.0, 3.0 / 9.0, 2.0 / 9.0, 0.0, 0.0]),
        (SamplingParams { temperature: 0.5, top_k: 2, ..plain() }, [0.64, 0.36, 0.0, 0.0, 0.0]),
        (
            SamplingParams { logit_bias: HashMap::from([(0, -100.0), (1, -100.0)]), top_k: 2, ..plain() },
            [0.0, 0.0, 5.0 / 7.0, 2.0 / 7.0, 0.0],
        ),
    ];
    for (params, probabilities) in cases {
        let chi = chi_square(counts(params.clone(), 4000), probabilities);
        assert!(chi < BOUND, "chi-square {chi} for {params:?}");
    }
    assert!(chi_square(counts(plain(), 4000), [0.3, 0.4, 0.2, 0.08, 0.02]) > BOUND, "the test can fail");
}

#[test]
fn a_seed_repeats_the_reply_and_another_does_not() {
    let reply = |seed| -> Vec<u32> {
        let mut sampler = Sampler::new(SamplingParams { seed: Some(seed), ..plain() }, 0).unwrap();
        (0..40).map(|_| sampler.sample(&mut logits()).unwrap()).collect()
    };
    assert_eq!(reply(5), reply(5));
    assert_ne!(reply(5), reply(6));
}

#[test]
fn penalties_change_what_was_said() {
    let greedy = SamplingParams { temperature: 0.0, ..plain() };
    let two = |params: SamplingParams| -> Vec<u32> {
        let mut sampler = Sampler::new(params, 0).unwrap();
        (0..3).map(|_| sampler.sample(&mut logits()).unwrap()).collect()
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
    assert!(Sampler::new(plain(), 0).unwrap().sample(&mut [0.0, f32::NAN]).is_err());
}

#[test]
fn log_probabilities_and_ranks() {
    let p: Vec<f32> = logits().iter().map(|l| (l - log_sum_exp(&logits())).exp()).collect();
    assert!((p[3] - 0.08).abs() < 1e-6 && (p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert_eq!(likeliest(&[1.0, 3.0, 3.0, 2.0], 3), [1, 2, 3]);
    assert_eq!(likeliest(&[1.0], 5), [0]);
    assert!(likeliest(&[1.0], 0).is_empty());
}
