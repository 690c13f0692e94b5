//! `minke synth`.

use crate::Shared;
use clap::{Args, ValueEnum};
use half::f16;
use minke::quant::GgmlType::{self, F16, F32, Q4_K, Q6_K, Q8_0};
use minke::{Error, Result};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};

/// Write a model of a real one's size with random weights, to measure with: it speaks nonsense
#[derive(Args)]
pub struct Synth {
    /// Whose shape
    shape: Shape,
    /// What its matrices are quantised to
    quant: Quant,
    /// The file to write
    path: std::path::PathBuf,
    /// Fewer layers than the real one
    #[arg(long, value_name = "N")]
    layers: Option<u32>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shape {
    /// DeepSeek-R1-Distill-Qwen-1.5B
    #[value(name = "qwen-1.5b")]
    Qwen1_5B,
    /// DeepSeek-R1-Distill-Qwen-7B
    #[value(name = "qwen-7b")]
    Qwen7B,
    /// DeepSeek-R1-Distill-Llama-8B
    #[value(name = "llama-8b")]
    Llama8B,
}

#[derive(Clone, Copy, ValueEnum)]
enum Quant {
    #[value(name = "q4_k_m")]
    Q4KM,
    #[value(name = "q8_0")]
    Q80,
    F16,
}

/// A model's dimensions.
struct Dimensions {
    architecture: &'static str,
    name: &'static str,
    n_layer: u32,
    n_embd: u64,
    n_head: u64,
    n_kv_head: u64,
    n_ff: u64,
    n_vocab: u64,
    rope_base: f32,
    eps: f32,
}

const HEAD_DIM: u64 = 128;

impl Shape {
    /// From the models' config.json.
    fn dimensions(self) -> Dimensions {
        let qwen = Dimensions {
            architecture: "qwen2",
            name: "DeepSeek-R1-Distill-Qwen-1.5B",
            n_layer: 28,
            n_embd: 1536,
            n_head: 12,
            n_kv_head: 2,
            n_ff: 8960,
            n_vocab: 151_936,
            rope_base: 10_000.0,
            eps: 1e-6,
        };
        match self {
            Self::Qwen1_5B => qwen,
            Self::Qwen7B => Dimensions {
                name: "DeepSeek-R1-Distill-Qwen-7B",
                n_embd: 3584,
                n_head: 28,
                n_kv_head: 4,
                n_ff: 18_944,
                n_vocab: 152_064,
                ..qwen
            },
            Self::Llama8B => Dimensions {
                architecture: "llama",
                name: "DeepSeek-R1-Distill-Llama-8B",
                n_layer: 32,
                n_embd: 4096,
                n_head: 32,
                n_kv_head: 8,
                n_ff: 14_336,
                n_vocab: 128_256,
                rope_base: 500_000.0,
                eps: 1e-5,
            },
        }
    }
}

impl Synth {
    pub fn run(&self, shared: &Shared) -> Result<()> {
        let mut d = self.shape.dimensions();
        d.n_layer = self.layers.unwrap_or(d.n_layer);
        let io =
            |e: std::io::Error| Error::File { path: self.path.display().to_string(), cause: e.to_string() };
        let tensors = tensors(&d, self.quant);
        let header = header(&d, &tensors);
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&self.path).map_err(io)?);
        file.write_all(&header).map_err(io)?;
        let mut at = header.len();
        for tensor in &tensors {
            let pattern = pattern(tensor.ty);
            let mut left = tensor.bytes() as usize;
            at += left.next_multiple_of(ALIGNMENT);
            let padding = left.next_multiple_of(ALIGNMENT) - left;
            while left > 0 {
                let piece = left.min(pattern.len());
                file.write_all(&pattern[..piece]).map_err(io)?;
                left -= piece;
            }
            file.write_all(&[0; ALIGNMENT][..padding]).map_err(io)?;
        }
        file.flush().map_err(io)?;
        let value = json!({ "name": d.name, "tensors": tensors.len(), "bytes": at });
        shared.print(&value, || format!("{}: {at} bytes", self.path.display()));
        Ok(())
    }
}

