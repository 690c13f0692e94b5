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
}
