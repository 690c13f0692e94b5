//! How the KV cache keeps keys and values. `shaders/shared/kv_*.wgsl` write and read each type, and
//! `reference/kv.rs` is their scalar twin.

use crate::{Error, Result};
use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};

/// Values of a block of [`KvType::Q8_0`].
pub const Q8_0_BLOCK: usize = 32;

/// The type of cached keys and values. No type needs a feature of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KvType {
    /// Single precision: exact.
    F32,
    /// Half precision (IEEE 754 binary16), two values a word, at most 65504 in magnitude.
    F16,
    /// GGML's Q8_0: of 32 values of a head, `m` is the largest magnitude, and a value is `m / 127` times an
    /// integer from -127 to 127. Such a block has 9 words: `m` in f32, then four integers a word.
    #[allow(non_camel_case_types)]
    Q8_0,
}

impl KvType {
    /// All types, the most exact first.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Q8_0];

    /// [`Error::Unsupported`] where heads of so many elements are not whole blocks.
    pub fn check(self, head_dim: usize) -> Result<()> {
        if self != Self::Q8_0 || head_dim.is_multiple_of(Q8_0_BLOCK) {
            return Ok(());
        }
        Err(Error::Unsupported {
            what: format!("head_dim in a {self} KV cache"),
            value: head_dim.to_string(),
            supported: Some(format!("multiples of {Q8_0_BLOCK}; any head_dim with f16 or f32")),
        })
    }

    /// Bytes of one head's key or value, for a `head_dim` that [`KvType::check`] has passed.
    pub fn head_bytes(self, head_dim: usize) -> u64 {
        let bytes = match self {
            Self::F32 => 4 * head_dim,
            Self::F16 => 2 * head_dim,
            Self::Q8_0 => head_dim / Q8_0_BLOCK * (4 + Q8_0_BLOCK),
        };
        bytes as u64
    }
}

impl std::fmt::Display for KvType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl std::str::FromStr for KvType {
    type Err = serde::de::value::Error;

    /// The name, as [`KvType`] displays it.
    fn from_str(name: &str) -> std::result::Result<Self, Self::Err> {
        Self::deserialize(name.into_deserializer())
    }
}
