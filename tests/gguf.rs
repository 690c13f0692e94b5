//! Bad input: every broken, cut or hostile file is a typed error that names what is wrong, and costs
//! neither a panic nor memory by a number that the file states.

use minke::config::ModelConfig;
use minke::engine::TextParts;
use minke::gguf::{Header, HeaderParser};
use minke::gpu::{Gpu, GpuOptions};
use minke::kv_type::KvType;
use minke::model::plan::MemoryPlan;
use minke::model::{Loader, Model};
use minke::sampler::SamplingParams;
use minke::{Error, Result};
use pollster::block_on;

mod common;

use common::gguf::{EPS, I32, Q4_K, Tensor, array, f32s, float, string, text, tiny, uint};

fn parse(bytes: &[u8]) -> Result<Header> {
    let mut parser = HeaderParser::default();
    parser.push(bytes)?.ok_or_else(|| parser.truncated())
}

/// All that is made of a header without a GPU.
fn open(bytes: &[u8]) -> Result<ModelConfig> {
    let header = parse(bytes)?;
    let config = ModelConfig::from_header(&header)?;
    MemoryPlan::new(&config, &header, None, KvType::F16)?;
    Ok(config)
}

fn loader(length: Option<usize>) -> Loader {
    let gpu = block_on(Gpu::request(&GpuOptions::default())).expect("lavapipe or a GPU");
    Loader::new(gpu, Some(16), length.map(|n| n as u64), common::now)
}

fn load(bytes: &[u8]) -> Result<Model> {
    let mut loader = loader(Some(bytes.len()));
    bytes.chunks(1000).try_for_each(|piece| block_on(loader.push(piece)))?;
    block_on(loader.finish())
}

#[track_caller]
fn assert_refused<T>(result: Result<T>, code: &str, words: &[&str]) {
    let error = result.err().expect("an error");
    assert_eq!(error.code(), code, "{error}");
    words.iter().for_each(|word| assert!(error.to_string().contains(word), "{error:?} does not name {word}"));
}

/// Each row is a test: what is done to the tiny file, the code of the error, and what its message names.
macro_rules! refused {
    ($($name:ident: $code:literal $words:tt |$file:ident| $change:expr;)*) => {
        $(#[test]
        fn $name() {
            let mut $file = tiny();
            $change;
            assert_refused(open(&$file.header()), $code, &$words);
        })*
    };
}

