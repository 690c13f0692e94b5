//! RoPE, the KV cache and attention, of a prompt and of a token after it, against their scalar twins.

use crate::common::{self, Options, coverage};
use minke::context::Context;
use minke::gpu::{Dots, Extent, Gpu, Splits, Tile, Tuning};
use minke::kernels::attention::attention;
use minke::kernels::decode_attention::{combine, decode_attention, partial_bytes};
use minke::kernels::fixed::Form;
use minke::kernels::rope::{self, HeadBuffers, Heads, RopeParams};
use minke::kv_type::{KvType, KvTypes};
use minke::reference;
use pollster::block_on;

const PROMPT: usize = 70;

/// Deterministic values in [-1, 1).
fn values(n: usize) -> Vec<f32> {
    (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// What attention gives for a prompt, and for a token after it: f32 `[PROMPT + 1][n_head][head_dim]`.
fn attend(gpu: &Gpu, heads: Heads, qkv: &[f32], inv_freq: &[f64]) -> Vec<f32> {
    let n_ctx = PROMPT + 1;
    let params = RopeParams { n_rot: heads.head_dim, neox: true, eps: 0.0 };
    let floats = |values: &[f32]| gpu.buffer_with("values", bytemuck::cast_slice(values)).unwrap();
    let table = floats(&rope::table(inv_freq, 1.0, n_ctx));
    let cache = |what: &str, position: u64| gpu.buffer(what, n_ctx as u64 * position).unwrap();
    let (k_cache, v_cache) = (cache("keys", heads.key_bytes()), cache("values", heads.value_bytes()));
    let partial = gpu.buffer("parts", partial_bytes(heads, n_ctx)).unwrap();
    let mut out = Vec::new();
    for (pos, n) in [(0, PROMPT), (PROMPT, 1)] {
        let row = qkv.len() / n_ctx;
        let qkv = floats(&qkv[pos * row..][..n * row]);
        let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&[pos as u32, n as u32, 0, 0])).unwrap();
        let n_out = n * heads.n_head * heads.head_dim;
        let y = gpu.buffer("out", 4 * n_out as u64).unwrap();
        let buffers = HeadBuffers {
            table: &table,
            batch: &batch,
            head_norms: None,
            qkv: &qkv,
            k_cache: &k_cache,
            v_cache: &v_cache,
        };
        let dispatches = if n == 1 {
            let parts = decode_attention(gpu, heads, params, buffers, &partial);
            [parts, combine(gpu, heads, Form::Floats, [&partial, &batch, &y])]
        } else {
            let turned = rope::rope(gpu, heads, params, buffers);
            [turned, attention(gpu, heads, Form::Floats, [&qkv, &k_cache, &v_cache, &batch, &y])]
        };
        gpu.submit(&dispatches, Extent { tokens: n as u32, positions: (pos + n) as u32 });
        out.extend(bytemuck::pod_collect_to_vec::<_, f32>(
            &block_on(gpu.read(&y, 4 * n_out as u64)).expect("heads"),
        ));
    }
    out
}

/// The twin of [`attend`].
fn attend_exactly(heads: Heads, qkv: &[f32], inv_freq: &[f64]) -> Vec<f64> {
    let Heads { n_head, n_kv_head, head_dim, kv } = heads;
    let turned = |pos: usize, head: usize| {
        let at = (pos * (n_head + 2 * n_kv_head) + head) * head_dim;
        let mut values: Vec<f64> = qkv[at..][..head_dim].iter().map(|v| f64::from(*v)).collect();
        if head < n_head + n_kv_head {
            reference::rope::rope(&mut values, pos, inv_freq, 1.0, true);
        }
        values
    };
    let all = |head| {
        let kv = if head < n_head + n_kv_head { kv.keys } else { kv.values };
        (0..=PROMPT).map(|pos| reference::kv::kept(kv, &turned(pos, head))).collect::<Vec<_>>()
    };
    let cache: Vec<_> = (n_head..n_head + 2 * n_kv_head).map(all).collect();
    let one = |(pos, head): (usize, usize)| {
        let key = head / (n_head / n_kv_head);
        let [keys, values] = [key, key + n_kv_head].map(|head| cache[head][..=pos].concat());
        reference::attention::attention(&turned(pos, head), &keys, &values)
    };
    (0..=PROMPT).flat_map(|pos| (0..n_head).map(move |head| (pos, head))).flat_map(one).collect()
}

/// A head's types, each of keys with another of values.
fn kv_pairs() -> Vec<KvTypes> {
    let [f32, f16, q8_0] = KvType::ALL;
    [(f32, f32), (f16, f16), (q8_0, q8_0), (f32, f16), (f16, q8_0)]
        .map(|(keys, values)| KvTypes { keys, values })
        .into()
}

