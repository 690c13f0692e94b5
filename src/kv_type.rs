//! How the KV cache keeps keys and values. `shaders/shared/kv_*.wgsl` write and read each type, and
//! `reference/kv.rs` is their scalar twin.

use crate::{Error, Result};
use serde::de::{IntoDeserializer, MapAccess, Visitor, value};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// Values of a block of [`KvType::Q8_0`].
pub const Q8_0_BLOCK: usize = 32;

/// The type of cached keys or values. No type needs a feature of the device.
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

impl fmt::Display for KvType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for KvType {
    type Err = value::Error;

    /// The name, as [`KvType`] displays it.
    fn from_str(name: &str) -> std::result::Result<Self, Self::Err> {
        Self::deserialize(name.into_deserializer())
    }
}

/// The types of a KV cache: `{ keys, values }`. It is also read from the name of one type, which then is that of both,
/// and as text from two names, `keys,values`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KvTypes {
    /// Of keys, which a softmax follows: they must be the more exact ones.
    pub keys: KvType,
    /// Of values, of which attention takes means.
    pub values: KvType,
}

impl KvTypes {
    /// Exact.
    pub const F32: Self = Self::both(KvType::F32);

    /// One type for both.
    pub const fn both(kv: KvType) -> Self {
        Self { keys: kv, values: kv }
    }
}

impl fmt::Display for KvTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys, {} values", self.keys, self.values)
    }
}

impl FromStr for KvTypes {
    type Err = value::Error;

    /// `TYPE` or `KEYS,VALUES`.
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (keys, values) = text.split_once(',').unwrap_or((text, text));
        Ok(Self { keys: keys.parse()?, values: values.parse()? })
    }
}

impl<'de> Deserialize<'de> for KvTypes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(KvTypesVisitor)
    }
}

struct KvTypesVisitor;

impl<'de> Visitor<'de> for KvTypesVisitor {
    type Value = KvTypes;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the type of a KV cache (f32, f16 or q8_0), or { keys, values } with a type each")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> std::result::Result<KvTypes, E> {
        KvType::deserialize(name.into_deserializer()).map(KvTypes::both)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<KvTypes, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            keys: KvType,
            values: KvType,
        }
        let Fields { keys, values } = Fields::deserialize(value::MapAccessDeserializer::new(map))?;
        Ok(KvTypes { keys, values })
    }
}
