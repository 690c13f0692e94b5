//! Token ids against llama.cpp's (golden/tokenizer), decoding, and streaming.

use crate::common;
use crate::common::gguf::{self, array, bpe, spm, text, tokenizer as open, uint};
use minke::gguf::{Header, HeaderParser};
use minke::tokenizer::{DecodeStream, Special, Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    bos: u32,
    eos: u32,
    add_bos: bool,
    /// Only where the vocabulary is SentencePiece's.
    add_space_prefix: Option<bool>,
    eog_ids: Vec<u32>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    category: String,
    text: String,
    ids: Vec<u32>,
    ids_plain: Option<Vec<u32>>,
    ids_no_space_prefix: Option<Vec<u32>>,
    decoded_hex: Option<String>,
    pieces_hex: Option<Vec<String>>,
}

fn check(name: &str, header: &Header) {
    let golden: Golden = common::vectors(&format!("tokenizer/{name}.json"));
    let tokenizer = Tokenizer::from_metadata(&header.metadata).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(
        (tokenizer.bos, tokenizer.eos, tokenizer.add_bos),
        (Some(golden.bos), Some(golden.eos), golden.add_bos)
    );
    assert!(tokenizer.end_ids().iter().all(|id| golden.eog_ids.contains(id)), "{:?}", tokenizer.end_ids());
    assert!(tokenizer.is_end(golden.eos));
    let prefix = if golden.add_space_prefix == Some(true) { " " } else { "" };
    for case in &golden.cases {
        let what = format!("{name} {} {:?}", case.category, case.text);
        assert_eq!(tokenizer.encode(&case.text, Special::Parse).unwrap(), case.ids, "{what}");
        let plain = case.ids_plain.as_ref().unwrap_or(&case.ids);
        assert_eq!(&tokenizer.encode(&case.text, Special::Text).unwrap(), plain, "plain {what}");
        let whole = format!("{prefix}{}", case.text).into_bytes();
        let decoded = case.decoded_hex.as_deref().map_or(whole, common::hex);
        let bytes: Vec<u8> = case.ids.iter().flat_map(|id| tokenizer.token_bytes(*id)).collect();
        assert_eq!(bytes, decoded, "decoding {what}");
        let mut stream = DecodeStream::default();
        let mut text: String = case.ids.iter().map(|id| stream.push(&tokenizer.token_bytes(*id))).collect();
        text += &stream.finish();
        assert_eq!(text, String::from_utf8_lossy(&decoded), "streaming {what}");
        for (id, piece) in case.ids.iter().zip(case.pieces_hex.iter().flatten()) {
            assert_eq!(tokenizer.token_bytes(*id), common::hex(piece), "token {id} of {what}");
        }
    }
}

#[test]
fn real_vocabularies() {
    for (name, file) in [("smollm2", common::SMOLLM2), ("deepseek-r1-qwen", common::DEEPSEEK_HEAD)] {
        check(name, &common::header(&common::cached(file)));
    }
}

/// The SentencePiece vocabulary of the vectors.
const SPM: &str = "tiny-llama-linear-spm";

/// Of `tokenizer/tiny-MODEL.json`, the vocabulary of the model; the small set has of the file only the header.
fn tiny(name: &str) -> Header {
    let model = name.strip_prefix("tiny-").expect("a tiny model's name");
    common::header(&common::vectors_dir().join(format!("models/{model}.gguf")))
}

#[test]
fn tiny_vocabularies() {
    let names: Vec<_> = common::stems("tokenizer").into_iter().filter(|n| n.starts_with("tiny-")).collect();
    assert!(names.iter().any(|name| name == SPM), "{names:?}");
    names.iter().for_each(|name| check(name, &tiny(name)));
}

