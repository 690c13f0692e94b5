//! Byte-level BPE through the `tokenizers` crate.

use crate::gguf::{Metadata, Strings};
use crate::{Error, Result};
use regex::Regex;
use std::collections::{HashMap, HashSet};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pattern::Pattern;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::tokenizer::{PreTokenizedString, SplitDelimiterBehavior, TokenizerImpl};
use tokenizers::{DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizer};

/// GPT-2's split.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
/// Splits of Llama 3 and Qwen 2 (openai/tiktoken's cl100k with other runs of digits).
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";
/// DeepSeek V3 and R1: after runs of up to three digits and of Chinese and Japanese have been set apart.
const DEEPSEEK_V3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+"##;
/// Chinese, with the scripts between U+0800 and it, and Hangul.
const EAST_ASIAN: &str = r"[\x{4E00}-\x{9FA5}\x{0800}-\x{4E00}\x{AC00}-\x{D7FF}]+";
/// ASCII punctuation, its full-width forms, quotation marks and CJK stops.
const PUNCTUATION: &str = r"\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+";
/// The letters with case that deepseek-llm sets apart (a part of Unicode's, as its tokenizer.json lists them).
const CASED: &str = concat!(
    r"A-Za-z\x{00B5}\x{00C0}-\x{00D6}\x{00D8}-\x{00F6}\x{00F8}-\x{01BA}\x{01BC}-\x{01BF}",
    r"\x{01C4}-\x{0293}\x{0295}-\x{02AF}\x{0370}-\x{0373}\x{0376}\x{0377}\x{037B}-\x{037D}\x{037F}",
    r"\x{0386}\x{0388}-\x{038A}\x{038C}\x{038E}-\x{03A1}\x{03A3}-\x{03F5}\x{03F7}-\x{0481}",
    r"\x{048A}-\x{052F}\x{0531}-\x{0556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}",
    r"\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}",
    r"\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}",
    r"\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}",
    r"\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}",
    r"\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}",
    r"\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}",
    r"\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}",
    r"\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}",
    r"\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}",
    r"\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}",
    r"\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}",
);

const PRE_TOKENIZERS: &str =
    "gpt-2, smollm, llama-bpe, qwen2, deepseek-r1-qwen, deepseek-llm, deepseek-coder, deepseek-v3";

/// Whether `tokenizer.ggml.pre` names Llama 3's rules.
pub fn is_llama3(pre: &str) -> bool {
    matches!(pre, "llama-bpe" | "llama3" | "llama-v3")
}

/// A vocabulary with merges.
pub struct Bpe {
    tokenizer: TokenizerImpl<BPE, NormalizerWrapper, Stages, PostProcessorWrapper, DecoderWrapper>,
    byte_of: HashMap<char, u8>,
}

impl Bpe {
    /// Reads `tokenizer.ggml.pre` and `.merges`.
    pub fn new(metadata: &Metadata, tokens: &Strings, is_ordinary: impl Fn(u32) -> bool) -> Result<Self> {
        let key = "tokenizer.ggml.pre";
        let pre = metadata.str(key)?.ok_or_else(|| Error::MetadataMissing { key: key.into() })?;
        let splitter = pre_tokenizer(pre)?.ok_or_else(|| Error::Unsupported {
            what: key.into(),
            value: pre.into(),
            supported: Some(PRE_TOKENIZERS.into()),
        })?;
        let mut tokenizer = TokenizerImpl::new(bpe(metadata, tokens, is_ordinary, is_llama3(pre))?);
        tokenizer.with_pre_tokenizer(Some(splitter));
        Ok(Self { tokenizer, byte_of: byte_alphabet() })
    }

