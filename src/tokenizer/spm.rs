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
    /// Reads `tokenizer.ggml.scores`, `.token_type`, `.unknown_token_id` and `.add_space_prefix`.
    pub fn new(metadata: &Metadata, tokens: &Strings) -> Result<Self> {
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
            } else if TEXT.contains(&ty) {
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

/// A piece of the text between two places; it grows to the right and dies when its left neighbour takes it.
#[derive(Clone, Copy)]
struct Piece {
    end: usize,
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

/// Pieces as a list linked by start places, and the merges still possible: n log n for n characters.
struct Merges<'a> {
    spm: &'a Spm,
    text: &'a str,
    /// By start; `end` = start marks a piece that was taken.
    pieces: HashMap<usize, Piece>,
    candidates: BinaryHeap<Candidate>,
}

impl<'a> Merges<'a> {
    fn run(spm: &'a Spm, text: &'a str) -> Vec<&'a str> {
        let mut merges = Self { spm, text, pieces: HashMap::new(), candidates: BinaryHeap::new() };
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        for (i, start) in starts.iter().enumerate() {
            let next = starts.get(i + 1).copied().unwrap_or(NONE);
            let previous = if i == 0 { NONE } else { starts[i - 1] };
            merges.pieces.insert(*start, Piece { end: next.min(text.len()), previous, next });
        }
        starts.windows(2).for_each(|pair| merges.consider(pair[0], pair[1]));
        while let Some(candidate) = merges.candidates.pop() {
            merges.merge(&candidate);
        }
        merges.pieces_in_order()
    }

    /// Queues the merge of two neighbours if it is an entry.
    fn consider(&mut self, left: usize, right: usize) {
        let Some(end) = self.pieces.get(&right).map(|piece| piece.end) else { return };
        if let Some((_, score)) = self.spm.entries.get(&self.text[left..end]) {
            self.candidates.push(Candidate { score: *score, left, right, end });
        }
    }

    fn merge(&mut self, candidate: &Candidate) {
        let Candidate { left, right, end, .. } = *candidate;
        // stale if either side has changed since
        let still = self.pieces.get(&left).is_some_and(|piece| piece.next == right)
            && self.pieces.get(&right).is_some_and(|piece| piece.end == end);
        if !still {
            return;
        }
        let next = self.pieces.remove(&right).map_or(NONE, |piece| piece.next);
        let mut previous = NONE;
        if let Some(piece) = self.pieces.get_mut(&left) {
            *piece = Piece { end, next, ..*piece };
            previous = piece.previous;
        }
        if let Some(piece) = self.pieces.get_mut(&next) {
            piece.previous = left;
            self.consider(left, next);
        }
        if previous != NONE {
            self.consider(previous, left);
        }
    }

    fn pieces_in_order(&self) -> Vec<&'a str> {
        let mut at = 0;
        let mut pieces = Vec::new();
        while let Some(piece) = self.pieces.get(&at) {
            pieces.push(&self.text[at..piece.end]);
            at = piece.next;
        }
        pieces
    }
}
