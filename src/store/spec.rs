//! Which model is meant: its files' addresses, and what is known of them beforehand.

use super::hub::{self, MOST_PARTS};
use super::{PIECE, Sha256};
use crate::{Error, Result};
use serde::Deserialize;

/// A file of a model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartSpec {
    /// Its address.
    pub url: String,
    /// Its length in bytes.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Of the whole file.
    #[serde(default)]
    pub sha256: Option<Sha256>,
    /// Of each 4 MiB ([`PIECE`]) of it.
    #[serde(default)]
    pub pieces: Vec<Sha256>,
}

/// A model: one file, or several that are one together (as `llama-gguf-split` makes them).
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// Its name in the store.
    pub id: String,
    /// Its files, in their order.
    pub parts: Vec<PartSpec>,
}

impl ModelSpec {
    /// By the address of its file, or of the first of several (`...-00001-of-00003.gguf`).
    pub fn of_url(url: &str) -> Result<Self> {
        let urls = hub::part_urls(url)?;
        Self::new(urls.into_iter().map(|url| PartSpec { url, ..PartSpec::default() }).collect())
    }

    /// By its files. [`Error::InvalidRequest`] where what is said of them makes no sense.
    pub fn new(parts: Vec<PartSpec>) -> Result<Self> {
        let invalid = |problem: String| Err(Error::InvalidRequest { param: "model".into(), problem });
        let Some(first) = parts.first() else { return invalid("it has no files".into()) };
        if parts.len() > MOST_PARTS {
            return invalid(format!("it has {} files, above the limit of {MOST_PARTS}", parts.len()));
        }
        for part in parts.iter().filter(|part| !part.pieces.is_empty()) {
            let pieces = part.pieces.len() as u64;
            if part.bytes.map(|bytes| bytes.div_ceil(PIECE)) != Some(pieces) {
                let problem = format!(
                    "{}: {pieces} hashes of pieces want `bytes`, and one for each {PIECE} bytes",
                    part.url
                );
                return invalid(problem);
            }
        }
        Ok(Self { id: id(&first.url), parts })
    }
}

/// The folder of a model: a name that a person recognises, and what tells it from all others.
fn id(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    let name = name.strip_suffix(".gguf").unwrap_or(name);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).take(80).collect();
    let hash = Sha256::of(url.as_bytes()).to_string();
    format!("{}-{}", name.trim_start_matches('.'), &hash[..12])
}
