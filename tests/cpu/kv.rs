//! Which types a model's KV cache gets.

use crate::common::gguf::{File, text, tiny, uint};
use crate::common::{assert_refused, parse};
use minke::Result;
use minke::config::ModelConfig;
use minke::kv_type::{KvType, KvTypes};
use minke::model::kv_cache::kv_types;

/// A model with heads of 32 values.
fn file() -> File {
    let mut file = tiny();
    file.llama("attention.head_count", uint(1));
    file
}

/// The same with a bias of keys in its layer.
fn biased() -> File {
    let mut file = file();
    file.add("blk.0.attn_k.bias", &[32]);
    file
}

fn types(file: &File, asked: Option<&str>, f16: bool) -> Result<KvTypes> {
    let config = ModelConfig::from_header(&parse(&file.header())?)?;
    kv_types(&config, asked.map(|text| text.parse().expect("types")), f16)
}

fn both(keys: KvType, values: KvType) -> KvTypes {
    KvTypes { keys, values }
}

#[test]
fn keys_with_a_bias_are_f32_by_default() {
    assert_eq!(types(&file(), None, true).unwrap(), both(KvType::F16, KvType::F16));
    assert_eq!(types(&biased(), None, true).unwrap(), both(KvType::F32, KvType::F16));
    for file in [file(), biased()] {
        assert_eq!(types(&file, None, false).unwrap(), KvTypes::F32);
    }
    let mut other = file();
    other.add("blk.0.attn_q.bias", &[32]);
    other.add("blk.0.attn_v.bias", &[32]);
    assert_eq!(types(&other, None, true).unwrap(), both(KvType::F16, KvType::F16));
}

#[test]
fn what_is_asked_for_is_taken() {
    for f16 in [true, false] {
        for (asked, got) in [
            ("f32", KvTypes::F32),
            ("f16", both(KvType::F16, KvType::F16)),
            ("f32,q8_0", both(KvType::F32, KvType::Q8_0)),
            ("f16,f32", both(KvType::F16, KvType::F32)),
        ] {
            assert_eq!(types(&file(), Some(asked), f16).unwrap(), got);
            assert_eq!(types(&biased(), Some(asked), f16).unwrap(), got);
        }
    }
    assert_eq!(types(&file(), Some("q8_0"), true).unwrap(), both(KvType::Q8_0, KvType::Q8_0));
}

#[test]
fn keys_in_q8_0_are_refused_where_they_do_harm() {
    for asked in ["q8_0", "q8_0,f16"] {
        assert_refused(
            types(&biased(), Some(asked), true),
            "unsupported",
            &["q8_0", "keys", "bias", "f32,q8_0"],
        );
    }
}

#[test]
fn heads_that_are_no_whole_blocks_are_refused() {
    for (asked, refused) in [("q8_0", true), ("f16,q8_0", true), ("f16", false), ("f32", false)] {
        match types(&tiny(), Some(asked), true) {
            Ok(_) => assert!(!refused, "{asked}"),
            error => assert_refused(error, "unsupported", &["head_dim", "q8_0", "8", "32"]),
        }
    }
}

/// As options have them, and as they are told.
#[test]
fn types_are_read_and_written() {
    let read = |json: &str| serde_json::from_str::<KvTypes>(json);
    let mixed = both(KvType::F32, KvType::F16);
    assert_eq!(read(r#""f16""#).unwrap(), both(KvType::F16, KvType::F16));
    assert_eq!(read(r#"{"keys": "f32", "values": "f16"}"#).unwrap(), mixed);
    assert_eq!(serde_json::to_string(&mixed).unwrap(), r#"{"keys":"f32","values":"f16"}"#);
    assert_eq!(mixed.to_string(), "f32 keys, f16 values");
    assert_eq!("f32,f16".parse(), Ok(mixed));
    for (wrong, named) in [
        (r#""q4""#, "q8_0"),
        (r#"{"keys": "f32"}"#, "values"),
        (r#"{"keys": "f32", "values": "f16", "scores": "f16"}"#, "scores"),
        ("16", "f32, f16 or q8_0"),
    ] {
        let words = read(wrong).unwrap_err().to_string();
        assert!(words.contains(named), "{words}");
    }
    assert!("f16,".parse::<KvTypes>().is_err() && "f16,f16,f16".parse::<KvTypes>().is_err());
}

/// Qwen's own architecture is no reason: what counts is the biases.
#[test]
fn a_qwen2_without_biases_is_like_any_other() {
    let mut file = file();
    file.set("general.architecture", text("qwen2"));
    for (key, _) in &mut file.entries {
        *key = String::from_utf8(key.clone()).expect("UTF-8").replace("llama.", "qwen2.").into_bytes();
    }
    assert_eq!(types(&file, None, true).unwrap(), both(KvType::F16, KvType::F16));
}