    /// Appends the ids of `text`.
    pub fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        let encoding =
            self.tokenizer.encode_fast(text, false).map_err(|e| Error::Tokenizer(e.to_string()))?;
        ids.extend(encoding.get_ids());
        Ok(())
    }

    /// The bytes that an entry stands for.
    pub fn bytes(&self, token: &str) -> Vec<u8> {
        let bytes: Option<Vec<u8>> = token.chars().map(|c| self.byte_of.get(&c).copied()).collect();
        bytes.unwrap_or_else(|| token.as_bytes().to_vec())
    }
}

/// How a text is cut before the merges, step by step.
struct Stages(Vec<Stage>);

enum Stage {
    Split(Splits),
    /// Every digit for itself.
    Digits,
    /// To the alphabet of bytes.
    Bytes,
}

/// Pieces of a text by a regular expression, and what is between them.
struct Splits {
    regex: Regex,
    /// Ends in [`WHITE_SPACE`].
    gives_space: bool,
}

/// The last alternative of the common expressions: what is left of a run of white space. They write `\s+(?!\S)|\s+`, which
/// is that a run of more than one character gives the last to a word that follows it; that needs a search that can go back,
/// whose memory a run of a million spaces exhausts.
const WHITE_SPACE: &str = r"|\s+";

impl Pattern for &Splits {
    fn find_matches(&self, text: &str) -> tokenizers::Result<Vec<((usize, usize), bool)>> {
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(found) = self.regex.find_at(text, at).filter(|found| !found.is_empty()) {
            if found.start() > at {
                pieces.push(((at, found.start()), false));
            }
            at = found.start() + self.kept(found.as_str(), found.end() == text.len());
            pieces.push(((found.start(), at), true));
        }
        if at < text.len() || text.is_empty() {
            pieces.push(((at, text.len()), false));
        }
        Ok(pieces)
    }
}

impl Splits {
    /// How many bytes of a piece are its own. One that ends with a line was found by an earlier alternative, where there is
    /// one for line ends.
    fn kept(&self, piece: &str, last: bool) -> usize {
        let mut chars = piece.char_indices();
        let end = chars.next_back().filter(|(at, c)| {
            let by_lines = self.regex.as_str().contains(r"[\r\n]+|") && matches!(c, '\r' | '\n');
            *at > 0 && c.is_whitespace() && !by_lines
        });
        match end {
            Some((at, _)) if self.gives_space && !last && chars.all(|(_, c)| c.is_whitespace()) => at,
            _ => piece.len(),
        }
    }
}

impl PreTokenizer for Stages {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        self.0.iter().try_for_each(|stage| match stage {
            Stage::Split(splits) => {
                text.split(|_, piece| piece.split(splits, SplitDelimiterBehavior::Isolated))
            }
            Stage::Digits => Digits::new(true).pre_tokenize(text),
            Stage::Bytes => ByteLevel::new(false, false, false).pre_tokenize(text),
        })
    }
}

fn pre_tokenizer(pre: &str) -> Result<Option<Stages>> {
    let split = |regex: &str| {
        let gives_space = regex.ends_with(WHITE_SPACE);
        let regex = Regex::new(regex).map_err(|e| Error::Tokenizer(e.to_string()))?;
        Ok(Stage::Split(Splits { regex, gives_space }))
    };
    let stages = match pre {
        "gpt-2" => vec![split(GPT2)?, Stage::Bytes],
        "smollm" => vec![Stage::Digits, split(GPT2)?, Stage::Bytes],
        _ if is_llama3(pre) => vec![split(LLAMA3)?, Stage::Bytes],
        "qwen2" | "deepseek-r1-qwen" => vec![split(QWEN2)?, Stage::Bytes],
        "deepseek-llm" => vec![
            split(r"[\r\n]")?,
            split(&format!(r"\s?[{CASED}]+"))?,
            split(PUNCTUATION)?,
            split(r"\s+$")?,
            split(EAST_ASIAN)?,
            split(r"\p{N}+")?,
            Stage::Bytes,
        ],
        "deepseek-coder" => vec![
            split(r"[\r\n]")?,
            split(r"\s?\p{L}+")?,
            split(r"\s?\p{P}+")?,
            split(EAST_ASIAN)?,
            split(r"\p{N}")?,
            Stage::Bytes,
        ],
        "deepseek-v3" => vec![
            split(r"\p{N}{1,3}")?,
            split(r"[\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+")?,
            split(DEEPSEEK_V3)?,
            Stage::Bytes,
        ],
        _ => return Ok(None),
    };
    Ok(Some(Stages(stages)))
}

