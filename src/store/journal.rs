//! What is known of a kept file: a line of JSON for each fact, written as it becomes true, so that a crash costs at most the
//! last one.

use super::{PIECE, Sha256};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Of the form below.
const VERSION: u32 = 1;

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// The first: which file it is.
    File(Origin),
    /// What the server said of it.
    Server(Validators),
    /// A piece is written, and has this hash.
    Piece {
        /// Which, from 0.
        index: u64,
        /// Of its bytes.
        sha256: Sha256,
    },
    /// All pieces are.
    Whole {
        /// Bytes of the file.
        bytes: u64,
        /// Of the file.
        sha256: Sha256,
    },
    /// All pieces had their hashes, at so many milliseconds since 1970.
    Verified {
        /// When.
        at: u64,
    },
}

/// Which file it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    version: u32,
    /// Bytes of a piece.
    piece: u64,
    /// Its address.
    pub url: String,
    /// Files of the model.
    pub parts: usize,
}

/// What a server says of a file, by which a change of it shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validators {
    /// Scheme and host of the address that was asked: another has validators of its own.
    #[serde(default)]
    pub host: String,
    /// Its length.
    #[serde(default)]
    pub total: Option<u64>,
    /// Its `ETag`.
    #[serde(default)]
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    #[serde(default)]
    pub last_modified: Option<String>,
}

/// All lines of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// Which file it is.
    pub origin: Origin,
    /// What the server said of it.
    pub server: Validators,
    /// Hashes of the pieces that are written.
    pub pieces: BTreeMap<u64, Sha256>,
    /// Bytes and hash of the file, once it was all there.
    pub whole: Option<(u64, Sha256)>,
    /// When all pieces last had their hashes, in milliseconds since 1970.
    pub verified: Option<u64>,
}

impl Journal {
    /// Of a file that is not begun.
    pub fn new(url: &str, parts: usize) -> Self {
        Self {
            origin: Origin { version: VERSION, piece: PIECE, url: url.into(), parts },
            server: Validators::default(),
            pieces: BTreeMap::new(),
            whole: None,
            verified: None,
        }
    }

    /// Reads lines up to the first that is not one, which a crash cut, and tells where that begins. `None` where they are not
    /// of this version.
    pub fn parse(bytes: &[u8]) -> Option<(Self, u64)> {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let first = lines.next()?;
        let Line::File(origin) = line(first)? else { return None };
        if origin.version != VERSION || origin.piece != PIECE {
            return None;
        }
        let mut journal = Self { origin, ..Self::new("", 0) };
        let mut end = first.len() as u64;
        for bytes in lines {
            let Some(line) = line(bytes).filter(|line| !matches!(line, Line::File(_))) else { break };
            journal.take(line);
            end += bytes.len() as u64;
        }
        Some((journal, end))
    }

    /// Learns a fact.
    pub fn take(&mut self, line: Line) {
        match line {
            Line::File(origin) => *self = Self { origin, ..Self::new("", 0) },
            Line::Server(server) => self.server = server,
            Line::Piece { index, sha256 } => _ = self.pieces.insert(index, sha256),
            Line::Whole { bytes, sha256 } => self.whole = Some((bytes, sha256)),
            Line::Verified { at } => self.verified = Some(at),
        }
    }

    /// Bytes that are kept, where the file has `total`.
    pub fn kept(&self, total: Option<u64>) -> u64 {
        let piece = |index: &u64| {
            let start = index.saturating_mul(PIECE);
            PIECE.min(total.unwrap_or(u64::MAX).saturating_sub(start))
        };
        self.pieces.keys().map(piece).fold(0, u64::saturating_add)
    }

    /// Bytes of the file, where that is known.
    pub fn total(&self) -> Option<u64> {
        self.whole.map(|(bytes, _)| bytes).or(self.server.total)
    }
}

fn line(bytes: &[u8]) -> Option<Line> {
    serde_json::from_slice(bytes.strip_suffix(b"\n")?).ok()
}

/// As it stands in the file.
pub fn encode(line: &Line) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).unwrap_or_default(); // there is nothing in it that JSON has not
    bytes.push(b'\n');
    bytes
}
