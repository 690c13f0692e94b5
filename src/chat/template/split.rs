//! How Python takes a text apart.

use super::lexer::is_space;
use super::value::{Result, list};
use minijinja::Value;

/// A list of texts.
pub(super) fn texts<'t>(parts: impl IntoIterator<Item = &'t str>) -> Result<Value> {
    list(parts.into_iter().map(Value::from).collect())
}

/// At a separator, at most so often.
pub(super) fn split(one: &str, separator: &str, most: usize, from_end: bool) -> Result<Value> {
    let most = most.saturating_add(1);
    if !from_end {
        return texts(one.splitn(most, separator));
    }
    let mut parts: Vec<&str> = one.rsplitn(most, separator).collect();
    parts.reverse();
    texts(parts)
}

/// At white space: what is over after `most` keeps that at its far end.
pub(super) fn split_space(one: &str, most: usize, from_end: bool) -> Result<Value> {
    let (mut parts, mut rest) = (Vec::new(), one);
    loop {
        rest = if from_end { rest.trim_end_matches(is_space) } else { rest.trim_start_matches(is_space) };
        let space = if from_end {
            rest.char_indices().rfind(|c| is_space(c.1))
        } else {
            rest.char_indices().find(|c| is_space(c.1))
        };
        let Some((at, c)) = space.filter(|_| parts.len() < most) else { break };
        if from_end {
            parts.push(&rest[at + c.len_utf8()..]);
            rest = &rest[..at];
        } else {
            parts.push(&rest[..at]);
            rest = &rest[at..];
        }
    }
    parts.extend(Some(rest).filter(|rest| !rest.is_empty()));
    if from_end {
        parts.reverse();
    }
    texts(parts)
}

/// The lines of a text, at every line end that Python knows.
pub(super) fn lines(one: &str, keep: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = one;
    while !rest.is_empty() {
        let is_end = |c: char| {
            matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
        };
        let Some((at, end)) = rest.char_indices().find(|(_, c)| is_end(*c)) else {
            lines.push(rest);
            break;
        };
        let length = if rest[at..].starts_with("\r\n") { 2 } else { end.len_utf8() };
        lines.push(&rest[..if keep { at + length } else { at }]);
        rest = &rest[at + length..];
    }
    lines
}
