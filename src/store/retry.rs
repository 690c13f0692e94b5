//! When to ask again: waits that double, with jitter, until no byte has come for too long.

use super::{Answer, Host};
use crate::{Error, Result};

/// Milliseconds without a byte after which a download is given up. It can be resumed.
const GIVE_UP_MS: f64 = 30_000.0;
/// The same where none has ever come: then the address may be wrong.
const FIRST_GIVE_UP_MS: f64 = 5_000.0;
/// How often a server may answer wrongly: that rarely passes.
const WRONG: i32 = 3;
/// Milliseconds of the first wait.
const FIRST_MS: f64 = 250.0;
/// Milliseconds of the longest.
const LONGEST_MS: f64 = 8_000.0;
/// Longest that is waited for what `Retry-After` says, all of it together, in milliseconds.
const LONGEST_RETRY_AFTER_MS: f64 = 600_000.0;

/// How patient a request still is.
#[derive(Debug, Default)]
pub struct Patience {
    failures: i32,
    /// When it first failed, later by what the server wanted to be waited for. A request that was merely not looked at for
    /// long, because the person paused or the GPU was busy, is not one that failed for long.
    since: Option<f64>,
    /// Milliseconds that the server wanted to be waited for.
    asked: f64,
}

impl Patience {
    /// Milliseconds to wait before the next try after `error`; the error where another would not help or it has been tried
    /// for too long. `retry_after` is what the server asked for, `known` whether a byte of it has ever come.
    pub fn wait(
        &mut self,
        host: &impl Host,
        error: Error,
        retry_after: Option<f64>,
        known: bool,
    ) -> Result<f64> {
        // whatever stands between here and the server may have answered in its place
        let wrong = matches!(error, Error::BadServer { .. } | Error::Changed { .. });
        if !is_passing(&error) || wrong && self.failures >= WRONG {
            return Err(error);
        }
        if host.offline() {
            *self = Self::default(); // that will pass, and `sleep` ends when it does
            return Ok(LONGEST_MS);
        }
        let asked = retry_after.unwrap_or(0.0);
        self.asked += asked;
        let since = *self.since.get_or_insert(host.now());
        let most = if known { GIVE_UP_MS } else { FIRST_GIVE_UP_MS };
        if host.now() - since > most || self.asked > LONGEST_RETRY_AFTER_MS {
            return Err(error);
        }
        self.since = Some(since + asked);
        let wait = (FIRST_MS * 2f64.powi(self.failures)).min(LONGEST_MS);
        self.failures = (self.failures + 1).min(16);
        Ok(asked.max(wait * (0.5 + host.random()))) // a server may say 0 again and again
    }
}

/// Whether the same request may succeed later.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Network { .. } | Error::BadServer { .. } | Error::Changed { .. } => true,
        Error::Http { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504 | 522 | 524),
        _ => false,
    }
}

/// Milliseconds that the server asks to wait: `Retry-After` in seconds (RFC 9110, section 10.2.3). One that is a date is
/// left to our own waits.
pub fn retry_after<B>(answer: &Answer<B>) -> Option<f64> {
    let seconds: u32 = answer.headers.retry_after.as_deref()?.trim().parse().ok()?;
    matches!(answer.status, 429 | 503).then_some(1e3 * f64::from(seconds))
}

/// Does `work`, and once more where it finds that the file has changed: what was kept of the old one is gone then.
pub async fn again_if_changed<T>(mut work: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    match work().await {
        Err(Error::Changed { .. }) => work().await,
        done => done,
    }
}
