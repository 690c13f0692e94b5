//! What a server answered, and what that means for the bytes that were asked for.

use crate::{Error, Result};

/// A server's answer, before its body is read.
#[derive(Debug)]
pub struct Answer<B> {
    /// The HTTP status.
    pub status: u16,
    /// Where the answer came from, after redirects.
    pub url: String,
    /// What it says of its body.
    pub headers: Headers,
    /// The body.
    pub body: B,
}

/// The headers that matter. A browser hides some of another origin's: what is missing is not known.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// `Content-Range`.
    pub content_range: Option<String>,
    /// `Content-Length`, of the body as it is read: left out where that was compressed.
    pub content_length: Option<u64>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<String>,
}

/// What is in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The bytes that were asked for, so many of them where that is said.
    Range {
        /// Bytes of the body.
        length: Option<u64>,
        /// Bytes of the whole file.
        total: Option<u64>,
    },
    /// The whole file from its first byte: this server does not do ranges.
    Whole {
        /// Its bytes.
        total: Option<u64>,
    },
    /// Nothing: the file ends where the range would begin.
    End,
}

/// Judges an answer to the request for the bytes from `start` up to `end`, of a file of `total` bytes.
///
/// Errors: [`Error::Http`], [`Error::BadServer`], [`Error::Changed`] for a file of another length.
pub fn judge<B>(answer: &Answer<B>, start: u64, end: u64, total: Option<u64>) -> Result<Content> {
    let url = &answer.url;
    let bad = |problem: String| Err(Error::BadServer { url: url.clone(), problem });
    let headers = &answer.headers;
    if matches!(answer.status, 200 | 206) && is_page(headers) {
        return bad("it sent a web page in place of the file, as networks do that want a login".into());
    }
    let same = |found: Option<u64>| match (found, total) {
        (Some(found), Some(total)) if found != total => {
            let was = format!("it has {found} bytes, where it had {total}");
            Err(Error::Changed { url: url.clone(), was })
        }
        _ => Ok(()),
    };
    match answer.status {
        206 => {
            let mut content = Content::Range { length: headers.content_length, total };
            if let Some(text) = &headers.content_range {
                let Some((first, last, whole)) = parse_range(text) else {
                    return bad(format!("its Content-Range is {text:?}"));
                };
                same(whole)?;
                if first != start || last >= end || last < first || whole.is_some_and(|whole| last >= whole) {
                    return bad(format!("it was asked for bytes {start} to {} and sent {text:?}", end - 1));
                }
                content = Content::Range { length: Some(last + 1 - first), total: whole.or(total) };
            }
            match content {
                Content::Range { length: Some(length), .. } if length > end - start => {
                    bad(format!("it was asked for {} bytes and sends {length}", end - start))
                }
                content => Ok(content),
            }
        }
        200 => {
            same(headers.content_length)?;
            Ok(Content::Whole { total: headers.content_length.or(total) })
        }
        416 if start > 0 => {
            let whole =
                headers.content_range.as_deref().and_then(|text| text.strip_prefix("bytes */")?.parse().ok());
            same(whole)?;
            match total.or(whole) {
                Some(total) if total > start => bad(format!("it has no byte {start} of {total}")),
                _ => Ok(Content::End),
            }
        }
        status => Err(Error::Http { url: url.clone(), status }),
    }
}

fn is_page(headers: &Headers) -> bool {
    headers
        .content_type
        .as_deref()
        .is_some_and(|ty| ty.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// First and last byte, and the whole's length where it is told, of `bytes 0-9/100` (RFC 9110, section 14.4).
fn parse_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = match total.trim() {
        "*" => None,
        number => Some(number.parse().ok()?),
    };
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?, total))
}
