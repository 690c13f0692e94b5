//! Generation: tokens in flight on the GPU are the same as one at a time on the CPU, and leave no trace when dropped.

use crate::common::{self, Options, coverage};
use minke::context::{Context, Request};
use minke::kv_type::{KvType, KvTypes};
use minke::sampler::SamplingParams;
use pollster::block_on;

const PROMPT: [u32; 5] = [1, 5, 9, 2, 7];

const TINY: &str = "refuse/control-qwen3.gguf";

fn context() -> Context {
    with(&common::options(), TINY, 64)
}

fn with(options: &Options, model: &str, n_ctx: usize) -> Context {
    common::context(common::load(&common::vectors_dir().join(model), options, Some(n_ctx)).expect("a model"))
}

fn request(sampling: &SamplingParams, limit: usize, logits: bool) -> Request<'_> {
    Request { prompt: &PROMPT, reply: &[], sampling, entropy: 1, limit, logits, masked: false }
}

/// At most `take` tokens of a generation.
fn tokens(context: &mut Context, request: Request, take: usize) -> Vec<u32> {
    let n_logits = if request.logits { context.model().config.n_vocab } else { 0 };
    let mut generation = block_on(context.generate(request, &|| false)).expect("a generation");
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
    let mut context = context();
    let greedy = SamplingParams { temperature: 0.0, ..SamplingParams::default() };
    for params in [
        greedy.clone(),
        SamplingParams { repetition_penalty: 2.0, ..greedy },
        SamplingParams { frequency_penalty: 0.5, presence_penalty: 0.5, ..SamplingParams::default() },
        SamplingParams { temperature: 1.5, top_k: 50, seed: Some(9), ..SamplingParams::default() },
    ] {
        for limit in [1, 2, 3, 40] {
            let one_at_a_time = tokens(&mut context, request(&params, limit, true), usize::MAX);
            assert_eq!(one_at_a_time.len(), limit);
            assert_eq!(tokens(&mut context, request(&params, limit, false), usize::MAX), one_at_a_time);
        }
    }
}

/// A reply that ends before its limit: what was in flight beyond it does not count.
#[test]
fn a_dropped_generation_leaves_its_tokens_and_no_more() {
    let (mut context, params) = (context(), SamplingParams::default());
    let reply = tokens(&mut context, request(&params, 40, false), 7);
    let next: Vec<u32> = PROMPT.iter().chain(&reply).copied().chain([3, 4]).collect();
    assert_eq!(context.common(&next), PROMPT.len() + reply.len());
    let greedy = SamplingParams { temperature: 0.0, ..params };
    let continued = Request { prompt: &next, ..request(&greedy, 5, false) };
    let kept = tokens(&mut context, continued.clone(), 5);
    assert_eq!(kept, tokens(&mut self::context(), continued, 5), "as from a fresh timeline");
}

/// The cache grows while a reply is generated, and what it held is still there.
#[test]
fn the_cache_grows_within_a_reply() {
    let greedy = SamplingParams { temperature: 0.0, ..SamplingParams::default() };
    let prompt: Vec<u32> = (0..1000).map(|i| i * 7919 % 270).collect();
    // the smaller one's heads are too small for q8_0
    let model = if coverage::full() { "models/qwen3-yarn4-untied.gguf" } else { TINY };
    let types = [KvType::F16, KvType::Q8_0, KvType::F32];
    for kv in types.into_iter().take(if coverage::full() { 3 } else { 1 }) {
        let options = common::options().kv(KvTypes::both(kv));
        let long = || with(&options, model, 5000);
        let mut context = long();
        let reply = tokens(&mut context, Request { prompt: &prompt, ..request(&greedy, 60, false) }, 60);
        let longer = [&prompt[..], &reply[..40]].concat();
        let again = Request { prompt: &longer, ..request(&greedy, 20, false) };
        let large = tokens(&mut long(), again, 20);
        assert_eq!(large, reply[40..], "{kv}: as in a cache that was large from the start");
    }
}

/// A reply ends where the cache cannot grow, and keeps what it has.
#[test]
fn a_reply_ends_where_the_device_has_no_memory() {
    let greedy = SamplingParams { temperature: 0.0, ..SamplingParams::default() };
    let prompt: Vec<u32> = (0..1100).map(|i| i * 7919 % 270).collect();
    let plenty = common::options().kv(KvTypes::F32);
    for logits in [false, true] {
        let wanted = Request { prompt: &prompt[..1000], ..request(&greedy, 60, logits) };
        let mut small = with(&plenty, TINY, 5000);
        // enough for what there is, but for no keys of 2048 positions, which take 64 bytes each
        let gpu = small.model().gpu().clone();
        gpu.limit_memory(Some(0));
        gpu.buffer("one too many", 16).unwrap();
        block_on(gpu.check_allocations()).expect_err("then what earlier reads left is let go of");
        gpu.limit_memory(Some(gpu.live_bytes() + (60 << 10)));
        let reply = tokens(&mut small, wanted.clone(), usize::MAX);
        assert_eq!(reply.len(), 25, "the last token is not run");
        let mut large = with(&plenty, TINY, 5000);
        assert_eq!(reply, tokens(&mut large, wanted, 25));
        assert_eq!(small.common(&[&prompt[..1000], &reply].concat()), 1024);
        let too_long = Request { prompt: &prompt, ..request(&greedy, 1, logits) };
        let error = block_on(small.generate(too_long, &|| false)).expect_err("no memory");
        assert!(matches!(error, minke::Error::OutOfMemory { .. }), "{error}");
    }
}

