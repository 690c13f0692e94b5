//! Special tokens: which there are, who may write them, and how they are found in a text.

use crate::gguf::{Metadata, Strings};
use crate::trie::Trie;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::ops::Range;

/// Names that end a reply, beside the tokens that the metadata names (llama.cpp's list). `</s>` is HTML's too, so it counts
/// only where the file says that it is special.
const END_NAMES: &[&str] = &[
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end_of_turn|>",
    "<｜end▁of▁sentence｜>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<EOT>",
    "</s>",
];

/// Most bytes of a special token: 31 of the wide characters that stand for spaces are 93.
const MAX_BYTES: usize = 256;
/// Most bytes of all special tokens together (DeepSeek V3's 800 have 25 kB).
const MAX_TOGETHER: usize = 1 << 18;

/// Values of `tokenizer.ggml.token_type`.
const NORMAL: i64 = 1;
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// What a special token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Recognised in any text, such as `<tool_call>`.
    UserDefined,
    /// Only the chat template may write it, for it looks like a control token, whatever type the file gives it.
    Reserved,
    /// Likewise, and it is no part of a reply's text.
    Control,
}

/// The special tokens by id, by type and by name: converters get types wrong.
pub fn special_tokens(metadata: &Metadata, tokens: &Strings) -> Result<BTreeMap<u32, Kind>> {
    let key = "tokenizer.ggml.token_type";
    let types = metadata.ints(key)?.unwrap_or_default();
    if !types.is_empty() && types.len() != tokens.len() {
        return Err(Error::MetadataValue {
            key: key.into(),
            expected: format!("{} entries, as many as tokens", tokens.len()),
            found: types.len().to_string(),
        });
    }
    let types = types.iter().copied().chain(std::iter::repeat(NORMAL));
    let special = tokens.iter().zip(types).zip(0u32..);
    Ok(special.filter_map(|((token, ty), id)| Some((id, kind(token, ty)?))).collect())
}

fn kind(token: &str, ty: i64) -> Option<Kind> {
    match ty {
        _ if token.is_empty() => None,
        UNKNOWN | CONTROL => Some(Kind::Control),
        NORMAL | USER_DEFINED if is_end_name(token, ty) => Some(Kind::Control),
        NORMAL | USER_DEFINED if looks_like_control(token) => Some(Kind::Reserved),
        USER_DEFINED => Some(Kind::UserDefined),
        _ => None,
    }
}

fn is_end_name(token: &str, ty: i64) -> bool {
    END_NAMES.contains(&token) && (ty != NORMAL || token != "</s>")
}

/// Whether a special token ends a reply by its name.
pub fn ends_reply(token: &str) -> bool {
    END_NAMES.contains(&token)
}

/// The forms that nobody's words have: `<|im_start|>`, and DeepSeek's with wide bars.
fn looks_like_control(token: &str) -> bool {
    let between = |open, close| {
        token
            .strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|name| !name.is_empty())
    };
    between("<|", "|>") || between("<｜", "｜>")
}

/// Finds special tokens from the left, the longest where several start.
pub struct Finder(Trie);

impl Finder {
    /// [`Error::TooLarge`] for tokens with which a search would take long.
    pub fn new(tokens: &Strings, ids: impl Iterator<Item = u32>) -> Result<Self> {
        let all: Vec<(&str, u32)> = ids.filter_map(|id| Some((tokens.get(id as usize)?, id))).collect();
        let limited = |what: String, bytes: usize, limit: usize| match bytes > limit {
            true => Err(Error::TooLarge { what, value: bytes as u64, limit: limit as u64 }),
            false => Ok(()),
        };
        for (text, id) in &all {
            limited(format!("the length of special token {id}"), text.len(), MAX_BYTES)?;
        }
        let together = all.iter().map(|(text, _)| text.len()).sum();
        limited("the length of all special tokens".into(), together, MAX_TOGETHER)?;
        Ok(Self(Trie::new(all)))
    }

    /// The special tokens of a text, each with its bytes' range; of those only such as `counts`.
    pub fn find(&self, text: &str, counts: impl Fn(u32, &Range<usize>) -> bool) -> Vec<(u32, Range<usize>)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let longest = self.0.prefixes(&text.as_bytes()[at..]).last();
            let token = longest.map(|(bytes, id)| (id, at..at + bytes));
            match token.filter(|(id, range)| counts(*id, range)) {
                Some((id, range)) => {
                    at = range.end;
                    found.push((id, range));
                }
                None => at += 1,
            }
        }
        found
    }
}
