//! Several conversations on one model, and what a forward pass takes and gives.

use crate::common::{self, coverage};
use minke::config::Architecture;
use minke::context::{Batch, Context, Request};
use minke::kv_type::KvTypes;
use minke::model::{MAX_BATCH, Model};
use minke::reference::dequantise::dequantise;
use minke::sampler::SamplingParams;
use pollster::block_on;
use std::rc::Rc;

/// Three layers.
const MODEL: &str = "models/qwen3-yarn4-untied.gguf";
/// One, for what takes many passes.
const TINY: &str = "refuse/control-qwen3.gguf";

fn model(n_ctx: usize) -> Rc<Model> {
    load(MODEL, n_ctx)
}

fn load(name: &str, n_ctx: usize) -> Rc<Model> {
    let options = coverage::row_of(Architecture::Qwen3, 0).options.kv(KvTypes::F32);
    common::load(&common::vectors_dir().join(name), &options, Some(n_ctx)).expect("a model")
}

fn context(model: &Rc<Model>) -> Context {
    block_on(Context::new(model)).expect("a context")
}

/// So many ids, other ones for each conversation and turn.
fn ids(conversation: usize, turn: usize, n: usize) -> Vec<u32> {
    (0..n).map(|i| ((conversation * 101 + turn * 13 + i * 7919 + 5) % 270) as u32).collect()
}

/// The reply to what was said so far and some more; both are added to it.
fn reply(context: &mut Context, said: &mut Vec<u32>, conversation: usize, turn: usize) -> Vec<u32> {
    said.extend(ids(conversation, turn, 3 + turn % 12));
    let sampling = SamplingParams { temperature: 1.0, seed: Some(turn as u64), ..SamplingParams::default() };
    let request = Request {
        prompt: said,
        reply: &[],
        sampling: &sampling,
        entropy: 0,
        limit: 9,
        logits: false,
        masked: false,
    };
    let mut generation = block_on(context.generate(request, &|| false)).expect("a reply");
    let mut tokens = Vec::new();
    // now and then a reply is dropped with tokens on their way
    while tokens.len() < if turn.is_multiple_of(3) { 4 } else { 9 } {
        let Some((token, _)) = block_on(generation.next()).expect("a token") else { break };
        tokens.push(token);
    }
    said.extend(&tokens);
    tokens
}

const TURNS: usize = 20;

/// A conversation that has the model for itself.
fn alone(model: &Rc<Model>, conversation: usize) -> Vec<Vec<u32>> {
    let (mut context, mut said) = (context(model), Vec::new());
    (0..TURNS).map(|turn| reply(&mut context, &mut said, conversation, turn)).collect()
}

#[test]
fn two_contexts_take_turns_as_if_each_were_alone() {
    let model = load(TINY, 512);
    let want = [alone(&model, 0), alone(&model, 1)];
    assert_ne!(want[0], want[1]);
    let mut contexts = [context(&model), context(&model)];
    let mut said = [Vec::new(), Vec::new()];
    for (turn, conversation) in (0..TURNS).flat_map(|turn| [(turn, 0), (turn, 1)]) {
        let tokens = reply(&mut contexts[conversation], &mut said[conversation], conversation, turn);
        assert_eq!(tokens, want[conversation][turn], "conversation {conversation}, turn {turn}");
    }
}

/// Replies of two conversations whose tokens come in turns.
#[test]
fn tokens_of_two_contexts_interleave() {
    let model = load(TINY, 512);
    let greedy = SamplingParams { temperature: 0.0, ..SamplingParams::default() };
    let prompts = [ids(0, 0, 30), ids(1, 0, 5)];
    let request = |i: usize| Request {
        prompt: &prompts[i],
        reply: &[],
        sampling: &greedy,
        entropy: 0,
        limit: 30,
        logits: i == 1, // chosen by the CPU
        masked: false,
    };
    let mut contexts = [context(&model), context(&model)];
    let want = [0, 1].map(|i| {
        let mut generation = block_on(contexts[i].generate(request(i), &|| false)).expect("a reply");
        let next = || block_on(generation.next()).expect("a token").map(|(token, _)| token);
        std::iter::from_fn(next).collect::<Vec<_>>()
    });
    let [first, second] = &mut contexts;
    let mut first = block_on(first.generate(request(0), &|| false)).expect("a reply");
    let mut second = block_on(second.generate(request(1), &|| false)).expect("a reply");
    for (a, b) in want[0].iter().zip(&want[1]) {
        let got = [block_on(first.next()), block_on(second.next())];
        let got = got.map(|token| token.expect("a token").expect("not the end").0);
        assert_eq!(got, [*a, *b]);
    }
}

#[test]
fn making_and_growing_a_context_compiles_nothing_and_dropping_it_leaves_nothing() {
    let model = model(4096);
    let gpu = model.gpu();
    let prompt = ids(0, 0, 40);
    block_on(context(&model).logits(&prompt, &[39])).expect("logits"); // makes the staging buffers
    let (before, live) = (gpu.counters(), gpu.live_buffers());
    let mut grown = context(&model);
    let small = gpu.live_buffers() - live;
    block_on(grown.reserve(4096)).expect("room");
    assert_eq!(gpu.live_buffers() - live, small, "what was replaced is gone");
    let long = block_on(grown.logits(&prompt, &[39])).expect("logits");
    let cost = gpu.counters() - before;
    assert_eq!((cost.texts, cost.pipelines), (0, 0));
    assert!(cost.buffers > 0 && cost.bind_groups > 0, "{cost:?}");
    drop(grown);
    for _ in 0..50 {
        drop(context(&model));
    }
    assert_eq!(gpu.live_buffers(), live);
    let mut fresh = context(&model);
    assert_eq!(block_on(fresh.logits(&prompt, &[39])).expect("logits"), long);
}