/// On average, because a value at the middle between two that a cache can keep may become either.
#[test]
fn attention_agrees_with_the_scalar_twin_in_each_kv_type() {
    let fits = |kv: KvTypes, head_dim| kv.keys.check(head_dim).and(kv.values.check(head_dim)).is_ok();
    let [on_gpus, on_cpus] = [(Splits::Many, Tile::Workgroup), (Splits::Few, Tile::Registers)];
    for ((attention, matmul), head_dims) in if coverage::full() {
        [(on_gpus, &[40, 96, 128, 256][..]), (on_cpus, &[96, 256])]
    } else {
        [(on_gpus, &[40, 128][..]), (on_cpus, &[128])]
    } {
        let gpu = Options::default().tuned(Tuning { attention, matmul, ..Tuning::default() }).open();
        for head_dim in head_dims.iter().copied() {
            let pairs = || kv_pairs().into_iter().filter(|kv| fits(*kv, head_dim));
            let heads = |kv| Heads { n_head: 6, n_kv_head: 2, head_dim, kv };
            let qkv = values((PROMPT + 1) * 10 * head_dim);
            let inv_freq: Vec<f64> =
                (0..head_dim / 2).map(|i| 1e4f64.powf(-2.0 * i as f64 / head_dim as f64)).collect();
            let twins: Vec<_> = pairs().map(|kv| (kv, attend_exactly(heads(kv), &qkv, &inv_freq))).collect();
            // every pair of types with the largest heads, with others the usual ones
            for kv in pairs().take(if head_dim >= 128 { 5 } else { 2 }) {
                let got = attend(&gpu, heads(kv), &qkv, &inv_freq);
                for (kept_as, want) in &twins {
                    let errors = got.iter().zip(want).map(|(got, want)| (f64::from(*got) - want).abs());
                    let mean = errors.sum::<f64>() / got.len() as f64;
                    println!(
                        "attention, heads of {head_dim}, {attention:?} splits, tile {matmul:?}, {kv}, twin {kept_as}: {mean:.1e}"
                    );
                    assert_eq!(mean <= 2e-6, kv == *kept_as, "{kv} {kept_as} {head_dim}");
                }
            }
        }
    }
}

/// Heads of usual sizes fit the workgroup memory that any device has, with subgroups and without.
#[test]
fn heads_fit_the_memory_of_any_device() {
    for no_subgroups in [true, false] {
        let mut options = Options::default();
        (options.gpu.no_subgroups, options.gpu.default_limits) = (no_subgroups, true);
        let gpu = options.open();
        let any = gpu.buffer("any", 1 << 16).expect("a buffer");
        for (head_dim, n_head) in [(64, 14), (128, 12), (128, 8), (256, 2)] {
            let heads = Heads { n_head, n_kv_head: 2, head_dim, kv: KvTypes::F32 };
            let params = RopeParams { n_rot: head_dim, neox: true, eps: 1e-6 };
            let buffers = HeadBuffers {
                table: &any,
                batch: &any,
                head_norms: Some((&any, &any)),
                qkv: &any,
                k_cache: &any,
                v_cache: &any,
            };
            decode_attention(&gpu, heads, params, buffers, &any);
            block_on(gpu.finish()).unwrap_or_else(|e| panic!("heads of {head_dim}: {e}"));
        }
    }
}

/// A token at a time, on both sides of the context's length from which on the heads' parts are joined by a kernel of its own
/// (8 parts of 64 positions), and what a prompt gives for the same tokens.
#[test]
fn heads_are_joined_alike_in_short_and_long_contexts() {
    const SHORT: usize = 8 * 64;
    for (dots, bound) in [(Dots::Floats, 1e-4), (Dots::Bytes, 1e-4)] {
        let options = Options::default().tuned(Tuning { dots, ..Tuning::default() }).kv(KvTypes::F32);
        let path = common::vectors_dir().join("models/qwen3-yarn4-untied.gguf");
        let model = common::load(&path, &options, Some(SHORT + 8)).expect("a model");
        let tokens: Vec<u32> = (0..SHORT as u32 + 3).map(|i| (i * 7919 + 5) % 270).collect();
        let mut context = block_on(Context::new(&model)).expect("a context");
        block_on(context.logits(&tokens[..SHORT - 3], &[0])).expect("logits");
        let ends: Vec<usize> = (SHORT - 3..SHORT + 3).collect();
        let mut by_one = Vec::new();
        let mut dispatches = Vec::new();
        for at in &ends {
            let before = model.gpu().counters();
            by_one.push(block_on(context.decode(tokens[*at])).expect("logits"));
            dispatches.push((model.gpu().counters() - before).dispatches);
        }
        let layers = model.config.n_layer as u64;
        assert_eq!(dispatches[3] - dispatches[2], layers, "position {SHORT} is the first of a long context");
        let mut other = block_on(Context::new(&model)).expect("a context");
        let together = block_on(other.logits(&tokens, &ends)).expect("logits");
        for (at, (one, all)) in ends.iter().zip(by_one.iter().zip(&together)) {
            let error = one.iter().zip(all).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
            println!("{dots:?}, position {at}: logits differ by {error:.1e}");
            assert!(error <= bound, "{dots:?}, position {at}: {error}");
        }
        let off = together[0].iter().zip(&together[1]).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(off > bound, "other tokens have other logits");
    }
}
