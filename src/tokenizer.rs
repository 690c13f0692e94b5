//! The GGUF's own vocabulary as a tokenizer: byte-level BPE through the `tokenizers` crate.
//!
//! Special tokens are split off here and not in the crate, because GGUF knows two kinds: user-defined ones
//! (type 4, such as `<think>`), which are recognised in any text, and control tokens (type 3), which only the
//! chat template may write.

use crate::gguf::{Metadata, Strings};
use crate::{Error, Result};
use std::collections::HashMap;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::{SplitDelimiterBehavior, TokenizerImpl};
use tokenizers::{DecoderWrapper, NormalizerWrapper, PostProcessorWrapper};

/// Splits of Llama 3 and Qwen 2 (openai/tiktoken's cl100k with other runs of digits).
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const PRE_TOKENIZERS: &str = "gpt-2, smollm, llama-bpe, qwen2, deepseek-r1-qwen";

/// Control tokens that end a reply, by name, beside those the metadata names (llama.cpp's list).
const END_NAMES: &[&str] = &[
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<｜end▁of▁sentence｜>",
    "<EOT>",
    "</s>",
];

type Bpe = TokenizerImpl<BPE, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// Which special tokens are recognised in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// All: for text that a chat template wrote.
    Parse,
    /// Only user-defined ones: for text that a person wrote.
    Text,
}

/// A vocabulary.
pub struct Tokenizer {
    bpe: Bpe,
    tokens: Strings,
    /// Special tokens, longest first, and whether they are control tokens.
    special: Vec<(String, u32, bool)>,
    special_ids: HashMap<u32, bool>,
    byte_of: HashMap<char, u8>,
    /// `tokenizer.ggml.pre`.
    pub pre: String,
    /// Beginning of sequence.
    pub bos: Option<u32>,
    /// End of sequence.
    pub eos: Option<u32>,
    /// Whether the model wants `bos` in front.
    pub add_bos: bool,
    end: Vec<u32>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("pre", &self.pre)
            .field("n_vocab", &self.n_vocab())
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Builds it from `tokenizer.ggml.*`. An unknown model or pre-tokenizer is [`Error::Unsupported`]: a guess
    /// would give wrong ids in silence.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self> {
        let required = |key: &str| Error::MetadataMissing { key: key.into() };
        let unsupported = |what: &str, value: &str, known: &str| Error::Unsupported {
            what: what.into(),
            value: value.into(),
            supported: Some(known.into()),
        };
        let key = "tokenizer.ggml.model";
        match metadata.str(key)?.ok_or_else(|| required(key))? {
            "gpt2" => {}
            other => return Err(unsupported(key, other, "gpt2")),
        }
        let key = "tokenizer.ggml.pre";
        let pre = metadata.str(key)?.ok_or_else(|| required(key))?;
        let splitter = pre_tokenizer(pre)?.ok_or_else(|| unsupported(key, pre, PRE_TOKENIZERS))?;
        let key = "tokenizer.ggml.tokens";
        let tokens = metadata.strings(key)?.ok_or_else(|| required(key))?.clone();
        let mut bpe = Bpe::new(bpe(metadata, &tokens, pre == "llama-bpe")?);
        bpe.with_pre_tokenizer(Some(splitter));
        let special = special_tokens(metadata, &tokens)?;
        let id = |name: &str| -> Result<Option<u32>> {
            let key = format!("tokenizer.ggml.{name}_token_id");
            match metadata.u32(&key)? {
                Some(id) if id as usize >= tokens.len() => Err(Error::MetadataValue {
                    key,
                    expected: format!("an id below {}", tokens.len()),
                    found: id.to_string(),
                }),
                id => Ok(id),
            }
        };
        let mut end: Vec<u32> = [id("eos")?, id("eot")?, id("eom")?].into_iter().flatten().collect();
        end.extend(special.iter().filter(|s| s.2 && END_NAMES.contains(&s.0.as_str())).map(|s| s.1));
        end.sort_unstable();
        end.dedup();
        Ok(Self {
            bpe,
            special_ids: special.iter().map(|s| (s.1, s.2)).collect(),
            special,
            byte_of: byte_alphabet(),
            pre: pre.into(),
            bos: id("bos")?,
            eos: id("eos")?,
            add_bos: metadata.bool("tokenizer.ggml.add_bos_token")?.unwrap_or(false),
            end,
            tokens,
        })
    }

    /// Number of entries.
    pub fn n_vocab(&self) -> usize {
        self.tokens.len()
    }

    /// The entry's text as the file has it.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize)
    }

    /// Ids that end a reply, ascending.
    pub fn end_ids(&self) -> &[u32] {
        &self.end
    }

    /// The texts of the control tokens.
    pub fn control_tokens(&self) -> impl Iterator<Item = &str> {
        self.special.iter().filter(|s| s.2).map(|s| s.0.as_str())
    }

    /// Ids of `text`; no BOS is added.
    pub fn encode(&self, text: &str, special: Special) -> Result<Vec<u32>> {
        self.encode_marked(text, special, None)
    }

    /// Like [`Tokenizer::encode`] with [`Special::Parse`], for a prompt in which `mark` (see
    /// [`crate::chat::template::Prompt`]) keeps a person's words from being read as control tokens.
    pub fn encode_marked(&self, text: &str, special: Special, mark: Option<char>) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        for piece in self.split_special(text, special) {
            match piece {
                Piece::Token(id) => ids.push(id),
                Piece::Text(text) => match mark {
                    Some(mark) if text.contains(mark) => {
                        self.encode_text(&text.replace(mark, ""), &mut ids)?
                    }
                    _ => self.encode_text(text, &mut ids)?,
                },
            }
        }
        Ok(ids)
    }

    fn encode_text(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        let encoding = self.bpe.encode_fast(text, false).map_err(|e| Error::Tokenizer(e.to_string()))?;
        ids.extend(encoding.get_ids());
        Ok(())
    }

    /// Longest special tokens first, each at all its places from the left.
    fn split_special<'t>(&self, text: &'t str, special: Special) -> Vec<Piece<'t>> {
        let mut pieces = vec![Piece::Text(text)];
        for (token, id, control) in &self.special {
            if (*control && special == Special::Text) || !text.contains(token.as_str()) {
                continue;
            }
            let cut = |piece| match piece {
                Piece::Token(_) => vec![piece],
                Piece::Text(text) => {
                    let mut cuts = Vec::new();
                    for (i, part) in text.split(token.as_str()).enumerate() {
                        if i > 0 {
                            cuts.push(Piece::Token(*id));
                        }
                        if !part.is_empty() {
                            cuts.push(Piece::Text(part));
                        }
                    }
                    cuts
                }
            };
            pieces = pieces.into_iter().flat_map(cut).collect();
        }
        pieces.retain(|piece| !matches!(piece, Piece::Text("")));
        pieces
    }

    /// Whether the id ends a reply.
    pub fn is_end(&self, id: u32) -> bool {
        self.end.binary_search(&id).is_ok()
    }

    /// Whether the id is a control token, which is not part of a reply's text.
    pub fn is_control(&self, id: u32) -> bool {
        self.special_ids.get(&id) == Some(&true)
    }

    /// The bytes that the id stands for; they may be part of a character.
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        let Some(token) = self.token(id) else { return Vec::new() };
        if self.special_ids.contains_key(&id) {
            return token.as_bytes().to_vec();
        }
        let bytes: Option<Vec<u8>> = token.chars().map(|c| self.byte_of.get(&c).copied()).collect();
        bytes.unwrap_or_else(|| token.as_bytes().to_vec())
    }

    /// The text of `ids`; bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| self.token_bytes(*id)).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

