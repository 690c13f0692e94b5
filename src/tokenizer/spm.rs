//! SentencePiece-style vocabularies (`tokenizer.ggml.model` = llama): entries with scores, and a token for every
//! byte.

use crate::gguf::{Metadata, Strings};
use crate::{Error, Result};
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

/// What stands for a space in an entry.
const SPACE: char = '\u{2581}';
/// `tokenizer.ggml.token_type` of a byte's token.
const BYTE: i64 = 6;
/// Types whose entries text may become: normal, user-defined and unused ones.
const TEXT: [i64; 3] = [1, 4, 5];

/// A vocabulary with scores.
pub struct Spm {
    entries: HashMap<String, (u32, f32)>,
    ids_of_bytes: HashMap<u8, u32>,
    bytes_of_ids: HashMap<u32, u8>,
    unknown: Option<u32>,
    /// Whether a text gets a space in front.
    pub space_prefix: bool,
}

impl Spm {
    /// Reads `tokenizer.ggml.scores`, `.token_type`, `.unknown_token_id` and `.add_space_prefix`. Text becomes only tokens
    /// that are ordinary.
    pub fn new(metadata: &Metadata, tokens: &Strings, is_ordinary: impl Fn(u32) -> bool) -> Result<Self> {
        let key = "tokenizer.ggml.scores";
        let scores = metadata.floats(key)?.ok_or_else(|| Error::MetadataMissing { key: key.into() })?;
        if scores.len() != tokens.len() {
            return Err(Error::MetadataValue {
                key: key.into(),
                expected: format!("{} scores, as many as tokens", tokens.len()),
                found: scores.len().to_string(),
            });
        }
        let types = metadata.ints("tokenizer.ggml.token_type")?.unwrap_or_default();
        let mut spm = Self {
            entries: HashMap::new(),
            ids_of_bytes: HashMap::new(),
            bytes_of_ids: HashMap::new(),
            unknown: super::special_id(metadata, "unknown", tokens)?,
            space_prefix: metadata.bool("tokenizer.ggml.add_space_prefix")?.unwrap_or(true),
        };
        for ((token, score), id) in tokens.iter().zip(scores).zip(0u32..) {
            let ty = types.get(id as usize).copied().unwrap_or(1);
            if ty == BYTE {
                let byte = byte(token).ok_or_else(|| {
                    Error::Tokenizer(format!("token {id} {token:?} is marked as a byte but is none"))
                })?;
                spm.ids_of_bytes.entry(byte).or_insert(id);
                spm.bytes_of_ids.insert(id, byte);
            } else if TEXT.contains(&ty) && is_ordinary(id) {
                spm.entries.entry(token.to_owned()).or_insert((id, *score as f32));
            }
        }
        Ok(spm)
    }

    /// Appends the ids of `text`: neighbours whose concatenation has the best score are merged, leftmost first,
    /// until none is an entry; what is no entry becomes bytes.
    pub fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let prefix = if self.space_prefix { " " } else { "" };
        let text = format!("{prefix}{text}").replace(' ', &SPACE.to_string());
        for piece in Merges::run(self, &text) {
            match self.entries.get(piece) {
                Some((id, _)) => ids.push(*id),
                None => ids.extend(
                    piece.bytes().filter_map(|b| self.ids_of_bytes.get(&b).copied().or(self.unknown)),
                ),
            }
        }
    }

    /// The bytes that an entry stands for.
    pub fn bytes(&self, id: u32, token: &str) -> Vec<u8> {
        match self.bytes_of_ids.get(&id) {
            Some(byte) => vec![*byte],
            None => token.replace(SPACE, " ").into_bytes(),
        }
    }
}

/// The byte of `<0x41>`.
fn byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    let hexadecimal = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
}

/// A piece of the text; it grows to the right and dies when its left neighbour takes it.
#[derive(Clone, Copy)]
struct Piece {
    start: usize,
    /// Equal to `start` once it was taken.
    end: usize,
    /// Numbers of its neighbours.
    previous: usize,
    next: usize,
}

/// Two neighbours that could be merged: the best score first, then the leftmost.
struct Candidate {
    score: f32,
    left: usize,
    right: usize,
    end: usize,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(Reverse(self.left).cmp(&Reverse(other.left)))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

const NONE: usize = usize::MAX;

/// Pieces, at first one for each character, as a linked list, and the merges still possible: n log n for n characters.
struct Merges<'a> {
    spm: &'a Spm,
    text: &'a str,
    pieces: Vec<Piece>,
    candidates: BinaryHeap<Candidate>,
}

impl<'a> Merges<'a> {
    fn run(spm: &'a Spm, text: &'a str) -> Vec<&'a str> {
        let piece = |(i, (start, c)): (usize, (usize, char))| Piece {
            start,
            end: start + c.len_utf8(),
            previous: i.checked_sub(1).unwrap_or(NONE),
            next: i + 1,
        };
        let pieces: Vec<Piece> = text.char_indices().enumerate().map(piece).collect();
        let mut merges = Self { spm, text, pieces, candidates: BinaryHeap::new() };
        (1..merges.pieces.len()).for_each(|right| merges.consider(right - 1, right));
        while let Some(candidate) = merges.candidates.pop() {
            merges.merge(&candidate);
        }
        let left = merges.pieces.iter().filter(|piece| piece.start < piece.end);
        left.map(|piece| &text[piece.start..piece.end]).collect()
    }

    /// Queues the merge of two neighbours if it is an entry.
    fn consider(&mut self, left: usize, right: usize) {
        let (Some(first), Some(second)) = (self.pieces.get(left), self.pieces.get(right)) else { return };
        if let Some((_, score)) = self.spm.entries.get(&self.text[first.start..second.end]) {
            self.candidates.push(Candidate { score: *score, left, right, end: second.end });
        }
    }

    fn merge(&mut self, candidate: &Candidate) {
        let Candidate { left, right, end, .. } = *candidate;
        let (first, second) = (self.pieces[left], self.pieces[right]);
        // stale if either side has changed since
        if first.start == first.end || first.next != right || second.end != end {
            return;
        }
        self.pieces[right].end = second.start;
        self.pieces[left] = Piece { end, next: second.next, ..first };
        if let Some(piece) = self.pieces.get_mut(second.next) {
            piece.previous = left;
        }
        self.consider(left, second.next);
        self.consider(first.previous, left);
    }
}