const ALIGNMENT: usize = 32;

struct Tensor {
    name: String,
    shape: Vec<u64>,
    ty: GgmlType,
}

impl Tensor {
    fn bytes(&self) -> u64 {
        self.shape.iter().product::<u64>() / u64::from(self.ty.block_len()) * u64::from(self.ty.block_bytes())
    }
}

/// All tensors, with llama.cpp's choice of types for Q4_K_M.
fn tensors(d: &Dimensions, quant: Quant) -> Vec<Tensor> {
    let (most, fine) = match quant {
        Quant::Q4KM => (Q4_K, Q6_K),
        Quant::Q80 => (Q8_0, Q8_0),
        Quant::F16 => (F16, F16),
    };
    let mut all = Vec::new();
    let mut add = |name: String, shape: &[u64], ty| all.push(Tensor { name, shape: shape.into(), ty });
    let (q, kv) = (d.n_head * HEAD_DIM, d.n_kv_head * HEAD_DIM);
    add("token_embd.weight".into(), &[d.n_embd, d.n_vocab], most);
    for i in 0..d.n_layer {
        let eighth = d.n_layer / 8;
        let more_bits = i < eighth || i >= 7 * d.n_layer / 8 || (i - eighth) % 3 == 2;
        let sometimes = if more_bits { fine } else { most };
        let mut add = |stem: &str, shape: &[u64], ty| add(format!("blk.{i}.{stem}"), shape, ty);
        add("attn_norm.weight", &[d.n_embd], F32);
        add("attn_q.weight", &[d.n_embd, q], most);
        add("attn_k.weight", &[d.n_embd, kv], most);
        add("attn_v.weight", &[d.n_embd, kv], sometimes);
        if d.architecture == "qwen2" {
            add("attn_q.bias", &[q], F32);
            add("attn_k.bias", &[kv], F32);
            add("attn_v.bias", &[kv], F32);
        }
        add("attn_output.weight", &[q, d.n_embd], most);
        add("ffn_norm.weight", &[d.n_embd], F32);
        add("ffn_gate.weight", &[d.n_embd, d.n_ff], most);
        add("ffn_up.weight", &[d.n_embd, d.n_ff], most);
        add("ffn_down.weight", &[d.n_ff, d.n_embd], sometimes);
    }
    add("output_norm.weight".into(), &[d.n_embd], F32);
    add("output.weight".into(), &[d.n_embd, d.n_vocab], fine);
    all
}