refused! {
    version_1: "gguf_version" ["version 1 "] |f| f.version = 1;
    version_4: "gguf_version" ["version 4 "] |f| f.version = 4;
    version_9: "gguf_version" ["version 9 "] |f| f.version = 9;
    big_endian: "gguf_version" ["version 50331648 "] |f| f.version = 3 << 24;

    countless_tensors: "too_large" ["number of tensors", "18446744073709551615"]
        |f| f.n_tensors = Some(u64::MAX);
    countless_entries: "too_large" ["number of metadata entries", "65537"] |f| f.n_entries = Some(65_537);
    endless_array: "too_large" ["the array x"] |f| f.set("x", array(4, u64::MAX, &[]));
    many_arrays: "too_large" ["array elements up to e", "5242880"]
        |f| "abcde".chars().for_each(|key| f.set(&key.to_string(), array(0, 1 << 20, &[0; 1 << 20])));
    endless_string: "too_large" ["string in x"] |f| f.set("x", (8, vec![0xff; 8]));
    endless_string_in_array: "too_large" ["string in x"] |f| f.set("x", array(8, 1, &[0xff; 8]));
    endless_key: "too_large" ["a metadata key"] |f| f.entries[0].0 = u64::MAX.to_le_bytes().into();
    long_key: "too_large" ["a metadata key", "65536"] |f| f.set(&"k".repeat(65_536), uint(1));
    long_tensor_name: "too_large" ["a tensor name", "65536"] |f| f.add(&"t".repeat(65_536), &[32]);

    array_of_arrays: "gguf_malformed" ["x:", "arrays of arrays"]
        |f| f.set("x", array(9, 1, &array(4, 0, &[]).1));
    unknown_value_type: "gguf_malformed" ["x:", "value type 13"] |f| f.set("x", (13, vec![0; 8]));
    unknown_element_type: "gguf_malformed" ["x:", "element type 13"] |f| f.set("x", array(13, 1, &[0; 8]));
    boolean_of_2: "gguf_malformed" ["x:", "2 is no boolean"] |f| f.set("x", (7, vec![2]));
    boolean_of_2_in_array: "gguf_malformed" ["x:", "2 is no boolean"] |f| f.set("x", array(7, 2, &[1, 2]));
    key_twice: "gguf_malformed" ["llama.block_count:", "twice"] |f| f.entries.push(f.entries[1].clone());
    text_not_utf8: "gguf_malformed" ["x:", "UTF-8"]
        |f| f.set("x", (8, [&1u64.to_le_bytes()[..], &[0xff]].concat()));
    key_not_utf8: "gguf_malformed" ["a metadata key", "UTF-8"] |f| f.entries[1].0[8] = 0xff;
    name_not_utf8: "gguf_malformed" ["a tensor name", "UTF-8"] |f| f.tensors[0].name[8] = 0xff;

    tensor_twice: "gguf_malformed" ["output_norm.weight", "twice"] |f| f.add("output_norm.weight", &[32]);
    no_dimension: "gguf_malformed" ["token_embd.weight", "0 dimensions"]
        |f| f.tensor("token_embd").dims.clear();
    five_dimensions: "gguf_malformed" ["token_embd.weight", "5 dimensions"]
        |f| f.tensor("token_embd").dims = vec![1; 5];
    zero_dimension: "gguf_malformed" ["token_embd.weight", "is 0"] |f| f.tensor("token_embd").dims[1] = 0;
    too_many_elements: "gguf_malformed" ["token_embd.weight", "size overflows"]
        |f| f.tensor("token_embd").dims = vec![1 << 32; 2];
    too_many_bytes: "gguf_malformed" ["token_embd.weight", "size overflows"]
        |f| f.tensor("token_embd").dims = vec![1 << 62];
    broken_block: "gguf_malformed" ["token_embd.weight", "Q4_K", "256"] |f| f.tensor("token_embd").ty = Q4_K;
    misaligned: "gguf_malformed" ["blk.0.attn_q.weight", "129", "32"] |f| f.tensor("attn_q").offset += 1;
    overlapping: "gguf_malformed" ["blk.0.attn_q.weight", "overlaps"] |f| f.tensor("attn_q").offset -= 32;
    gap: "gguf_malformed" ["token_embd.weight", "gap"] |f| f.tensor("token_embd").offset += 32;
    end_overflows: "gguf_malformed" ["b:", "end overflows"] |f| f.tensors = halves(0);
    sum_overflows: "gguf_malformed" ["the tensor table", "sum"] |f| f.tensors = halves(8);
    offset_overflows: "gguf_malformed" ["c:", "offset overflows"]
        |f| f.tensors = [halves(8), vec![f32s("c", &[4], u64::MAX - 31)]].concat();
    unknown_type: "tensor_type" ["token_embd.weight", "200", "Q4_K"] |f| f.tensor("token_embd").ty = 200;

    alignment_0: "metadata_value" ["general.alignment", "is 0"] |f| f.set("general.alignment", uint(0));
    alignment_3: "metadata_value" ["general.alignment", "is 3"] |f| f.set("general.alignment", uint(3));
    alignment_huge: "metadata_value" ["general.alignment"] |f| f.set("general.alignment", uint(1 << 31));
    alignment_text: "metadata_value" ["general.alignment"] |f| f.set("general.alignment", text("32"));

    no_architecture: "metadata_missing" ["general.architecture"] |f| f.without("general.architecture");
    unknown_architecture: "unsupported" ["general.architecture", "mamba"]
        |f| f.set("general.architecture", text("mamba"));
    unknown_key: "unsupported" ["llama.expert_count", "8"] |f| f.llama("expert_count", uint(8));
    missing_key: "metadata_missing" ["llama.block_count"] |f| f.without("llama.block_count");
    missing_eps: "metadata_missing" ["rms_epsilon"] |f| f.without("llama.attention.layer_norm_rms_epsilon");
    text_for_a_number: "metadata_value" ["llama.block_count", "two"] |f| f.llama("block_count", text("two"));
    array_for_a_number: "metadata_value" ["head_count"]
        |f| f.llama("attention.head_count", array(4, 1, &[1; 4]));
    number_beyond_u32: "metadata_value" ["llama.block_count"] |f| f.llama("block_count", (10, vec![1; 8]));
    countless_layers: "too_large" ["llama.block_count", "4000000000"]
        |f| f.llama("block_count", uint(4_000_000_000));
    many_layers: "tensor_missing" ["blk.1.attn_norm.weight"] |f| f.llama("block_count", uint(512));
    no_layers: "metadata_value" ["llama.block_count", "is 0"] |f| f.llama("block_count", uint(0));
    huge_width: "too_large" ["llama.embedding_length"] |f| f.llama("embedding_length", uint(u32::MAX));
    odd_width: "metadata_value" ["llama.embedding_length"] |f| f.llama("embedding_length", uint(40));
    huge_feed_forward: "too_large" ["feed_forward_length"] |f| f.llama("feed_forward_length", uint(u32::MAX));
    huge_context: "too_large" ["llama.context_length"] |f| f.llama("context_length", uint(u32::MAX));
    no_heads: "metadata_value" ["head_count", "is 0"] |f| f.llama("attention.head_count", uint(0));
    many_heads: "metadata_value" ["key_length", "is 0"] |f| f.llama("attention.head_count", uint(33));
    no_kv_heads: "metadata_value" ["head_count_kv", "is 0"] |f| f.llama("attention.head_count_kv", uint(0));
    uneven_kv_heads: "metadata_value" ["head_count_kv", "is 3"]
        |f| f.llama("attention.head_count_kv", uint(3));
    huge_heads: "too_large" ["key_length", "1000000"] |f| f.llama("attention.key_length", uint(1_000_000));
    odd_heads: "metadata_value" ["key_length", "is 6"] |f| f.llama("attention.key_length", uint(6));
    nan_eps: "metadata_value" ["rms_epsilon", "NaN"] |f| f.llama(EPS, float(f32::NAN));
    negative_eps: "metadata_value" ["rms_epsilon", "-1"] |f| f.llama(EPS, float(-1.0));
    freq_base_0: "metadata_value" ["rope.freq_base", "is 0"] |f| f.llama("rope.freq_base", float(0.0));
    freq_base_negative: "metadata_value" ["rope.freq_base", "-10000"]
        |f| f.llama("rope.freq_base", float(-1e4));
    freq_base_infinite: "metadata_value" ["rope.freq_base", "inf"]
        |f| f.llama("rope.freq_base", float(f32::INFINITY));
    freq_base_nan: "metadata_value" ["rope.freq_base", "NaN"] |f| f.llama("rope.freq_base", float(f32::NAN));
    rope_factor_negative: "metadata_value" ["scaling.factor", "-2"]
        |f| f.llama("rope.scaling.factor", float(-2.0));
    odd_rope: "metadata_value" ["dimension_count", "is 7"] |f| f.llama("rope.dimension_count", uint(7));

    missing_tensor: "tensor_missing" ["token_embd.weight"] |f| f.tensors.truncate(10);
    left_over_tensor: "tensor_unknown" ["blk.1.attn_q.weight", "llama"]
        |f| f.add("blk.1.attn_q.weight", &[32, 32]);
    wrong_shape: "tensor_shape" ["blk.0.ffn_down.weight", "[32, 64]", "[64, 32]"]
        |f| f.tensor("ffn_down").dims.reverse();
    three_dimensions: "tensor_shape" ["output_norm.weight", "[32, 1, 1]"]
        |f| f.tensor("output_norm").dims = vec![32, 1, 1];
    countless_tokens: "too_large" ["token_embd.weight"] |f| f.tensor("token_embd").dims[1] = (1 << 57) - 1000;
}