fn bpe(
    metadata: &Metadata,
    tokens: &Strings,
    is_ordinary: impl Fn(u32) -> bool,
    ignore_merges: bool,
) -> Result<BPE> {
    let key = "tokenizer.ggml.merges";
    let merges = metadata.strings(key)?.ok_or_else(|| Error::MetadataMissing { key: key.into() })?;
    // what only a template may write is out of reach of the merges
    let (ordinary, special): (Vec<_>, Vec<_>) =
        tokens.iter().zip(0u32..).partition(|(_, id)| is_ordinary(*id));
    let vocab: Vocab = ordinary.into_iter().map(|(token, id)| (token.to_owned(), id)).collect();
    let special: HashSet<&str> = special.into_iter().map(|(token, _)| token).collect();
    let is_special = |text: &str| special.contains(text) && !vocab.contains_key(text);
    let longest = vocab.keys().map(String::len).max().unwrap_or(0);
    let mut pairs = Vec::with_capacity(merges.len());
    for merge in merges.iter() {
        let wrong = |problem| Error::Tokenizer(format!("merge {merge:?} {problem}"));
        let (left, right) = merge.split_once(' ').ok_or_else(|| wrong("is no pair"))?;
        if [left, right, &[left, right].concat()].into_iter().any(is_special) {
            continue;
        }
        if left.len() + right.len() > longest {
            return Err(wrong("makes no entry")); // the crate panics
        }
        pairs.push((left.to_owned(), right.to_owned()));
    }
    BPE::builder()
        .vocab_and_merges(vocab, pairs)
        .ignore_merges(ignore_merges)
        .build()
        .map_err(|e| Error::Tokenizer(e.to_string()))
}

/// GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes for U+0100 and up.
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |b: u8| matches!(b, 33..=126 | 161..=172 | 174..=255);
    let mut next = 0x100;
    (0..=255u8)
        .map(|b| match printable(b) {
            true => (char::from(b), b),
            false => {
                next += 1;
                (char::from_u32(next - 1).unwrap_or_default(), b)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

    fn pieces<'t>(pre: &str, text: &'t str) -> Vec<&'t str> {
        let mut string = PreTokenizedString::from(text);
        pre_tokenizer(pre).unwrap().unwrap().pre_tokenize(&mut string).unwrap();
        let splits = string.get_splits(OffsetReferential::Original, OffsetType::Byte);
        splits.into_iter().map(|(_, (start, end), _)| &text[start..end]).collect()
    }

    #[test]
    fn the_listed_pre_tokenizers_are_those_we_have() {
        assert!(PRE_TOKENIZERS.split(", ").all(|pre| pre_tokenizer(pre).unwrap().is_some()));
    }

    /// Worked out by hand from the rules; the golden vectors have no vocabulary with these.
    #[test]
    fn deepseek_splits() {
        let v3 = pieces("deepseek-v3", "Hello, world 12345 我们。(foo)\n\n x");
        assert_eq!(v3, ["Hello", ",", " world", " ", "123", "45", " ", "我们", "。(", "foo", ")\n\n", " x"]);
        let coder = pieces("deepseek-coder", "a12 b!\nc 我");
        assert_eq!(coder, ["a", "1", "2", " b", "!", "\n", "c", " ", "我"]);
        let llm = pieces("deepseek-llm", "Don't 12 我 é");
        assert_eq!(llm, ["Don", "'", "t", " ", "12", " ", "我", " é"]);
        assert!(pre_tokenizer("made-up").unwrap().is_none());
    }
}
