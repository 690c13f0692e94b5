//! Generation: tokens in flight on the GPU are the same as one at a time on the CPU, and leave no trace when dropped.

use minke::gpu::GpuOptions;
use minke::sampler::SamplingParams;
use minke::session::{Request, Session};
use pollster::block_on;

mod common;

const PROMPT: [u32; 5] = [1, 5, 9, 2, 7];

fn session() -> Session {
    let path = common::vectors_dir().join("refuse/control-qwen3.gguf");
    Session::new(common::load(&path, &GpuOptions::default(), Some(64)).expect("a model"))
}

fn request(sampling: &SamplingParams, limit: usize, logits: bool) -> Request<'_> {
    Request { prompt: &PROMPT, sampling, entropy: 1, limit, logits }
}

/// At most `take` tokens of a generation.
fn tokens(session: &mut Session, request: Request, take: usize) -> Vec<u32> {
    let n_logits = if request.logits { session.model().config.n_vocab } else { 0 };
    let mut generation = block_on(session.generate(request, &|| false)).expect("a generation");
    let mut tokens = Vec::new();
    while tokens.len() < take {
        let Some((token, logits)) = block_on(generation.next()).expect("a token") else { break };
        assert_eq!(logits.len(), n_logits);
        tokens.push(token);
    }
    tokens
}

#[test]
fn tokens_in_flight_are_those_of_one_at_a_time() {
    let mut session = session();
    let greedy = SamplingParams { temperature: 0.0, ..SamplingParams::default() };
    for params in [
        greedy.clone(),
        SamplingParams { repetition_penalty: 2.0, ..greedy },
        SamplingParams { frequency_penalty: 0.5, presence_penalty: 0.5, ..SamplingParams::default() },
        SamplingParams { temperature: 1.5, top_k: 50, seed: Some(9), ..SamplingParams::default() },
    ] {
        for limit in [1, 2, 3, 40] {
            let one_at_a_time = tokens(&mut session, request(&params, limit, true), usize::MAX);
            assert_eq!(one_at_a_time.len(), limit);
            assert_eq!(tokens(&mut session, request(&params, limit, false), usize::MAX), one_at_a_time);
        }
    }
}

/// A reply that ends before its limit: what was in flight beyond it does not count.
#[test]
fn a_dropped_generation_leaves_its_tokens_and_no_more() {
    let (mut session, params) = (session(), SamplingParams::default());
    let reply = tokens(&mut session, request(&params, 40, false), 7);
    let next: Vec<u32> = PROMPT.iter().chain(&reply).copied().chain([3, 4]).collect();
    assert_eq!(session.common(&next), PROMPT.len() + reply.len());
    let greedy = SamplingParams { temperature: 0.0, ..params };
    let continued = Request { prompt: &next, ..request(&greedy, 5, false) };
    let kept = tokens(&mut session, continued.clone(), 5);
    assert_eq!(kept, tokens(&mut self::session(), continued, 5), "as from a fresh timeline");
}

#[test]
fn a_context_too_small_for_the_limit_is_refused() {
    let (mut session, params) = (session(), SamplingParams::default());
    assert!(block_on(session.generate(request(&params, 59, false), &|| false)).is_ok());
    let error = block_on(session.generate(request(&params, 60, false), &|| false)).expect_err("full");
    assert!(matches!(error, minke::Error::ContextFull { needed: 65, n_ctx: 64 }), "{error}");
    let empty = Request { prompt: &[], ..request(&params, 1, false) };
    assert!(block_on(session.generate(empty, &|| false)).is_err());
}
