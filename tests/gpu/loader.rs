//! Files as the loader takes them: what is cut, wrong or hostile is refused before it costs GPU memory.

use crate::common::gguf::{I32, array, string, tiny};
use crate::common::{self, assert_refused, parse};
use minke::Result;
use minke::gpu::Gpu;
use minke::model::{Loader, Model};
use minke::sampler::SamplingParams;
use pollster::block_on;

fn loader(length: Option<usize>) -> Loader {
    let gpu = block_on(Gpu::request(&common::options())).expect("lavapipe or a GPU");
    Loader::new(gpu, Some(16), length.map(|n| n as u64), common::now)
}

fn load(bytes: &[u8]) -> Result<Model> {
    let mut loader = loader(Some(bytes.len()));
    bytes.chunks(1000).try_for_each(|piece| block_on(loader.push(piece)))?;
    block_on(loader.finish())
}

#[test]
fn the_tiny_file_runs() {
    let mut model = load(&tiny().whole()).expect("a model");
    let logits = block_on(model.forward(&[1, 2], 0, &[1], &|| false)).expect("logits");
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
        let mut known = loader(Some(end));
        assert_refused(block_on(known.push(&whole[..header])), "gguf_truncated", &words);
        assert_eq!(known.gpu().unwrap().counters().buffers, 0);
        let mut unknown = loader(None);
        block_on(unknown.push(&whole[..end])).expect("so far so good");
        assert!(unknown.gpu().unwrap().counters().buffers > 0);
        assert_refused(block_on(unknown.finish()), "gguf_truncated", &words);
    }
    let mut unknown = loader(None);
    block_on(unknown.push(&whole[..header - 1])).expect("so far so good");
    assert_refused(block_on(unknown.finish()), "gguf_truncated", &["the GGUF header"]);
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
    let mut loader = loader(Some(bytes.len()));
    let pushed = block_on(loader.push(&bytes[..header.data_offset as usize]));
    assert_refused(pushed, "gguf_truncated", &[&format!("tensor {} ", cut.name), &length.to_string()]);
    assert_eq!(loader.gpu().unwrap().counters().buffers, 0);
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
    let mut loader = loader(None);
    let words = ["tokenizer.ggml.tokens", "41", "token_embd.weight", "40"];
    assert_refused(block_on(loader.push(&file.header())), "metadata_value", &words);
    assert_eq!(loader.gpu().unwrap().counters().buffers, 0);
}

/// It is not the device that failed.
#[test]
fn logits_that_are_no_numbers_have_an_error_of_their_own() {
    let mut bytes = tiny().whole();
    let tensors = parse(&bytes).expect("a header").tensors;
    let norm = tensors.iter().find(|t| t.name == "output_norm.weight").expect("the last norm");
    bytes[norm.offset as usize..][..norm.bytes as usize].fill(0xff); // NaN
    let mut model = load(&bytes).expect("a model");
    model.start_sampling(&SamplingParams::default(), 0);
    let mut token = block_on(model.sample_after(&[1], 0, &|| false)).expect("a token on its way");
    assert_refused(block_on(model.receive(&mut token)), "not_finite", &["logits"]);
}
