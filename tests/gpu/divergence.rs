//! How far the engine's distributions are from the exact ones: mean KL divergence on SmolLM2, against a forward
//! pass in f64 that is put together from the scalar twins.

use crate::common;
use crate::common::coverage::{self, Row};
use minke::config::ModelConfig;
use minke::gpu::Dots;
use minke::kv_type::{KvType, KvTypes};
use minke::model::kv_cache::kv_types;
use minke::reference::{attention::attention, dequantise::dequantise, matmul, rms_norm, rope, swiglu};
use pollster::block_on;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    ids: Vec<u32>,
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    position: usize,
    top20: Vec<(u32, f64, f64)>,
}

/// A llama model with tied embeddings, dequantised (MODEL.md).
struct Exact {
    config: ModelConfig,
    tensors: HashMap<String, Vec<f32>>,
}

impl Exact {
    fn load(path: &Path) -> Self {
        let header = common::header(path);
        let file = std::fs::read(path).expect("a readable file");
        let tensor = |t: &minke::gguf::TensorInfo| {
            let bytes = &file[t.offset as usize..][..t.bytes as usize];
            (t.name.clone(), dequantise(t.ty.layout().expect("a layout"), bytes))
        };
        let config = ModelConfig::from_header(&header).expect("a config");
        Self { config, tensors: header.tensors.iter().map(tensor).collect() }
    }

    fn weight(&self, name: &str) -> &[f32] {
        &self.tensors[&format!("{name}.weight")]
    }

    fn project(&self, name: &str, x: &[f64], cols: usize) -> Vec<f64> {
        matmul::matmul(self.weight(name), cols, x).0
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        rms_norm::rms_norm(x, self.weight(name), self.config.rms_eps)
    }

    /// Log-probabilities after every token, `[tokens][n_vocab]`.
    fn log_probabilities(&self, ids: &[u32]) -> Vec<f64> {
        let n = self.config.n_embd;
        let row = |id: &u32| &self.weight("token_embd")[*id as usize * n..][..n];
        let mut x: Vec<f64> = ids.iter().flat_map(row).map(|v| f64::from(*v)).collect();
        for i in 0..self.config.n_layer {
            self.layer(&format!("blk.{i}"), &mut x);
        }
        let logits = self.project("token_embd", &self.norm("output_norm", &x), n);
        logits.chunks(self.config.n_vocab).flat_map(log_softmax).collect()
    }

    fn layer(&self, name: &str, x: &mut [f64]) {
        let c = &self.config;
        let h = self.norm(&format!("{name}.attn_norm"), x);
        let heads = self.attend(name, &h);
        let out = self.project(&format!("{name}.attn_output"), &heads, c.n_head * c.head_dim);
        x.iter_mut().zip(out).for_each(|(x, o)| *x += o);
        let h = self.norm(&format!("{name}.ffn_norm"), x);
        let gate = self.project(&format!("{name}.ffn_gate"), &h, c.n_embd);
        let up = self.project(&format!("{name}.ffn_up"), &h, c.n_embd);
        let rows = gate.chunks(c.n_ff).zip(up.chunks(c.n_ff));
        let gated: Vec<f64> =
            rows.flat_map(|(gate, up)| swiglu::swiglu(&[gate, up].concat(), c.n_ff)).collect();
        let down = self.project(&format!("{name}.ffn_down"), &gated, c.n_ff);
        x.iter_mut().zip(down).for_each(|(x, d)| *x += d);
    }

    fn attend(&self, name: &str, h: &[f64]) -> Vec<f64> {
        let c = &self.config;
        let part = |part: &str| self.project(&format!("{name}.{part}"), h, c.n_embd);
        let (mut q, mut k, v) = (part("attn_q"), part("attn_k"), part("attn_v"));
        let inv_freq = c.rope.inv_freq(None);
        for (all, n) in [(&mut q, c.n_head), (&mut k, c.n_kv_head)] {
            for (i, head) in all.chunks_mut(c.head_dim).enumerate() {
                rope::rope(head, i / n, &inv_freq, c.rope.mscale, c.rope.neox);
            }
        }
        let of_head = |all: &[f64], t: usize, head: usize| -> Vec<f64> {
            all.chunks(c.head_dim).skip(head).step_by(c.n_kv_head).take(t + 1).flatten().copied().collect()
        };
        let heads = q.chunks(c.head_dim).enumerate().flat_map(|(i, query)| {
            let (t, kv) = (i / c.n_head, i % c.n_head / (c.n_head / c.n_kv_head));
            attention(query, &of_head(&k, t, kv), &of_head(&v, t, kv))
        });
        heads.collect()
    }
}

fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().fold(f64::NEG_INFINITY, |m, l| m.max(*l));
    let log_sum = most + logits.iter().map(|l| (l - most).exp()).sum::<f64>().ln();
    logits.iter().map(|l| l - log_sum).collect()
}

/// sum p ln(p / q).
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p.exp() * (p - q)).sum()
}

/// Mean divergence of what the engine says of some positions of texts from what is right.
fn mean_divergence(path: &Path, kv: KvTypes, texts: &[Text]) -> f64 {
    let config = ModelConfig::from_header(&common::header(path)).expect("a config");
    mean_divergence_in(coverage::row_of(config.architecture, 0), path, kv, texts)
}