/// With `add_space_prefix` turned off in its header.
#[test]
fn a_vocabulary_without_space_prefix() {
    let mut file =
        std::fs::read(common::vectors_dir().join("models/llama-linear-spm.gguf")).expect("the model");
    let key = b"tokenizer.ggml.add_space_prefix";
    let at = file.windows(key.len()).position(|bytes| bytes == key).expect("the key") + key.len() + 4;
    assert_eq!(std::mem::replace(&mut file[at], 0), 1);
    let header = HeaderParser::default().push(&file).unwrap().expect("a header");
    let tokenizer = Tokenizer::from_metadata(&header.metadata).unwrap();
    let golden: Golden = common::vectors(&format!("tokenizer/{SPM}.json"));
    for case in &golden.cases {
        let want = case.ids_no_space_prefix.as_ref().unwrap_or(&case.ids);
        assert_eq!(&tokenizer.encode(&case.text, Special::Parse).unwrap(), want, "{:?}", case.text);
    }
    let cases = golden.cases.iter().filter(|case| case.ids_no_space_prefix.is_some()).count();
    assert!(cases > 50, "only {cases} cases differ");
}

/// 100 kB of anything is done in bounded time.
#[test]
fn long_texts_of_one_kind_end() {
    for header in [common::header(&common::cached(common::DEEPSEEK_HEAD)), tiny(SPM)] {
        let start = std::time::Instant::now();
        let tokenizer = Tokenizer::from_metadata(&header.metadata).unwrap();
        println!("{} entries in {:?}", tokenizer.n_vocab(), start.elapsed());
        for unit in ["a", " ", "\n", "1", "!", "é", "我", "😀", "ab ", "The whale sings. 我们 123\n"] {
            let text = unit.repeat(100_000 / unit.len());
            let start = std::time::Instant::now();
            let ids = tokenizer.encode(&text, Special::Text).unwrap();
            let time = start.elapsed();
            println!("{unit:?}: {} tokens in {time:?}", ids.len());
            assert_eq!(tokenizer.decode(&ids), text);
            assert!(time.as_secs() < 5, "{unit:?} took {time:?}");
        }
    }
}

#[test]
fn half_a_character_waits() {
    let mut stream = DecodeStream::default();
    assert_eq!(stream.push("é".as_bytes().split_at(1).0), "");
    assert_eq!(stream.push("é".as_bytes().split_at(1).1), "é");
    assert_eq!(stream.push(&[b'a', 0xff, b'b', 0xe2, 0x82]), "a\u{fffd}b");
    assert_eq!(stream.push(&[0xff]), "\u{fffd}\u{fffd}"); // no more of that one comes, and none of this
    assert_eq!(stream.push(&[0xf0, 0x9f]), "");
    assert_eq!(stream.push(&[0x98, 0x80, 0xc3]), "😀");
    assert_eq!(stream.finish(), "\u{fffd}");
}

#[test]
fn many_bytes_that_are_no_text_take_no_time() {
    let start = std::time::Instant::now();
    let text = DecodeStream::default().push(&vec![0xff; 1 << 20]);
    assert_eq!(text.chars().filter(|c| *c == '\u{fffd}').count(), 1 << 20);
    assert!(start.elapsed().as_secs() < 3, "{:?}", start.elapsed());
}

#[test]
fn unknown_pre_tokenizers_are_errors() {
    for (file, name) in [("pre-unknown.gguf", "made-up-pre"), ("tokenizer-t5.gguf", "t5")] {
        let header = common::header(&common::vectors_dir().join("refuse").join(file));
        let error = Tokenizer::from_metadata(&header.metadata).expect_err(file).to_string();
        assert!(error.contains(name), "{error}");
    }
    assert!(HeaderParser::default().push(b"GGUF").unwrap().is_none());
}

