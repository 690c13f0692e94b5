//! The GGUF's own vocabulary as a tokenizer: byte-level BPE or SentencePiece.
//!
//! Special tokens are split off here and not in the crate, because GGUF knows two kinds: user-defined ones
//! (type 4, such as `<think>`), which are recognised in any text, and control tokens (type 3), which only the
//! chat template may write ([`special`]).

mod bpe;
pub mod special;
mod spm;

use crate::gguf::{Metadata, Strings};
use crate::{Error, Result};
use bpe::Bpe;
use special::{Finder, Kind, special_tokens};
use spm::Spm;
use std::collections::BTreeMap;
use std::ops::Range;

/// How text between special tokens becomes ids (`tokenizer.ggml.model`).
enum Model {
    Bpe(Box<Bpe>),
    Spm(Spm),
}

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
    model: Model,
    tokens: Strings,
    special: BTreeMap<u32, Kind>,
    /// For [`Special::Parse`].
    all: Finder,
    /// For [`Special::Text`].
    user_defined: Finder,
    /// `tokenizer.ggml.pre`, where the file has it.
    pub pre: Option<String>,
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
        let key = "tokenizer.ggml.tokens";
        let tokens = metadata.strings(key)?.ok_or_else(|| required(key))?.clone();
        let key = "tokenizer.ggml.model";
        let special = special_tokens(metadata, &tokens)?;
        let is_ordinary = |id| special.get(&id).is_none_or(|kind| *kind == Kind::UserDefined);
        let model = match metadata.str(key)?.ok_or_else(|| required(key))? {
            "gpt2" => Model::Bpe(Box::new(Bpe::new(metadata, &tokens, is_ordinary)?)),
            "llama" => Model::Spm(Spm::new(metadata, &tokens, is_ordinary)?),
            other => {
                let supported = Some("gpt2, llama".into());
                return Err(Error::Unsupported { what: key.into(), value: other.into(), supported });
            }
        };
        let pre = metadata.str("tokenizer.ggml.pre")?;
        // llama.cpp's defaults where the key is missing
        let add_bos = matches!(model, Model::Spm(_)) || pre.is_some_and(bpe::is_llama3);
        let id = |name| special_id(metadata, name, &tokens);
        let mut end: Vec<u32> = [id("eos")?, id("eot")?, id("eom")?].into_iter().flatten().collect();
        let named = |id: &&u32| tokens.get(**id as usize).is_some_and(special::ends_reply);
        end.extend(special.keys().filter(named));
        end.sort_unstable();
        end.dedup();
        let user_defined = special.iter().filter(|(_, kind)| **kind == Kind::UserDefined);
        Ok(Self {
            model,
            all: Finder::new(&tokens, special.keys().copied())?,
            user_defined: Finder::new(&tokens, user_defined.map(|(id, _)| *id))?,
            special,
            pre: pre.map(String::from),
            bos: id("bos")?,
            eos: id("eos")?,
            add_bos: metadata.bool("tokenizer.ggml.add_bos_token")?.unwrap_or(add_bos),
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

    /// The texts of the tokens that only the chat template may write.
    pub fn control_tokens(&self) -> impl Iterator<Item = &str> + Clone {
        let reserved = self.special.iter().filter(|(_, kind)| **kind != Kind::UserDefined);
        reserved.filter_map(|(id, _)| self.token(*id))
    }

    /// Ids of `text`; no BOS is added.
    pub fn encode(&self, text: &str, special: Special) -> Result<Vec<u32>> {
        self.encode_marked(text, special, None)
    }

    /// Like [`Tokenizer::encode`] with [`Special::Parse`], for a prompt in which `mark` (see
    /// [`crate::chat::template::Prompt`]) keeps a person's words from being read as control tokens: it stands in
    /// them, or after one that has but one character.
    pub fn encode_marked(&self, text: &str, special: Special, mark: Option<char>) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        let finder = match special {
            Special::Parse => &self.all,
            Special::Text => &self.user_defined,
        };
        let is_marked = |at: usize| mark.is_some_and(|mark| text[at..].starts_with(mark));
        let counts = |id, range: &Range<usize>| self.is_user_defined(id) || !is_marked(range.end);
        let mut at = 0;
        for (id, range) in finder.find(text, counts) {
            self.encode_text(&text[at..range.start], mark, &mut ids)?;
            ids.push(id);
            at = range.end;
        }
        self.encode_text(&text[at..], mark, &mut ids)?;
        Ok(ids)
    }

    /// Appends the ids of a text without special tokens, of which `mark` is no part.
    fn encode_text(&self, text: &str, mark: Option<char>, ids: &mut Vec<u32>) -> Result<()> {
        if text.is_empty() {
            return Ok(()); // no space in front of nothing
        }
        if let Some(mark) = mark.filter(|mark| text.contains(*mark)) {
            return self.encode_text(&text.replace(mark, ""), None, ids);
        }
        match &self.model {
            Model::Bpe(bpe) => bpe.encode(text, ids),
            Model::Spm(spm) => {
                spm.encode(text, ids);
                Ok(())
            }
        }
    }

    /// Whether the id ends a reply.
    pub fn is_end(&self, id: u32) -> bool {
        self.end.binary_search(&id).is_ok()
    }

    /// Whether the id is a control token, which is not part of a reply's text.
    pub fn is_control(&self, id: u32) -> bool {
        self.special.get(&id) == Some(&Kind::Control)
    }

    /// Whether it is a control token or a user-defined one, and so no part of ordinary text.
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains_key(&id)
    }

    fn is_user_defined(&self, id: u32) -> bool {
        self.special.get(&id) == Some(&Kind::UserDefined)
    }

    /// The entry with this text.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.tokens.iter().position(|entry| entry == token).map(|id| id as u32)
    }

    /// The bytes that the id stands for; they may be part of a character.
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        let Some(token) = self.token(id) else { return Vec::new() };
        if self.special.contains_key(&id) {
            return token.as_bytes().to_vec();
        }
        match &self.model {
            Model::Bpe(bpe) => bpe.bytes(token),
            Model::Spm(spm) => spm.bytes(id, token),
        }
    }

    /// The text of `ids`; bytes that are no UTF-8 become U+FFFD. A space that [`Tokenizer::encode`] put in front
    /// of the text is taken away again.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| self.token_bytes(*id)).collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let prefixed = matches!(&self.model, Model::Spm(spm) if spm.space_prefix);
        match text.strip_prefix(' ').filter(|_| prefixed) {
            Some(text) => text.into(),
            None => text,
        }
    }
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
        let mut done = 0;
        for chunk in self.held.utf8_chunks() {
            text.push_str(chunk.valid());
            done += chunk.valid().len();
            let bad = chunk.invalid();
            let unfinished = std::str::from_utf8(bad).is_err_and(|e| e.error_len().is_none());
            if bad.is_empty() || (unfinished && done + bad.len() == self.held.len()) {
                break; // the end, or a character of which more may come
            }
            text.push(char::REPLACEMENT_CHARACTER);
            done += bad.len();
        }
        self.held.drain(..done);
        text
    }

    /// What is left when no more tokens come.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}

/// `tokenizer.ggml.NAME_token_id`, if it is there.
fn special_id(metadata: &Metadata, name: &str, tokens: &Strings) -> Result<Option<u32>> {
    let key = format!("tokenizer.ggml.{name}_token_id");
    match metadata.u32(&key)? {
        Some(id) if id as usize >= tokens.len() => Err(Error::MetadataValue {
            key,
            expected: format!("an id below {}", tokens.len()),
            found: id.to_string(),
        }),
        id => Ok(id),
    }
}
