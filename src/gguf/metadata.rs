//! The metadata entries of a file.

use crate::{Error, Result};
use std::collections::HashMap;

/// A metadata value. The widths of numbers are not kept: GGUF writers do not agree on them.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An unsigned integer of 8 to 64 bits.
    Uint(u64),
    /// A signed integer of 8 to 64 bits.
    Int(i64),
    /// A float of 32 or 64 bits.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// A UTF-8 string.
    String(String),
    /// An array of strings.
    Strings(Strings),
    /// An array of integers or booleans.
    Ints(Vec<i64>),
    /// An array of floats.
    Floats(Vec<f64>),
}

impl Value {
    /// The value in a few words, for error messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Uint(v) => v.to_string(),
            Self::Int(v) => v.to_string(),
            Self::Float(v) => v.to_string(),
            Self::Bool(v) => v.to_string(),
            Self::String(v) => format!("{:?}", v.chars().take(40).collect::<String>()),
            Self::Strings(v) => format!("an array of {} strings", v.len()),
            Self::Ints(v) => format!("an array of {} integers", v.len()),
            Self::Floats(v) => format!("an array of {} floats", v.len()),
        }
    }
}

/// Many strings in one allocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    /// Number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// String `i`.
    pub fn get(&self, i: usize) -> Option<&str> {
        let end = *self.ends.get(i)? as usize;
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        Some(&self.text[start..end])
    }

    /// All strings in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|i| self.get(i).unwrap_or_default())
    }

    pub(super) fn push(&mut self, s: &str) {
        self.text.push_str(s);
        self.ends.push(self.text.len() as u32); // the header cap keeps this far below 4 GiB
    }
}

/// The metadata entries of a GGUF file.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    pub(super) entries: HashMap<String, Value>,
}

impl Metadata {
    /// The raw value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)
    }

    /// All keys, sorted.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<_> = self.entries.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        self.get(key)
            .map(|value| {
                read(value).ok_or_else(|| Error::MetadataValue {
                    key: key.into(),
                    expected: expected.into(),
                    found: value.describe(),
                })
            })
            .transpose()
    }

    /// `key` as a number that fits u32, if it is there.
    pub fn u32(&self, key: &str) -> Result<Option<u32>> {
        self.typed(key, "an unsigned 32-bit integer", |value| match value {
            Value::Uint(v) => u32::try_from(*v).ok(),
            Value::Int(v) => u32::try_from(*v).ok(),
            _ => None,
        })
    }

    /// `key` as a finite float, if it is there.
    pub fn f32(&self, key: &str) -> Result<Option<f32>> {
        self.typed(key, "a finite number", |value| match value {
            Value::Float(v) => Some(*v as f32).filter(|v| v.is_finite()),
            Value::Uint(v) => Some(*v as f32),
            Value::Int(v) => Some(*v as f32),
            _ => None,
        })
    }

    /// `key` as a boolean, if it is there.
    pub fn bool(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", |value| match value {
            Value::Bool(v) => Some(*v),
            _ => None,
        })
    }

    /// `key` as a string, if it is there.
    pub fn str(&self, key: &str) -> Result<Option<&str>> {
        self.typed(key, "a string", |value| match value {
            Value::String(v) => Some(v.as_str()),
            _ => None,
        })
    }

    /// `key` as an array of strings, if it is there.
    pub fn strings(&self, key: &str) -> Result<Option<&Strings>> {
        self.typed(key, "an array of strings", |value| match value {
            Value::Strings(v) => Some(v),
            _ => None,
        })
    }

    /// `key` as an array of integers, if it is there.
    pub fn ints(&self, key: &str) -> Result<Option<&[i64]>> {
        self.typed(key, "an array of integers", |value| match value {
            Value::Ints(v) => Some(v.as_slice()),
            _ => None,
        })
    }

    /// `key` as an array of floats, if it is there.
    pub fn floats(&self, key: &str) -> Result<Option<&[f64]>> {
        self.typed(key, "an array of floats", |value| match value {
            Value::Floats(v) => Some(v.as_slice()),
            _ => None,
        })
    }
}