/// The header, padded to where the tensors start.
fn header(d: &Dimensions, tensors: &[Tensor]) -> Vec<u8> {
    let mut entries = Entries::default();
    entries.text("general.architecture", d.architecture);
    entries.text("general.name", &format!("{} (random weights)", d.name));
    for (key, value) in [
        ("block_count", u64::from(d.n_layer)),
        ("context_length", 131_072),
        ("embedding_length", d.n_embd),
        ("feed_forward_length", d.n_ff),
        ("attention.head_count", d.n_head),
        ("attention.head_count_kv", d.n_kv_head),
    ] {
        entries.uint(&format!("{}.{key}", d.architecture), value as u32);
    }
    entries.float(&format!("{}.rope.freq_base", d.architecture), d.rope_base);
    entries.float(&format!("{}.attention.layer_norm_rms_epsilon", d.architecture), d.eps);
    entries.text("tokenizer.ggml.model", "gpt2");
    entries.text("tokenizer.ggml.pre", if d.architecture == "qwen2" { "qwen2" } else { "llama-bpe" });
    let tokens = vocabulary(d.n_vocab);
    let end = tokens.len() - 1;
    entries.array("tokenizer.ggml.tokens", 8, tokens.len(), tokens.iter().flat_map(|token| string(token)));
    let types = (0..tokens.len()).flat_map(|i| (if i == end { 3i32 } else { 1 }).to_le_bytes());
    entries.array("tokenizer.ggml.token_type", 5, tokens.len(), types);
    entries.array("tokenizer.ggml.merges", 8, 0, std::iter::empty());
    entries.uint("tokenizer.ggml.eos_token_id", end as u32);
    entries.text("tokenizer.chat_template", "{% for m in messages %}{{ m.content }}\n{% endfor %}");

    let mut bytes = [&b"GGUF"[..], &3u32.to_le_bytes(), &(tensors.len() as u64).to_le_bytes()].concat();
    bytes.extend(entries.n.to_le_bytes());
    bytes.extend(entries.bytes);
    let mut offset = 0u64;
    for tensor in tensors {
        bytes.extend(string(&tensor.name));
        bytes.extend((tensor.shape.len() as u32).to_le_bytes());
        bytes.extend(tensor.shape.iter().flat_map(|dim| dim.to_le_bytes()));
        bytes.extend(tensor.ty.id().to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        offset += tensor.bytes().next_multiple_of(ALIGNMENT as u64);
    }
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    bytes
}

/// GPT-2's letters for the 256 bytes, numbered words, and the end token.
fn vocabulary(n: u64) -> Vec<String> {
    let is_itself = |c: &u32| matches!(c, 33..=126 | 161..=172 | 174..=255);
    let others = (256..).take(256 - (0..256).filter(is_itself).count());
    let letters = (0..256u32).filter(is_itself).chain(others).filter_map(char::from_u32);
    let words = (0..).map(|i| format!("w{i}"));
    let mut tokens: Vec<_> = letters.map(String::from).chain(words).take(n as usize - 1).collect();
    tokens.push("<|end|>".into());
    tokens
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// The metadata as bytes.
#[derive(Default)]
struct Entries {
    n: u64,
    bytes: Vec<u8>,
}

impl Entries {
    fn entry(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.n += 1;
        self.bytes.extend([&string(key), &kind.to_le_bytes()[..], value].concat());
    }

    fn uint(&mut self, key: &str, value: u32) {
        self.entry(key, 4, &value.to_le_bytes());
    }

    fn float(&mut self, key: &str, value: f32) {
        self.entry(key, 6, &value.to_le_bytes());
    }

    fn text(&mut self, key: &str, value: &str) {
        self.entry(key, 8, &string(value));
    }

    fn array(&mut self, key: &str, kind: u32, n: usize, elements: impl Iterator<Item = u8>) {
        let mut value = [&kind.to_le_bytes()[..], &(n as u64).to_le_bytes()].concat();
        value.extend(elements);
        self.entry(key, 9, &value);
    }
}

/// About a megabyte of whole blocks: random quants, scales that make weights of about 0.02.
fn pattern(ty: GgmlType) -> Vec<u8> {
    let block = ty.block_bytes() as usize;
    let mut state = 1u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    if ty == F32 {
        return 1f32.to_le_bytes().repeat(1 << 18); // norms, and biases too
    }
    if ty == F16 {
        let mut value = || f16::from_f32((f32::from(byte()) - 127.5) / 4000.0).to_le_bytes();
        return (0..1 << 19).flat_map(|_| value()).collect();
    }
    let mut bytes: Vec<u8> = (0..(1 << 20) / block * block).map(|_| byte()).collect();
    let scales: &[(usize, f32)] = match ty {
        Q4_K => &[(0, 1e-4), (2, 7.5e-4)],
        Q6_K => &[(208, 1.5e-5)],
        _ => &[(0, 2.5e-4)],
    };
    for block in bytes.chunks_mut(block) {
        for (offset, scale) in scales {
            block[*offset..offset + 2].copy_from_slice(&f16::from_f32(*scale).to_le_bytes());
        }
    }
    bytes
}