#[test]
fn broken_vocabularies_are_errors() {
    let letters = &[("aa", 1), ("b", 1)];
    let words = &[("aa", 1), ("b", 1), ("whale", 1)];
    let unknown = |mut file: gguf::File| {
        file.set("tokenizer.ggml.unknown_token_id", uint(4_000_000_000));
        file
    };
    let types = |mut file: gguf::File| {
        file.set("tokenizer.ggml.token_type", array(5, 1, &[1, 0, 0, 0]));
        file
    };
    let long = "x".repeat(257);
    let many: Vec<String> = (0..2_000).map(|i| format!("{i:0200}")).collect();
    let many: Vec<(&str, i32)> = many.iter().map(|text| (text.as_str(), 4)).collect();
    for (file, named) in [
        (bpe(letters, &["aab"]), "\"aab\" is no pair"),
        (bpe(words, &["aa c"]), "`c`"),
        (bpe(words, &["b aa"]), "`baa`"),
        (bpe(letters, &["aa b"]), "\"aa b\" makes no entry"), // longer than all entries
        (types(bpe(letters, &[])), "token_type is 1, expected 2 entries"),
        (bpe(&[("a", 4), (&long, 3)], &[]), "the length of special token 1 is 257"),
        (bpe(&many, &[]), "the length of all special tokens"),
        (unknown(spm(letters)), "unknown_token_id is 4000000000"),
        (types(spm(letters)), "token_type is 1, expected 2 entries"),
        (spm(&[("<0x-1>", 6)]), "\"<0x-1>\""),
        (spm(&[("<0x+1>", 6)]), "\"<0x+1>\""),
        (spm(&[("<0xZZ>", 6)]), "\"<0xZZ>\""),
        (spm(&[("<0x100>", 6)]), "\"<0x100>\""),
    ] {
        let error = open(&file).expect_err(named).to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn special_tokens_are_found_from_the_left_the_longest_first() {
    let tokens = [("a", 1), ("b", 1), ("<a", 4), ("<a>", 3), ("<", 1), (">", 1), ("<a>", 4)];
    let tokenizer = open(&bpe(&tokens, &[])).unwrap();
    let ids = |special| tokenizer.encode("b<a><a<b", special).unwrap();
    assert_eq!(ids(Special::Parse), [1, 3, 2, 4, 1]);
    assert_eq!(ids(Special::Text), [1, 6, 2, 4, 1]);
    assert!(tokenizer.encode("", Special::Parse).unwrap().is_empty());
}

/// A text of as many special tokens as it can hold takes no longer than another.
#[test]
fn many_special_tokens_take_no_time() {
    let texts: Vec<String> = (0..16_000).map(|i| format!("<{i:x}>")).collect();
    let tokens: Vec<(&str, i32)> = texts.iter().map(|text| (text.as_str(), 4)).chain([("a", 1)]).collect();
    let tokenizer = open(&bpe(&tokens, &[])).unwrap();
    let start = std::time::Instant::now();
    let ids = tokenizer.encode(&texts.join("a"), Special::Text).unwrap();
    assert_eq!(ids.len(), 2 * 16_000 - 1);
    assert!(start.elapsed().as_secs() < 3, "{:?}", start.elapsed());
}

#[test]
fn a_reply_ends_by_id_or_by_name() {
    let tokens = [("<|im_end|>", 4), ("<|eot_id|>", 3), ("</s>", 1), ("<think>", 4), ("a", 1), ("b", 1)];
    let mut file = bpe(&tokens, &[]);
    file.set("tokenizer.ggml.eos_token_id", uint(4));
    file.set("tokenizer.ggml.eom_token_id", uint(5));
    assert_eq!(open(&file).unwrap().end_ids(), [0, 1, 4, 5]); // an ordinary `</s>` is text
}

/// Only the template may write them, however the file types them, and they end a reply if that is what they are for.
#[test]
fn control_tokens_are_known_by_name_too() {
    for ty in [1, 3, 4] {
        let names = ["<|im_end|>", "<|im_start|>", "<｜User｜>", "<end_of_turn>", "<tool_call>"];
        let special = names.map(|name| (name, ty));
        let letters = "<|>imendstarofu_｜Usercl".chars().map(String::from).collect::<Vec<_>>();
        let letters = letters.iter().map(|letter| (letter.as_str(), 1));
        let tokenizer = open(&spm(&special.into_iter().chain(letters).collect::<Vec<_>>())).unwrap();
        assert_eq!(tokenizer.end_ids(), [0, 3], "type {ty}");
        for (id, name) in names.iter().enumerate().take(4) {
            let person = tokenizer.encode(name, Special::Text).unwrap();
            assert!(!person.contains(&(id as u32)), "type {ty}: {name} became {person:?}");
            let template = tokenizer.encode(name, Special::Parse).unwrap();
            assert!(template.contains(&(id as u32)), "type {ty}: {name} became {template:?}");
        }
        let text = tokenizer.encode("<tool_call>", Special::Text).unwrap();
        assert_eq!(text.contains(&4), ty == 4, "type {ty}: {text:?}");
        assert!(!tokenizer.is_control(2) || ty == 3, "what looks like one is still shown in a reply");
    }
}

/// Not by a whole word that needs no merges, by a merge, or by an entry with the same text.
#[test]
fn merges_never_make_a_control_token() {
    let tokens = [("a", 1), ("b", 1), ("aa", 3), ("ab", 1), ("b", 3), ("aab", 1)];
    let mut file = bpe(&tokens, &["a a", "a b", "aa b", "a ab"]);
    for pre in ["llama-bpe", "qwen2"] {
        file.set("tokenizer.ggml.pre", text(pre));
        let tokenizer = open(&file).unwrap();
        for written in ["aa", "b", "aaaa", "aaab", "ab", "aabb"] {
            let ids = tokenizer.encode(written, Special::Text).unwrap();
            assert!(!ids.iter().any(|id| tokenizer.is_control(*id)), "{pre} {written}: {ids:?}");
            assert_eq!(tokenizer.decode(&ids), written, "{pre}");
        }
        assert_eq!(tokenizer.encode("aa", Special::Parse).unwrap(), [2], "{pre}");
    }
}

/// Of special tokens that begin alike, and one of which is as long as one may be.
#[test]
fn special_tokens_are_found_in_linear_time() {
    let long = "a".repeat(255) + "b";
    let tokenizer = open(&bpe(&[("aa", 4), (&long, 4), ("a", 1)], &[])).unwrap();
    let start = std::time::Instant::now();
    let ids = tokenizer.encode(&"a".repeat(4_999), Special::Text).unwrap();
    assert_eq!((ids.len(), ids.last()), (2_500, Some(&2)));
    assert_eq!(tokenizer.encode(&format!("aa{long}aaa"), Special::Text).unwrap(), [0, 1, 0, 2]);
    assert!(start.elapsed().as_secs() < 3, "{:?}", start.elapsed());
}

/// As Hugging Face's tokenizers give them: the fuzzing that found the fault has the ids.
#[test]
fn a_million_spaces_are_split_as_any_run() {
    let tokenizer =
        Tokenizer::from_metadata(&common::header(&common::cached(common::DEEPSEEK_HEAD)).metadata).unwrap();
    let ids = tokenizer.encode(&(" ".repeat(999_999) + "a"), Special::Text).unwrap();
    assert_eq!((ids.len(), &ids[ids.len() - 2..]), (7_814, &[37_083, 264][..]));
}

#[test]
fn bos_is_added_as_the_kind_of_vocabulary_has_it() {
    for (pre, add) in [("gpt-2", false), ("qwen2", false), ("llama-bpe", true), ("llama3", true)] {
        let mut file = bpe(&[("a", 1)], &[]);
        file.set("tokenizer.ggml.pre", text(pre));
        assert_eq!(open(&file).unwrap().add_bos, add, "{pre}");
    }
    let mut file = spm(&[("a", 1)]);
    assert!(open(&file).unwrap().add_bos);
    file.set("tokenizer.ggml.add_bos_token", (7, vec![0]));
    assert!(!open(&file).unwrap().add_bos);
}
