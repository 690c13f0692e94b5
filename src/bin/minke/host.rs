//! What a download needs of this machine: requests on threads of their own, a clock, a progress bar.

use crate::time;
use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;
use futures_util::future::poll_fn;
use indicatif::{ProgressBar, ProgressStyle};
use minke::store::{Answer, Body, Headers, Host, Phase, Sha256, Status};
use minke::{Error, Result};
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::ops::Range;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;
use ureq::http::Response;

/// Bytes of a body that are handed over at a time.
const CHUNK: usize = 256 << 10;
/// How many wait to be taken.
const WAITING: usize = 4;
/// Most redirects that are followed.
const REDIRECTS: usize = 10;
const CONNECT: Duration = Duration::from_secs(15);

/// This machine.
pub struct NativeHost {
    bar: ProgressBar,
}

impl NativeHost {
    /// With a progress bar on stderr, where that is a terminal, unless `quiet`.
    pub fn new(quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::no_length() };
        let style = "{bar:30} {bytes} of {total_bytes}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Self { bar }
    }
}

impl Host for NativeHost {
    type Body = Chunks;
    type Hasher = sha2::Sha256;

    async fn get(
        &self,
        url: &str,
        range: Option<Range<u64>>,
        headers: &[(String, String)],
    ) -> Result<Answer<Chunks>> {
        let (head, answer) = oneshot::channel();
        let (mut chunks, rest) = mpsc::channel(WAITING);
        let (url, headers) = (url.to_owned(), headers.to_vec());
        let name = url.clone();
        thread::spawn(move || {
            let response = match follow(&url, range, &headers) {
                Ok((response, from)) => {
                    let answer = (response.status(), from, headers_of(&response));
                    _ = head.send(Ok(answer)); // nobody may want it any more
                    response
                }
                Err(error) => {
                    _ = head.send(Err(error));
                    return;
                }
            };
            send(response, &url, &mut chunks);
        });
        let (status, url, headers) =
            answer.await.unwrap_or_else(|_| Err(network(&name, &"the thread ended")))?;
        Ok(Answer { status: status.as_u16(), url, headers, body: Chunks(rest) })
    }

    async fn digest(&self, bytes: &[u8]) -> Sha256 {
        let (sender, digest) = oneshot::channel();
        let copy = bytes.to_vec();
        thread::spawn(move || sender.send(Sha256::of(&copy)));
        digest.await.unwrap_or_else(|_| Sha256::of(bytes))
    }

    fn hasher(&self) -> sha2::Sha256 {
        sha2::Sha256::default()
    }

    async fn sleep(&self, milliseconds: f64) {
        futures_timer::Delay::new(Duration::from_secs_f64(milliseconds.max(0.0) / 1e3)).await;
    }

    fn now(&self) -> f64 {
        time::now()
    }

    fn date(&self) -> f64 {
        1e3 * std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64()
    }

    fn random(&self) -> f64 {
        // the standard library's own source of randomness: each state has other keys
        (RandomState::new().hash_one(0) >> 11) as f64 / 2f64.powi(53)
    }

    fn offline(&self) -> bool {
        false // that shows in failing requests
    }

    fn paused(&self) -> bool {
        false
    }

    async fn proceed(&self) -> Result<()> {
        Ok(())
    }

    fn tell(&self, status: &Status) {
        let bar = &self.bar;
        if let Some(total) = status.total {
            bar.set_length(total);
        }
        bar.set_position(status.loaded);
        bar.set_message(match status.phase {
            Phase::Waiting => "waiting for another process that loads this model".into(),
            Phase::Retry => "no answer, trying again".into(),
            _ => rate(status),
        });
    }
}

impl Drop for NativeHost {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn rate(status: &Status) -> String {
    let megabytes = format!("{:.1} MB/s", status.bytes_per_second / 1e6);
    match status.seconds_left {
        Some(left) => format!("{megabytes}, {left:.0} s left"),
        None => megabytes,
    }
}

/// A body, as a thread reads it.
pub struct Chunks(mpsc::Receiver<Result<Vec<u8>>>);

impl Body for Chunks {
    async fn read(&mut self) -> Result<Option<Vec<u8>>> {
        self.0.next().await.transpose()
    }
}

/// The answer to a request and where it came from: headers of the person's go to no other origin than they were meant for.
fn follow(
    url: &str,
    range: Option<Range<u64>>,
    headers: &[(String, String)],
) -> Result<(Response<ureq::Body>, String)> {
    static AGENT: LazyLock<ureq::Agent> = LazyLock::new(|| {
        let config = ureq::Agent::config_builder();
        config.http_status_as_error(false).max_redirects(0).timeout_connect(Some(CONNECT)).build().into()
    });
    let mut at = url.to_owned();
    for _ in 0..=REDIRECTS {
        let mut request = AGENT.get(&at).header("Accept-Encoding", "identity");
        if let Some(range) = &range {
            request = request.header("Range", format!("bytes={}-{}", range.start, range.end - 1));
        }
        if minke::store::same_origin(&at, url) {
            request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        }
        let response = request.call().map_err(|e| network(&at, &e))?;
        match header(&response, "location").filter(|_| response.status().is_redirection()) {
            Some(location) => at = minke::store::resolve(&at, &location),
            None => return Ok((response, at)),
        }
    }
    Err(network(url, &format!("it redirects more than {REDIRECTS} times")))
}

/// Reads a body to its end, or until nobody wants it.
fn send(response: Response<ureq::Body>, url: &str, chunks: &mut mpsc::Sender<Result<Vec<u8>>>) {
    let mut body = response.into_body().into_reader();
    loop {
        let mut bytes = vec![0; CHUNK];
        let chunk = match body.read(&mut bytes) {
            Ok(0) => return,
            Ok(n) => {
                bytes.truncate(n);
                Ok(bytes)
            }
            Err(error) => Err(network(url, &error)),
        };
        let last = chunk.is_err();
        let wanted = pollster::block_on(poll_fn(|context| chunks.poll_ready(context))).is_ok();
        if !wanted || chunks.start_send(chunk).is_err() || last {
            return;
        }
    }
}

fn headers_of(response: &Response<ureq::Body>) -> Headers {
    let encoded = header(response, "content-encoding").is_some_and(|encoding| encoding != "identity");
    Headers {
        content_range: header(response, "content-range"),
        content_length: header(response, "content-length").filter(|_| !encoded).and_then(|n| n.parse().ok()),
        content_type: header(response, "content-type"),
        etag: header(response, "etag"),
        last_modified: header(response, "last-modified"),
        retry_after: header(response, "retry-after"),
    }
}

fn header(response: &Response<ureq::Body>, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(String::from)
}

fn network(url: &str, cause: &impl ToString) -> Error {
    Error::Network { url: url.into(), received: 0, cause: cause.to_string() }
}
