//! Incremental parser of the GGUF header: metadata and the tensor table.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. Nothing is allocated by a number that the
//! file states: memory only grows with bytes that were really received.

mod metadata;
mod parser;

pub use metadata::{Metadata, Strings, Value};
pub use parser::HeaderParser;

use crate::quant::GgmlType;
use crate::{Error, Result};
use std::collections::HashSet;

/// Longest header accepted, in bytes (a 152 k vocabulary takes about 6 MB).
pub const MAX_HEADER: u64 = 64 << 20;
/// Longest string accepted, in bytes.
pub const MAX_STRING: u64 = 8 << 20;
/// Longest metadata key, and longest tensor name, accepted, in bytes (the format's own limit for keys).
/// A name is read again when the rest of its entry comes late: this bounds that work.
pub const MAX_NAME: u64 = 65_535;
/// Longest array accepted, in elements.
pub const MAX_ARRAY: u64 = 1 << 20;
/// Most elements that all arrays together may have: a number takes 8 bytes here, whatever it takes in the file.
pub const MAX_ELEMENTS: u64 = 4 << 20;
/// Most metadata entries, and most tensors, accepted.
pub const MAX_ENTRIES: u64 = 65_536;
/// Largest alignment accepted, in bytes.
pub const MAX_ALIGNMENT: u64 = 1 << 20;

/// One tensor of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// Name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Type of its elements.
    pub ty: GgmlType,
    /// Dimensions, innermost (columns) first, as the file has them.
    pub shape: Vec<u64>,
    /// First byte, counted from the start of the file.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// A whole header.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// Container version, 2 or 3.
    pub version: u32,
    /// The metadata entries.
    pub metadata: Metadata,
    /// The tensors, in the order of their bytes in the file.
    pub tensors: Vec<TensorInfo>,
    /// Where tensor data starts: everything before is header and padding.
    pub data_offset: u64,
    /// One past the last tensor byte: the least length of a whole file.
    pub file_len: u64,
    /// Of a model in several files, where each ends when one follows the other; else `file_len` alone.
    pub parts: Vec<u64>,
}

impl Header {
    /// [`Error::Truncated`] with the first tensor that lacks bytes, if the file ends at byte `end`.
    pub fn check_length(&self, end: u64) -> Result<()> {
        match self.tensors.iter().find(|t| t.offset + t.bytes > end) {
            Some(tensor) => Err(Error::Truncated {
                what: format!("tensor {}", tensor.name),
                needed: tensor.offset + tensor.bytes,
                end,
            }),
            None => Ok(()),
        }
    }

    /// Which file of a model's this is, from 0, and of how many.
    pub fn split(&self) -> Result<(usize, usize)> {
        let number = |key: &str| Ok(self.metadata.u32(key)?.map(|n| n as usize));
        Ok((number("split.no")?.unwrap_or(0), number("split.count")?.unwrap_or(1).max(1)))
    }

    /// [`Error::Unsupported`] unless this is file `part` of `count`.
    pub fn check_split(&self, part: usize, count: usize) -> Result<()> {
        let (no, of) = self.split()?;
        if (no, of) == (part, count) {
            return Ok(());
        }
        let place = format!("{of}, for this file is part {} of {of} of a split model", no.saturating_add(1));
        Err(Error::Unsupported {
            what: "split.count".into(),
            value: place,
            supported: Some(match count {
                1 => "all parts together, named as llama.cpp's `llama-gguf-split` does: NAME-00001-of-0000N.gguf".into(),
                _ => format!("part {} of {count} in this place", part + 1),
            }),
        })
    }

    /// Adds the tensors of the file that follows. Errors: as for a tensor that stands twice in one file.
    pub fn join(&mut self, next: Self) -> Result<()> {
        let base = self.file_len;
        let names: HashSet<_> = self.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let twice = next.tensors.iter().find(|tensor| names.contains(tensor.name.as_str()));
        let malformed = |what: &str, offset: u64, problem: &str| {
            Err(Error::Malformed { what: what.into(), offset, problem: problem.into() })
        };
        if let Some(tensor) = twice {
            return malformed(&tensor.name, tensor.offset, "the tensor stands in an earlier part too");
        }
        if (self.tensors.len() + next.tensors.len()) as u64 > MAX_ENTRIES {
            let value = (self.tensors.len() + next.tensors.len()) as u64;
            return Err(Error::TooLarge { what: "the number of tensors".into(), value, limit: MAX_ENTRIES });
        }
        let Some(file_len) = base.checked_add(next.file_len) else {
            return malformed("the tensor table", 0, "the sum of all sizes overflows");
        };
        let moved =
            next.tensors.into_iter().map(|tensor| TensorInfo { offset: base + tensor.offset, ..tensor });
        self.tensors.extend(moved);
        self.file_len = file_len;
        self.parts.push(file_len);
        Ok(())
    }

    /// [`Error::Malformed`] unless there are as many tensors as the first of several files says.
    pub fn check_tensors(&self) -> Result<()> {
        match self.metadata.u32("split.tensors.count")? {
            Some(count) if count as usize != self.tensors.len() => Err(Error::Malformed {
                what: "split.tensors.count".into(),
                offset: 0,
                problem: format!("it is {count}, and the parts have {} tensors", self.tensors.len()),
            }),
            _ => Ok(()),
        }
    }
}