#[test]
fn a_context_too_small_for_the_limit_is_refused() {
    let (mut context, params) = (context(), SamplingParams::default());
    assert!(block_on(context.generate(request(&params, 59, false), &|| false)).is_ok());
    let error = block_on(context.generate(request(&params, 60, false), &|| false)).expect_err("full");
    assert!(matches!(error, minke::Error::ContextFull { needed: 65, n_ctx: 64 }), "{error}");
    let empty = Request { prompt: &[], ..request(&params, 1, false) };
    assert!(block_on(context.generate(empty, &|| false)).is_err());
}

/// What a decoded token costs: the bars of a 28-layer qwen2.
#[test]
fn a_decoded_token_costs_few_calls() {
    let mut file = common::gguf::tiny();
    let tensors = std::mem::take(&mut file.tensors);
    for layer in 0..28 {
        for tensor in &tensors {
            let name = String::from_utf8_lossy(&tensor.name[8..]).into_owned(); // behind its length
            if layer == 0 || name.starts_with("blk.") {
                file.add(&name.replace("blk.0", &format!("blk.{layer}")), &tensor.dims);
            }
        }
    }
    file.llama("block_count", common::gguf::uint(28));
    file.set("general.architecture", common::gguf::text("qwen2"));
    for (key, _) in &mut file.entries {
        *key = String::from_utf8(key.clone()).expect("UTF-8").replace("llama.", "qwen2.").into_bytes();
    }
    let path = std::env::temp_dir().join(format!("minke-28-layers-{}.gguf", std::process::id()));
    std::fs::write(&path, file.whole()).expect("written");
    let model = common::load(&path, &common::options(), Some(64));
    std::fs::remove_file(&path).expect("removed");
    let mut context = common::context(model.expect("a model"));
    let params = SamplingParams::default();
    tokens(&mut context, request(&params, 40, false), 40);
    let mut generation = block_on(context.generate(request(&params, 41, false), &|| false)).expect("a reply");
    let before = generation.context().model().gpu().counters();
    while block_on(generation.next()).expect("a token").is_some() {}
    let cost = generation.context().model().gpu().counters() - before;
    println!("40 tokens of 28 layers after the first: {cost:?}");
    assert!(cost.dispatches <= 40 * 173, "{cost:?}");
    assert_eq!((cost.passes, cost.submits, cost.maps), (40, 40, 40), "{cost:?}");
    assert_eq!((cost.buffer_writes, cost.bind_groups), (0, 0), "{cost:?}");
    assert_eq!(cost.buffers, 0, "{cost:?}");
}

/// Repacked weights are the file's own bytes, and each is read once for a token.
#[test]
fn weights_read_for_a_token_are_the_files_bytes() {
    let path = common::cached(common::SMOLLM2);
    let model = common::load(&path, &common::options(), Some(64)).expect("a model");
    let tensors = common::header(&path).tensors;
    // its embedding is its output matrix too
    let bytes: u64 = tensors.iter().filter(|tensor| tensor.shape.len() == 2).map(|tensor| tensor.bytes).sum();
    let ratio = model.bytes_per_token() as f64 / bytes as f64;
    assert!((1.0..=1.02).contains(&ratio), "{ratio}");
}

/// A prompt is run in short submits, between which an abort is heard; afterwards all is as if it had not been.
#[test]
fn an_abort_is_heard_within_a_batch() {
    let path = common::cached(common::SMOLLM2);
    let mut context = common::context(common::load(&path, &common::options(), Some(512)).expect("a model"));
    let prompt: Vec<u32> = (0..24).map(|i| i * 7919 % 49_152).collect();
    let params = SamplingParams { temperature: 0.0, ..SamplingParams::default() };
    let wanted = Request { prompt: &prompt, ..request(&params, 4, false) };
    let times = std::cell::RefCell::new(vec![std::time::Instant::now()]);
    let cancelled = || {
        times.borrow_mut().push(std::time::Instant::now());
        times.borrow().len() > 8
    };
    let error = block_on(context.generate(wanted.clone(), &cancelled)).expect_err("an abort");
    assert!(matches!(error, minke::Error::Aborted), "{error}");
    let times = times.into_inner();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
    println!("the longest of {} submits of a 24-token prompt took {longest:?}", times.len() - 1);
    assert!(context.common(&prompt) < 23, "a batch that was not finished does not count");
    let reply = tokens(&mut context, wanted.clone(), 4);
    let mut fresh = block_on(Context::new(context.model())).expect("a context");
    assert_eq!(reply, tokens(&mut fresh, wanted, 4));
}
