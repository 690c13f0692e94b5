//! The metadata of an architecture, key by key.

use super::Architecture;
use crate::gguf::{Metadata, Value};
use crate::{Error, Result};

/// The metadata under the architecture's prefix.
pub(super) struct Keys<'a> {
    pub metadata: &'a Metadata,
    pub architecture: Architecture,
}

/// Keys under the architecture's prefix that are read, or that change nothing.
const KNOWN: &[&str] = &[
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_rms_epsilon",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.attn_factor",
    "rope.scaling.original_context_length",
    "rope.scaling.finetuned",
    // written by converters, ignored by llama.cpp for these architectures (golden/README.md)
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_log_multiplier",
    "vocab_size",
    "tensor_data_layout",
    "use_parallel_residual",
];

impl<'a> Keys<'a> {
    pub fn new(metadata: &'a Metadata) -> Result<Self> {
        let key = "general.architecture";
        let name = metadata.str(key)?.ok_or_else(|| Error::MetadataMissing { key: key.into() })?;
        let known = Architecture::ALL;
        let architecture =
            known.into_iter().find(|a| a.name() == name).ok_or_else(|| Error::Unsupported {
                what: key.into(),
                value: name.into(),
                supported: Some(known.map(Architecture::name).join(", ")),
            })?;
        Ok(Self { metadata, architecture })
    }

    pub fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture.name())
    }

    pub fn wrong(&self, name: &str, found: impl ToString, expected: &str) -> Error {
        Error::MetadataValue { key: self.key(name), expected: expected.into(), found: found.to_string() }
    }

    /// Refuses a key we do not read, unless its value turns the feature off.
    pub fn refuse_unknown(&self) -> Result<()> {
        let prefix = self.key("");
        for key in self.metadata.keys() {
            let Some(name) = key.strip_prefix(&prefix) else {
                continue;
            };
            let value = self.metadata.get(key);
            if name == "attention.sliding_window" && self.window_covers_context()? {
                continue;
            }
            let neutral = match value {
                Some(Value::Bool(on)) => *on == (name == "attention.causal"),
                Some(Value::Uint(0) | Value::Int(0)) => true,
                Some(Value::Float(v)) => *v == 0.0,
                _ => false,
            };
            if !neutral && !KNOWN.contains(&name) {
                let value = value.map(Value::describe).unwrap_or_default();
                return Err(Error::Unsupported { what: key.into(), value, supported: None });
            }
        }
        Ok(())
    }

    /// A window not smaller than the context changes nothing.
    pub fn window_covers_context(&self) -> Result<bool> {
        let window = self.metadata.u32(&self.key("attention.sliding_window"))?.unwrap_or(0);
        Ok(window >= self.metadata.u32(&self.key("context_length"))?.unwrap_or(u32::MAX))
    }

    pub fn optional(&self, name: &str, default: usize, limit: usize) -> Result<usize> {
        let key = self.key(name);
        let value = self.metadata.u32(&key)?.map_or(default, |v| v as usize);
        match value {
            0 => Err(self.wrong(name, 0, "at least 1")),
            v if v > limit => Err(Error::TooLarge { what: key, value: v as u64, limit: limit as u64 }),
            v => Ok(v),
        }
    }

    pub fn dimension(&self, name: &str, limit: usize) -> Result<usize> {
        match self.metadata.get(&self.key(name)) {
            Some(_) => self.optional(name, 0, limit),
            None => Err(Error::MetadataMissing { key: self.key(name) }),
        }
    }

    pub fn rms_eps(&self) -> Result<f32> {
        let name = "attention.layer_norm_rms_epsilon";
        let eps = self.metadata.f32(&self.key(name))?;
        let eps = eps.ok_or_else(|| Error::MetadataMissing { key: self.key(name) })?;
        if !(0.0..=0.1).contains(&eps) {
            return Err(self.wrong(name, eps, "a number from 0 to 0.1"));
        }
        Ok(eps)
    }

    pub fn float(&self, name: &str) -> Result<Option<f64>> {
        Ok(self.metadata.f32(&self.key(name))?.map(f64::from))
    }
}
