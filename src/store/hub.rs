//! Addresses: the files of a split model, a mirror's, and a hub's own word on a file's hash.

use super::Sha256;
use crate::{Error, Result};

/// Most files of a model.
pub const MOST_PARTS: usize = 1_000;

/// Of the first file's address those of all, as `llama-gguf-split` names them: `NAME-00001-of-00003.gguf`.
///
/// [`Error::InvalidRequest`] for the address of another file than the first.
pub fn part_urls(url: &str) -> Result<Vec<String>> {
    let split = split_name(url);
    let Some((before, part, count, after)) = split else { return Ok(vec![url.into()]) };
    let invalid = |problem: String| Err(Error::InvalidRequest { param: "model".into(), problem });
    if part != 1 {
        return invalid(format!("{url} is part {part} of {count}: name the first, and the others are found"));
    }
    if count > MOST_PARTS {
        return invalid(format!("{url} has {count} parts, above the limit of {MOST_PARTS}"));
    }
    Ok((1..=count).map(|part| format!("{before}-{part:05}-of-{count:05}.gguf{after}")).collect())
}

/// What stands before `-00001-of-00003.gguf`, the two numbers, and what stands behind.
fn split_name(url: &str) -> Option<(&str, usize, usize, &str)> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (path, after) = url.split_at(end);
    let (rest, count) = digits(path.strip_suffix(".gguf")?)?;
    let (rest, part) = digits(rest.strip_suffix("-of-")?)?;
    let before = rest.strip_suffix('-')?;
    (count > 0).then_some((before, part, count, after))
}

/// The five digits at the end.
fn digits(text: &str) -> Option<(&str, usize)> {
    let at = text.len().checked_sub(5)?;
    let (rest, digits) = (text.get(..at)?, text.get(at..)?);
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    Some((rest, number))
}

/// Scheme and host of an address, and its path with what follows.
fn origin(url: &str) -> Option<(&str, &str)> {
    let host = url.find("://")? + 3;
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    Some(url.split_at(path))
}

/// Scheme and host of an address.
pub fn host(url: &str) -> String {
    origin(url).map(|(host, _)| host.to_ascii_lowercase()).unwrap_or_default()
}

/// Whether two addresses are of one origin, by their texts.
pub fn same_origin(a: &str, b: &str) -> bool {
    match (origin(a), origin(b)) {
        (Some((a, _)), Some((b, _))) => a.eq_ignore_ascii_case(b),
        _ => false,
    }
}

/// Where a redirect leads (RFC 3986, section 5, without dots in paths).
pub fn resolve(from: &str, location: &str) -> String {
    let (host, path) = origin(from).unwrap_or((from, ""));
    if location.contains("://") {
        location.into()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{}//{rest}", from.split("//").next().unwrap_or_default())
    } else if location.starts_with('/') {
        format!("{host}{location}")
    } else {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let folder = path.rfind('/').map_or("", |at| &path[..at]);
        format!("{host}{folder}/{location}")
    }
}

/// The same file's address below a mirror's.
pub fn mirrored(url: &str, mirror: &str) -> String {
    match origin(url) {
        Some((_, path)) => format!("{}{path}", mirror.trim_end_matches('/')),
        None => url.into(),
    }
}

/// Where a hub of Hugging Face's kind has a pointer to the file at `.../resolve/REVISION/PATH`, in which its hash stands.
pub fn pointer_url(url: &str) -> Option<String> {
    let (host, path) = origin(url)?;
    let path = path.split(['?', '#']).next()?;
    let (before, after) = path.split_once("/resolve/")?;
    Some(format!("{host}{before}/raw/{after}"))
}

/// Hash and length of the file that a pointer of Git LFS means (git-lfs's docs/spec.md).
pub fn parse_pointer(text: &[u8]) -> Option<(Sha256, u64)> {
    let text = std::str::from_utf8(text).ok()?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    if !value("version")?.starts_with("https://git-lfs.github.com/spec/") {
        return None;
    }
    let sha256 = value("oid")?.strip_prefix("sha256:")?.parse().ok()?;
    Some((sha256, value("size")?.parse().ok()?))
}