/// Two tensors that fill 2^64 bytes, less `short` floats.
fn halves(short: u64) -> Vec<Tensor> {
    vec![f32s("a", &[1 << 61], 0), f32s("b", &[(1 << 61) - short], 1 << 63)]
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

#[test]
fn a_header_may_be_cut_anywhere() {
    let header = tiny().header();
    for end in 0..header.len() {
        match parse(&header[..end]) {
            Err(Error::NotGguf { .. }) => assert!(end < 4, "{end}"),
            Err(Error::Truncated { what, end: at, .. }) => {
                assert_eq!((what.as_str(), at), ("the GGUF header", end as u64));
            }
            other => panic!("cut at {end}: {other:?}"),
        }
    }
    parse(&header).expect("the whole header");
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

#[test]
fn a_tensor_in_the_wrong_place_is_told_with_that_place() {
    let mut file = tiny();
    let data = parse(&file.header()).expect("a header").data_offset;
    file.tensor("attn_q").offset -= 32;
    match parse(&file.header()) {
        Err(Error::Malformed { offset, .. }) => assert_eq!(offset, data + 128 - 32),
        other => panic!("{other:?}"),
    }
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

#[test]
fn pieces_of_any_size_give_the_same_header() {
    let path = common::vectors_dir().join("refuse/control-llama.gguf");
    for bytes in [tiny().whole(), std::fs::read(path).expect("a readable file")] {
        let whole = parse(&bytes).expect("a header");
        for size in [1, 2, 7, 100] {
            let mut parser = HeaderParser::default();
            let mut pieces = bytes.chunks(size);
            let same = pieces.find_map(|piece| parser.push(piece).expect("no error")).expect("a header");
            assert_eq!((same.tensors, same.data_offset), (whole.tensors.clone(), whole.data_offset));
            assert_eq!((same.version, same.file_len), (whole.version, whole.file_len));
            assert_eq!(same.metadata.keys(), whole.metadata.keys());
            for key in whole.metadata.keys() {
                assert_eq!(same.metadata.get(key), whole.metadata.get(key), "{key}");
            }
        }
    }
}

#[test]
fn no_plan_overflows() {
    let header = parse(&tiny().header()).expect("a header");
    let config = ModelConfig::from_header(&header).expect("a model");
    let plan = |n_ctx| MemoryPlan::new(&config, &header, Some(n_ctx), KvType::F32);
    assert!(plan(1 << 24).expect("a plan").total > 1 << 32);
    for n_ctx in [(1 << 24) + 1, usize::MAX] {
        assert_refused(plan(n_ctx), "invalid_request", &["n_ctx", &n_ctx.to_string(), "16777216"]);
    }
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

/// Every byte of a real header with one bit flipped: whatever comes of it, nothing panics.
#[test]
fn flipped_bits_do_no_harm() {
    let path = common::vectors_dir().join("refuse/control-llama.gguf");
    let mut bytes = std::fs::read(path).expect("a readable file");
    let end = parse(&bytes).expect("a header").data_offset as usize;
    let mut outcomes = std::collections::BTreeMap::new();
    for at in 0..end {
        let bit = 1 << ((3 * at + at / 8) % 8);
        bytes[at] ^= bit;
        let result = std::panic::catch_unwind(|| {
            let opened = open(&bytes);
            opened.and_then(|_| TextParts::from_metadata(&parse(&bytes)?.metadata).map(drop))
        });
        let result = result.unwrap_or_else(|_| panic!("byte {at}, bit {bit:#x}: a panic"));
        *outcomes.entry(result.map_or_else(|e| e.code(), |()| "ok")).or_insert(0) += 1;
        bytes[at] ^= bit;
    }
    println!("{end} bytes: {outcomes:?}");
    assert!(outcomes.len() > 5, "{outcomes:?}");
}
