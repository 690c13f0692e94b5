//! Files as the loader takes them: what is cut, wrong or hostile is refused before it costs GPU memory.

use crate::common::gguf::{I32, array, string, tiny};
use crate::common::{self, Pieces, assert_refused, parse};
use minke::Result;
use minke::context::Request;
use minke::gpu::Gpu;
use minke::model::{ByteSource, Model, ModelOptions};
use minke::sampler::SamplingParams;
use pollster::block_on;
use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

const MODEL: &str = "models/qwen3-yarn4-untied.gguf";

/// What becomes of a file whose source says that it has `length` bytes, and whether it came to ask for a device.
fn load_of(bytes: &[u8], length: Option<usize>) -> (Result<Model>, bool) {
    let mut source = Pieces::of(bytes, length.map(|n| n as u64));
    let asked = Cell::new(false);
    let loaded = load_from(&mut source, || asked.set(true));
    (loaded, asked.get())
}

/// Loads a small context of it; tells when it comes to ask for a device.
fn load_from(source: &mut impl ByteSource, on_device: impl Fn()) -> Result<Model> {
    let gpu = async || {
        on_device();
        Gpu::request(&common::options().gpu).await
    };
    let options = ModelOptions { n_ctx: Some(16), ..common::options().model };
    let loading = minke::model::load(source, |_| Ok(()), gpu, &options, common::now, |_| {});
    block_on(loading).map(|(model, ..)| model)
}

fn load(bytes: &[u8]) -> Result<Model> {
    load_of(bytes, Some(bytes.len())).0
}

#[test]
fn the_tiny_file_runs() {
    let mut context = common::context(Rc::new(load(&tiny().whole()).expect("a model")));
    let logits = block_on(context.logits(&[1, 2], &[1])).expect("logits");
    assert_eq!(logits[0].len(), 40);
}

