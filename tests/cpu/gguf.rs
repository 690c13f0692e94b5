//! Bad input: every broken, cut or hostile file is a typed error that names what is wrong, and costs
//! neither a panic nor memory by a number that the file states.

use crate::common::gguf::{EPS, Q4_K, Tensor, array, f32s, float, text, tiny, uint};
use crate::common::{self, assert_refused, parse};
use minke::config::ModelConfig;
use minke::engine::TextParts;
use minke::gguf::HeaderParser;
use minke::model::ModelOptions;
use minke::model::plan::MemoryPlan;
use minke::{Error, Result};

/// All that is made of a header without a GPU.
fn open(bytes: &[u8]) -> Result<ModelConfig> {
    let header = parse(bytes)?;
    let config = ModelConfig::from_header(&header)?;
    MemoryPlan::new(&config, &header, &ModelOptions::default())?;
    Ok(config)
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
    big_endian: "gguf_version" ["big-endian byte order (version 3)"] |f| f.version = 3 << 24;

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
    let plan = |n_ctx| {
        let options = ModelOptions { n_ctx: Some(n_ctx), ..ModelOptions::default() };
        MemoryPlan::new(&config, &header, &options)
    };
    assert!(plan(1 << 24).expect("a plan").total > 1 << 31);
    for n_ctx in [(1 << 24) + 1, usize::MAX] {
        assert_refused(plan(n_ctx), "invalid_request", &["n_ctx", &n_ctx.to_string(), "16777216"]);
    }
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