enum Piece<'t> {
    Token(u32),
    Text(&'t str),
}

/// Collects token bytes and gives out whole characters only.
#[derive(Debug, Default)]
pub struct DecodeStream {
    held: Vec<u8>,
}

impl DecodeStream {
    /// Takes a token's bytes; the text that is complete now.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.held) {
                Ok(rest) => {
                    text.push_str(rest);
                    self.held.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.held[..valid]));
                    let Some(bad) = error.error_len() else {
                        self.held.drain(..valid);
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.held.drain(..valid + bad);
                }
            }
        }
    }

    /// What is left when no more tokens come.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}

fn pre_tokenizer(pre: &str) -> Result<Option<PreTokenizerWrapper>> {
    let split = |regex: &str| {
        let behavior = SplitDelimiterBehavior::Isolated;
        Split::new(SplitPattern::Regex(regex.into()), behavior, false)
            .map(PreTokenizerWrapper::Split)
            .map_err(|e| Error::Tokenizer(e.to_string()))
    };
    let bytes = |use_regex| PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, use_regex));
    let stages = match pre {
        "gpt-2" => vec![bytes(true)],
        "smollm" => vec![PreTokenizerWrapper::Digits(Digits::new(true)), bytes(true)],
        "llama-bpe" => vec![split(LLAMA3)?, bytes(false)],
        "qwen2" | "deepseek-r1-qwen" => vec![split(QWEN2)?, bytes(false)],
        _ => return Ok(None),
    };
    Ok(Some(PreTokenizerWrapper::Sequence(Sequence::new(stages))))
}

fn bpe(metadata: &Metadata, tokens: &Strings, ignore_merges: bool) -> Result<BPE> {
    let key = "tokenizer.ggml.merges";
    let merges = metadata.strings(key)?.ok_or_else(|| Error::MetadataMissing { key: key.into() })?;
    let vocab: tokenizers::models::bpe::Vocab =
        tokens.iter().zip(0u32..).map(|(token, id)| (token.to_owned(), id)).collect();
    let mut pairs = Vec::with_capacity(merges.len());
    for merge in merges.iter() {
        let pair =
            merge.split_once(' ').ok_or_else(|| Error::Tokenizer(format!("merge {merge:?} is no pair")))?;
        pairs.push((pair.0.to_owned(), pair.1.to_owned()));
    }
    BPE::builder()
        .vocab_and_merges(vocab, pairs)
        .ignore_merges(ignore_merges)
        .build()
        .map_err(|e| Error::Tokenizer(e.to_string()))
}

/// Tokens of type 2 (unknown), 3 (control) and 4 (user-defined), longest first.
fn special_tokens(metadata: &Metadata, tokens: &Strings) -> Result<Vec<(String, u32, bool)>> {
    let key = "tokenizer.ggml.token_type";
    let types = metadata.ints(key)?.unwrap_or_default();
    if !types.is_empty() && types.len() != tokens.len() {
        return Err(Error::MetadataValue {
            key: key.into(),
            expected: format!("{} entries, as many as tokens", tokens.len()),
            found: types.len().to_string(),
        });
    }
    let mut special: Vec<_> = types
        .iter()
        .zip(tokens.iter())
        .zip(0u32..)
        .filter(|((ty, token), _)| (2..=4).contains(*ty) && !token.is_empty())
        .map(|((ty, token), id)| (token.to_owned(), id, *ty != 4))
        .collect();
    special.sort_by_key(|s| std::cmp::Reverse(s.0.len()));
    Ok(special)
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
