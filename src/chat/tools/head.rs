//! What is before the arguments of DeepSeek's calls.

use super::{CALL_BEGIN, CALL_SEP, CALLS_BEGIN, FENCE_BEGIN, MAX_NAME, is_name};

/// Why there is no head of a call.
#[derive(Debug, PartialEq, Eq)]
pub enum NoHead {
    /// More text decides.
    Yet,
    /// What is there is no call.
    Never,
}

type Head<T> = std::result::Result<T, NoHead>;

/// What follows `begin`.
fn behind<'t>(text: &'t str, begin: &str) -> Head<&'t str> {
    let missing = if begin.starts_with(text) { NoHead::Yet } else { NoHead::Never };
    text.strip_prefix(begin).ok_or(missing)
}

/// The text before a character, which is no longer than a name, and the rest from that character on.
fn before(text: &str, end: char) -> Head<(&str, &str)> {
    let at = text.find(end);
    match at.unwrap_or(text.len()) {
        length if length > MAX_NAME => Err(NoHead::Never),
        _ => text.split_at_checked(at.ok_or(NoHead::Yet)?).ok_or(NoHead::Never),
    }
}

/// The text without the white space that it begins with; more may decide what that is.
fn spaced(text: &str) -> Head<&str> {
    let text = text.trim_start();
    if text.is_empty() { Err(NoHead::Yet) } else { Ok(text) }
}

/// Of DeepSeek's call the name, and where the arguments begin. Both its forms are read, whichever the template writes.
pub fn head(text: &str) -> Head<(String, usize)> {
    let call = text.trim_start();
    let call = call.strip_prefix(CALLS_BEGIN).unwrap_or(call);
    let (kind, rest) = before(behind(spaced(call)?, CALL_BEGIN)?, '<')?;
    let rest = behind(rest, CALL_SEP)?;
    let (name, arguments) = if spaced(rest)?.starts_with('{') {
        (kind, spaced(rest)?)
    } else if kind.trim() == "function" {
        let (name, rest) = before(rest, '\n')?;
        let rest = spaced(rest)?;
        let is_fenced = !rest.starts_with('{');
        (name, if is_fenced { spaced(behind(rest, FENCE_BEGIN)?)? } else { rest })
    } else {
        return Err(NoHead::Never);
    };
    let name = name.trim();
    let is_call = is_name(name) && arguments.starts_with('{');
    is_call.then(|| (name.into(), text.len() - arguments.len())).ok_or(NoHead::Never)
}