#[test]
fn other_files_are_not_gguf() {
    for (bytes, found) in [
        (&b""[..], "empty"),
        (b"GG", "GG"),
        (b"Hello, this is a text.", "Hell"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\n  <html>", "web page"),
        (br#"{"error": "not found"}"#, "{"),
        (b"PK\x03\x04\x14\x00\x00\x00", "PK"),
        (b"GGML\x01\x00\x00\x00", "GGML"),
    ] {
        assert_refused(parse(bytes), "not_gguf", &[found]);
        assert_refused(load(bytes), "not_gguf", &[found]);
    }
}

/// Cut in the tensors: noticed with the header where the length is known, else at the end.
#[test]
fn a_cut_file_names_the_tensor() {
    let file = tiny();
    let (header, whole) = (file.header().len(), file.whole());
    let data = parse(&whole).expect("a header").data_offset as usize;
    for (end, tensor) in [
        (header, "blk.0.attn_norm.weight"),
        (data + 127, "blk.0.attn_norm.weight"),
        (data + 128, "blk.0.attn_q.weight"),
        (whole.len() - 1, "token_embd.weight"),
    ] {
        let (tensor, end_at) = (format!("tensor {tensor} "), format!("ends at byte {end}"));
        let words = [tensor.as_str(), &end_at];
        let (known, asked) = load_of(&whole[..header.max(end)], Some(end));
        assert_refused(known, "gguf_truncated", &words);
        assert!(!asked, "of a device nothing is asked for a file that is cut");
        let (unknown, asked) = load_of(&whole[..end], None);
        assert_refused(unknown, "gguf_truncated", &words);
        assert!(asked);
    }
    assert_refused(load_of(&whole[..header - 1], None).0, "gguf_truncated", &["the GGUF header"]);
}

/// The first 99.6 MB of a model of 4.7 GB.
#[test]
fn the_head_of_a_real_model_is_cut() {
    let path = common::cached(common::DEEPSEEK_HEAD);
    let length = path.metadata().expect("a length").len();
    let header = common::header(&path);
    assert!(header.file_len > 4_500_000_000);
    let cut = header.tensors.iter().find(|t| t.offset + t.bytes > length).expect("a missing tensor");
    let bytes = std::fs::read(&path).expect("a readable file");
    let (loaded, asked) = load_of(&bytes, Some(bytes.len()));
    assert_refused(loaded, "gguf_truncated", &[&format!("tensor {} ", cut.name), &length.to_string()]);
    assert!(!asked);
}

/// What a kernel cannot take is refused when its tensor's place on the GPU is prepared.
#[test]
fn wrong_types_for_the_gpu_are_refused() {
    for (name, added, supported) in [
        ("token_embd.weight", None, "Q4_K"),
        ("output_norm.weight", None, "F32"),
        ("rope_freqs.weight", Some(4), "F32"),
        ("blk.0.attn_k.bias", Some(32), "F32"),
    ] {
        let mut file = tiny();
        added.into_iter().for_each(|n| file.add(name, &[n]));
        file.tensor(name).ty = I32;
        assert_refused(load(&file.whole()), "tensor_type", &[name, "I32", supported]);
    }
}

#[test]
fn tokens_without_a_row_in_the_embedding_are_refused() {
    let mut file = tiny();
    let tokens = |n: usize| array(8, n as u64, &string("a").repeat(n));
    file.set("tokenizer.ggml.tokens", tokens(39)); // real models have rows to spare
    load(&file.whole()).expect("a model");
    file.set("tokenizer.ggml.tokens", tokens(41));
    let words = ["tokenizer.ggml.tokens", "41", "token_embd.weight", "40"];
    let (refused, asked) = load_of(&file.whole(), None);
    assert_refused(refused, "metadata_value", &words);
    assert!(!asked);
}

/// It is not the device that failed.
#[test]
fn logits_that_are_no_numbers_have_an_error_of_their_own() {
    let mut bytes = tiny().whole();
    let tensors = parse(&bytes).expect("a header").tensors;
    let norm = tensors.iter().find(|t| t.name == "output_norm.weight").expect("the last norm");
    bytes[norm.offset as usize..][..norm.bytes as usize].fill(0xff); // NaN
    let mut context = common::context(Rc::new(load(&bytes).expect("a model")));
    let sampling = SamplingParams::default();
    let request = Request {
        prompt: &[1],
        reply: &[],
        sampling: &sampling,
        entropy: 0,
        limit: 1,
        logits: false,
        masked: false,
    };
    let mut generation = block_on(context.generate(request, &|| false)).expect("a token on its way");
    assert_refused(block_on(generation.next()), "not_finite", &["logits"]);
}

/// Behind the header, without which nothing can be placed.
#[test]
fn bytes_may_come_in_any_order() {
    let bytes = std::fs::read(common::vectors_dir().join(MODEL)).expect("a model");
    let header = parse(&bytes).expect("a header");
    let (start, end) = (header.data_offset as usize, bytes.len());
    let middle = start + (end - start) / 2 + 17;
    let pieces = |step: usize, length: usize| {
        (start..end).step_by(step).map(move |at| at..end.min(at + length)).collect::<Vec<_>>()
    };
    let mut scattered = pieces(997, 997);
    scattered.sort_by_key(|piece| (piece.start - start) / 997 % 2); // every other one first
    let orders = [
        pieces(end - start, end - start),
        vec![middle..end, start..middle],
        pieces(5_003, 5_100).into_iter().rev().collect(), // some bytes come twice
        scattered,
    ];
    let load = |order: Vec<Range<usize>>| {
        let pieces = std::iter::once(0..start).chain(order).collect();
        load_from(&mut Ordered { file: &bytes, pieces }, || {})
    };
    let logits = orders.map(|order| {
        let model = load(order).expect("a model");
        block_on(common::context(Rc::new(model)).logits(&[1, 2, 3], &[0, 2])).expect("logits")
    });
    assert!(logits.iter().all(|other| *other == logits[0]));
    let end_at = format!("ends at byte {}", middle - 1);
    assert_refused(load(vec![middle..end, start..middle - 1]), "gguf_truncated", &["tensor ", &end_at]);
}

/// The pieces of a file in some order.
struct Ordered<'f> {
    file: &'f [u8],
    pieces: VecDeque<Range<usize>>,
}

impl ByteSource for Ordered<'_> {
    async fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        let next = self.pieces.pop_front();
        piece.extend(next.iter().flat_map(|range| &self.file[range.clone()]));
        Ok(next.is_some())
    }

    fn position(&self) -> u64 {
        self.pieces.front().map_or(self.file.len(), |next| next.start) as u64
    }

    fn length(&self) -> Option<u64> {
        None
    }
}

/// The file with the bytes of its tensors in the opposite order.
fn turned_round(bytes: &[u8]) -> Vec<u8> {
    let header = parse(bytes).expect("a header");
    let start = header.data_offset as usize;
    let mut turned = bytes[..start].to_vec();
    for tensor in header.tensors.iter().rev() {
        let name = [&(tensor.name.len() as u64).to_le_bytes()[..], tensor.name.as_bytes()].concat();
        let at = bytes.windows(name.len()).position(|window| window == name).expect("its place in the table");
        let offset_at = at + name.len() + 4 + 8 * tensor.shape.len() + 4;
        let offset = (turned.len() - start) as u64;
        turned[offset_at..offset_at + 8].copy_from_slice(&offset.to_le_bytes());
        turned.extend(&bytes[tensor.offset as usize..][..tensor.bytes as usize]);
        turned.resize(turned.len().next_multiple_of(32), 0);
    }
    turned
}

#[test]
fn tensors_may_stand_in_any_order() {
    let bytes = std::fs::read(common::vectors_dir().join(MODEL)).expect("a model");
    let turned = turned_round(&bytes);
    let first = |bytes: &[u8]| parse(bytes).expect("a header").tensors[0].name.clone();
    assert_ne!(first(&turned), first(&bytes));
    let logits = [bytes, turned].map(|bytes| {
        let model = Rc::new(load(&bytes).expect("a model"));
        block_on(common::context(model).logits(&[1, 2], &[1])).expect("logits")
    });
    assert_eq!(logits[0], logits[1]);
}