/// The same in a tier, with its kernels.
fn mean_divergence_in(row: Row, path: &Path, kv: KvTypes, texts: &[Text]) -> f64 {
    let options = row.options.kv(kv);
    let mut context = common::context(common::load(path, &options, Some(512)).expect("a model"));
    let mut divergences = Vec::new();
    for Text { ids, positions, right } in texts {
        let got = block_on(context.logits(ids, positions)).expect("logits");
        assert_eq!(got.len(), right.len());
        for (got, right) in got.iter().zip(right) {
            let got: Vec<f64> = got.iter().map(|l| f64::from(*l)).collect();
            divergences.push(divergence(right, &log_softmax(&got)));
        }
    }
    let mean = divergences.iter().sum::<f64>() / divergences.len() as f64;
    let (file, n, dots) = (path.display(), divergences.len(), context.model().gpu().caps().tuning.dots);
    println!("{file}: {kv}, products by {dots:?}: mean KL divergence {mean:.1e} over {n} positions");
    mean
}

/// A text and the right log-probabilities after some of its tokens, `[positions][n_vocab]`.
struct Text {
    ids: Vec<u32>,
    positions: Vec<usize>,
    right: Vec<Vec<f64>>,
}

const fn kv(keys: KvType, values: KvType) -> KvTypes {
    KvTypes { keys, values }
}

#[test]
#[ignore = "minutes of a real model: npm run test:full"]
fn smollm2_diverges_little_with_any_cache() {
    let path = common::cached(common::SMOLLM2);
    let exact = Exact::load(&path);
    let golden: Golden = common::vectors("smollm2.json");
    let n = exact.config.n_vocab;
    let text = |case: &Case| {
        let all = exact.log_probabilities(&case.ids);
        for check in &case.checks {
            for (id, logprob, _) in &check.top20 {
                let error = (all[check.position * n + *id as usize] - logprob).abs();
                assert!(error < 1e-5, "the exact pass is off golden by {error}");
            }
        }
        let right = all.chunks(n).map(<[f64]>::to_vec).collect();
        Text { ids: case.ids.clone(), positions: (0..case.ids.len()).collect(), right }
    };
    let texts: Vec<_> = golden.cases[..2].iter().map(text).collect();
    let caches = [
        (KvTypes::F32, 1e-6),
        (kv(KvType::F16, KvType::F16), 1e-4),
        (kv(KvType::Q8_0, KvType::Q8_0), 1e-3),
        (kv(KvType::F32, KvType::F16), 1e-4),
        (kv(KvType::F32, KvType::Q8_0), 1e-3),
        (kv(KvType::F16, KvType::Q8_0), 1e-3),
    ];
    for (kv, bound) in &caches {
        let mean = mean_divergence(&path, *kv, &texts).abs();
        assert!(mean < *bound, "{kv}: {mean}");
    }
    let by_bytes = |row: &Row| row.options.model.tuning.is_some_and(|tuning| tuning.dots == Dots::Bytes);
    let row = coverage::rows().into_iter().find(by_bytes).expect("a row");
    for (kv, bound) in &caches[..2] {
        let mean = mean_divergence_in(row.clone(), &path, *kv, &texts).abs();
        assert!(mean < *bound, "by bytes, {kv}: {mean}");
    }
    let right = &texts[0].right[0];
    let reversed: Vec<f64> = right.iter().rev().copied().collect();
    assert!(divergence(right, &reversed) > 1e-4, "the measure sees a wrong distribution");
}

#[derive(Deserialize)]
struct Logits {
    cases: Vec<LogitsCase>,
}

#[derive(Deserialize)]
struct LogitsCase {
    ids: Vec<u32>,
    positions: Vec<usize>,
    logits: Vec<Vec<f64>>,
}

/// A tiny model's texts, from the folder of its reference.
fn tiny(folder: &str, stem: &str) -> Vec<Text> {
    let golden: Logits = common::vectors(&format!("{folder}/{stem}.json"));
    let text = |case: LogitsCase| Text {
        ids: case.ids,
        positions: case.positions,
        right: case.logits.iter().map(|row| log_softmax(row)).collect(),
    };
    let longest = if coverage::full() { usize::MAX } else { 100 };
    golden.cases.into_iter().filter(|case| case.ids.len() <= longest).map(text).collect()
}

/// q8_0 keys are offered because this holds, which Qwen3 needs most: its keys are normed. A full run goes over all models.
#[test]
fn keys_in_q8_0_diverge_little_where_they_are_taken() {
    let mut tried = 0;
    let stems = common::stems("logits").into_iter();
    for stem in stems.filter(|stem| coverage::full() || stem == "qwen3-yarn4-untied") {
        let path = common::vectors_dir().join(format!("models/{stem}.gguf"));
        let config = ModelConfig::from_header(&common::header(&path)).expect("a config");
        let kv = kv(KvType::Q8_0, KvType::F16);
        if kv_types(&config, Some(kv), true).is_err() {
            continue;
        }
        let mean = mean_divergence(&path, kv, &tiny("logits", &stem)).abs();
        assert!(mean < 1e-3, "{stem}: {mean}");
        tried += 1;
    }
    assert!(tried > 0);
}

/// The one with key biases, which are as large as real Qwen2 models': keys in half precision do harm.
#[test]
fn keys_with_biases_diverge_little_in_f32_only() {
    let path = common::vectors_dir().join("outliers/qwen2-kbias-tied.gguf");
    let texts = tiny("outliers", "qwen2-kbias-tied");
    let mean = |keys, values| mean_divergence(&path, kv(keys, values), &texts).abs();
    assert!(mean(KvType::F32, KvType::F32) < 1e-6);
    assert!(mean(KvType::F32, KvType::F16) < 1e-5);
    assert!(mean(KvType::F16, KvType::F16) > 1e-4);
    if coverage::full() {
        assert!(mean(KvType::F32, KvType::Q8_0) < 1e-2);
        assert!(mean(KvType::F16, KvType::Q8_0) > 1e-4);
    }
}