/// What was in the cache is there after it grew, whichever the layer.
#[test]
fn growing_keeps_keys_and_values() {
    let model = model(4096);
    let (mut small, mut grown) = (context(&model), context(&model));
    let prompt = ids(0, 0, 100);
    for context in [&mut small, &mut grown] {
        block_on(context.logits(&prompt, &[])).expect("no logits");
    }
    block_on(grown.reserve(4096)).expect("room");
    let [small, grown] = [small, grown].map(|mut context| block_on(context.decode(7)).expect("logits"));
    assert_eq!(small, grown);
}

/// f32 rows of the file's embedding.
fn embeddings(ids: &[u32]) -> Vec<f32> {
    let path = common::vectors_dir().join(MODEL);
    let tensors = common::header(&path).tensors;
    let table = tensors.iter().find(|tensor| tensor.name == "token_embd.weight").expect("an embedding");
    let bytes = std::fs::read(&path).expect("a model");
    let bytes = &bytes[table.offset as usize..][..table.bytes as usize];
    let all = dequantise(table.ty.layout().expect("a layout"), bytes);
    let n = table.shape[0] as usize;
    ids.iter().flat_map(|id| all[*id as usize * n..][..n].to_vec()).collect()
}

#[test]
fn a_pass_from_embeddings_is_that_from_ids() {
    let model = model(512);
    for n in [1, 5, 40] {
        let (ids, rows) = (ids(0, n, n), [n - 1]);
        let values = embeddings(&ids);
        let pass = |batch| {
            let mut context = context(&model);
            let logits = block_on(context.forward(batch, &rows, &|| false)).expect("logits");
            // and what it left in the cache
            (context.len(), logits, block_on(context.decode(3)).expect("logits"))
        };
        let (from_ids, from_embeddings) = (pass(Batch::Tokens(&ids)), pass(Batch::Embeddings(&values)));
        assert_eq!(from_ids, from_embeddings, "{n} tokens");
        let mut other = values.clone();
        other[0] += 1.0;
        assert_ne!(pass(Batch::Embeddings(&other)), from_ids);
    }
    let mut context = context(&model);
    let short = block_on(context.forward(Batch::Embeddings(&[0.0; 3]), &[0], &|| false));
    assert!(short.expect_err("no whole row").to_string().contains("3 values"));
    let values = embeddings(&ids(0, 0, 4));
    block_on(context.forward(Batch::Embeddings(&values), &[], &|| false)).expect("a pass");
    assert_eq!(context.common(&ids(0, 0, 4)), 0, "they are no tokens");
}

#[test]
fn the_logits_of_eight_rows_come_with_one_submit() {
    let model = model(512);
    let prompt = ids(0, 0, 60);
    let rows = [0, 3, 4, 17, 30, 31, 58, 59];
    let mut context = context(&model);
    let one_by_one: Vec<_> = rows
        .iter()
        .map(|row| {
            context.truncate(0);
            block_on(context.forward(Batch::Tokens(&prompt), &[*row], &|| false)).expect("logits").remove(0)
        })
        .collect();
    context.truncate(0);
    block_on(context.forward(Batch::Tokens(&prompt), &[], &|| false)).expect("a pass");
    context.truncate(0);
    let before = model.gpu().counters();
    block_on(context.forward(Batch::Tokens(&prompt), &[], &|| false)).expect("a pass");
    let without = model.gpu().counters() - before;
    context.truncate(0);
    let before = model.gpu().counters();
    let together = block_on(context.forward(Batch::Tokens(&prompt), &rows, &|| false)).expect("logits");
    let cost = model.gpu().counters() - before;
    assert!(cost.maps == 1, "{cost:?} {without:?}");
    let off = |a: &[Vec<f32>], b: &[Vec<f32>]| {
        common::worst(a, b, |a, b| common::worst(a, b, |a, b| f64::from((a - b).abs())))
    };
    assert!(off(&together, &one_by_one) <= 1e-5, "{}", off(&together, &one_by_one));
    let mut swapped = together.clone();
    swapped.swap(0, 1);
    assert!(off(&swapped, &one_by_one) > 1e-2);
    context.truncate(0);
    let all: Vec<usize> = (0..60).collect();
    let all = block_on(context.forward(Batch::Tokens(&prompt), &all, &|| false)).expect("logits");
    assert!(off(&rows.map(|row| all[row].clone()), &one_by_one) <= 1e-5);
}

#[test]
fn a_pass_that_makes_no_sense_is_refused() {
    let model = load(TINY, 512);
    let mut context = context(&model);
    for (batch, wanted, words) in [
        (Batch::Tokens(&[1, 2]), &[2][..], "row 2"),
        (Batch::Tokens(&[]), &[], "a batch of 0"),
        (Batch::Tokens(&[1; MAX_BATCH + 1]), &[], "a batch of 513"),
        (Batch::Tokens(&[100_000]), &[], "100000 is not a token id"),
    ] {
        let error = block_on(context.forward(batch, wanted, &|| false)).expect_err(words);
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(context.is_empty());
}

/// Between a prompt's submits another context could overwrite what they have in common.
#[test]
fn contexts_do_not_run_in_the_middle_of_each_others_prompts() {
    let model = load(TINY, 512);
    let mut first = context(&model);
    let second = std::cell::RefCell::new(context(&model));
    let intrude = || {
        let result = block_on(second.borrow_mut().decode(1));
        let error = result.expect_err("not now").to_string();
        assert!(error.contains("in the middle of its prompt"), "{error}");
        false
    };
    block_on(first.forward(Batch::Tokens(&ids(0, 0, 20)), &[19], &intrude)).expect("logits");
    block_on(second.borrow_mut().decode(1)).expect("logits");
}
