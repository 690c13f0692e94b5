//! Ranges of one file from its server: asked for again after a cut, from where they were cut.

use super::answer::{Content, judge};
use super::journal::Validators;
use super::progress::{From, Meter};
use super::retry::{Patience, retry_after};
use super::{Answer, Body, Host, WINDOW, hub};
use crate::{Error, Result};
use futures_util::future::{Either, select};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::pin::pin;
use std::rc::Rc;

/// Milliseconds after which a body that sends nothing is taken for one that was cut.
const STALL_MS: f64 = 30_000.0;
/// Longest pointer of a hub that is read, in bytes.
const POINTER: usize = 1024;

/// A file of a server.
pub struct Fetch<H: Host> {
    pub host: Rc<H>,
    pub meter: Rc<Meter<H>>,
    url: String,
    headers: Vec<(String, String)>,
    /// Where redirects led last: asked first, as long as it lets us.
    direct: RefCell<Option<String>>,
    /// What is known of the file: it must stay so.
    pub server: RefCell<Validators>,
    /// Whether its hashes are known: then they alone tell whether it is the same file.
    pub pinned: Cell<bool>,
    /// Answers that were the whole file where a range was wanted.
    wholes: Cell<u32>,
    /// Requests in a row that no answer came to.
    unanswered: Cell<u32>,
    /// Of a server that does not do ranges.
    stream: RefCell<Option<Stream<H::Body>>>,
    /// How long the last range took to its first byte, and from there to its last.
    times: Cell<(f64, f64)>,
}

/// A body that is read from the file's first byte on.
struct Stream<B> {
    body: B,
    /// Where in the file the next byte stands: the first of `rest`, if there is one.
    at: u64,
    rest: Vec<u8>,
}

/// Why an attempt failed, and how long the server wants us to wait.
struct Failure(Error, Option<f64>);

impl std::convert::From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error, None)
    }
}

impl<H: Host> Fetch<H> {
    pub fn new(host: &Rc<H>, meter: &Rc<Meter<H>>, url: String, headers: Vec<(String, String)>) -> Self {
        Self {
            host: host.clone(),
            meter: meter.clone(),
            url,
            headers,
            direct: RefCell::new(None),
            server: RefCell::new(Validators::default()),
            pinned: Cell::new(false),
            wholes: Cell::new(0),
            unanswered: Cell::new(0),
            stream: RefCell::new(None),
            times: Cell::new((0.0, 0.0)),
        }
    }

    /// Bytes of the file, where that is known.
    pub fn total(&self) -> Option<u64> {
        self.server.borrow().total
    }

    /// Ranges to have on their way at once: so many that the link is busy while the server is waited for.
    pub fn window(&self) -> usize {
        match self.times.get() {
            _ if self.wholes.get() > 1 => 1,
            (_, 0.0) => 1,
            (first_byte, rest) => (1 + (first_byte / rest).ceil() as usize).clamp(2, WINDOW),
        }
    }

    /// What a hub says of the file, where it is on one.
    pub async fn pointer(&self) -> Option<(super::Sha256, u64)> {
        let url = hub::pointer_url(&self.url)?;
        let mut answer = self.ask(&url, None, &self.headers).await.ok()?;
        let mut text = Vec::new();
        while answer.status == 200
            && text.len() <= POINTER
            && let Some(bytes) = self.next(&mut answer.body).await.ok()?
        {
            text.extend(bytes);
        }
        hub::parse_pointer(text.get(..POINTER.min(text.len()))?)
    }

    /// The bytes of a range, fewer where the file ends in it.
    pub async fn range(&self, range: Range<u64>) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut patience = Patience::default();
        loop {
            if self.proceed().await? {
                patience = Patience::default();
            }
            let before = bytes.len();
            let direct = self.direct.borrow().is_some();
            let attempt = self.attempt(&range, &mut bytes).await;
            let more = bytes.len() > before;
            let Failure(error, wait) = match attempt {
                // whether the file ends there or the server sent less, its next answer tells
                Ok(())
                    if more && self.total().is_none() && range.start + (bytes.len() as u64) < range.end =>
                {
                    continue;
                }
                Ok(()) => return Ok(bytes),
                Err(failure) => failure,
            };
            if more {
                patience = Patience::default();
            }
            if direct {
                *self.direct.borrow_mut() = None;
                if matches!(error, Error::Http { status: 400..=428 | 430..=499, .. }) {
                    continue; // the address that redirects led to is not valid for ever
                }
            }
            let wait = patience.wait(&*self.host, error, wait, self.meter.fetched() > 0)?;
            self.meter.retry(self.host.offline());
            self.host.sleep(wait).await;
        }
    }

    /// Waits while the person has paused; whether that was so.
    pub async fn proceed(&self) -> Result<bool> {
        let paused = self.host.paused();
        if paused {
            self.meter.paused();
        }
        self.host.proceed().await?;
        Ok(paused)
    }

    async fn attempt(&self, range: &Range<u64>, bytes: &mut Vec<u8>) -> std::result::Result<(), Failure> {
        let start = range.start + bytes.len() as u64;
        let end = self.total().map_or(range.end, |total| range.end.min(total));
        if start >= end {
            return Ok(());
        }
        if let Some(stream) = self.open_stream(start) {
            return Ok(self.take_stream(stream, start, end, bytes).await?);
        }
        let asked = self.host.now();
        // browsers refuse a compressed answer to a range, and some servers know no better: the whole file may still come
        let whole = self.unanswered.get() % 3 == 2;
        let answer = match self.get((!whole).then_some(start..end)).await {
            Ok(answer) => answer,
            Err(error) => {
                self.unanswered.set(self.unanswered.get() + 1);
                return Err(error.into());
            }
        };
        self.unanswered.set(0);
        if whole {
            self.wholes.set(self.wholes.get().max(1));
        }
        match judge(&answer, start, end, self.total()) {
            Err(error) => Err(Failure(error, retry_after(&answer))),
            Ok(Content::End) => Ok(self.learn(&answer, Some(start))?),
            Ok(Content::Whole { total }) => {
                self.learn(&answer, total)?;
                let stream = self.whole(start, answer)?;
                Ok(self.take_stream(stream, start, end, bytes).await?)
            }
            Ok(Content::Range { length, total }) => {
                self.learn(&answer, total)?;
                self.wholes.set(0);
                let first_byte = self.host.now();
                let framed = length.is_some() && length == answer.headers.content_length;
                self.take(answer.body, length, framed, start..end, bytes).await?;
                self.times.set((first_byte - asked, (self.host.now() - first_byte).max(1.0)));
                Ok(())
            }
        }
    }

    async fn get(&self, range: Option<Range<u64>>) -> Result<Answer<H::Body>> {
        let url = self.direct.borrow().clone().unwrap_or_else(|| self.url.clone());
        let known = hub::same_origin(&url, &self.url);
        let headers: &[_] = if known { &self.headers } else { &[] };
        let answer = self.ask(&url, range, headers).await?;
        if answer.url != self.url && matches!(answer.status, 200 | 206) {
            *self.direct.borrow_mut() = Some(answer.url.clone());
        }
        Ok(answer)
    }

    async fn ask(
        &self,
        url: &str,
        range: Option<Range<u64>>,
        headers: &[(String, String)],
    ) -> Result<Answer<H::Body>> {
        let (answer, stalled) = (pin!(self.host.get(url, range, headers)), pin!(self.host.sleep(STALL_MS)));
        match select(answer, stalled).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(self.cut("no answer came")),
        }
    }

    /// Takes the whole file in place of a range that begins at `start`: at once at the beginning, else when it comes twice
    /// with no range between.
    fn whole(&self, start: u64, answer: Answer<H::Body>) -> Result<Stream<H::Body>> {
        let once = if start == 0 { 2 } else { self.wholes.get() + 1 };
        self.wholes.set(once);
        if once < 2 {
            let problem = format!("it was asked for bytes from {start} on and sends the whole file");
            return Err(Error::BadServer { url: answer.url, problem });
        }
        Ok(Stream { body: answer.body, at: 0, rest: Vec::new() })
    }

    /// The open body that the bytes from `start` on are still to come from.
    fn open_stream(&self, start: u64) -> Option<Stream<H::Body>> {
        let stream = self.stream.take().filter(|stream| stream.at <= start)?;
        self.meter.count(From::Network, stream.rest.len());
        Some(stream)
    }

    /// Notes what an answer says of the file. [`Error::Changed`] where that was otherwise before.
    fn learn(&self, answer: &Answer<H::Body>, total: Option<u64>) -> Result<()> {
        let (etag, last_modified) = (&answer.headers.etag, &answer.headers.last_modified);
        let mut server = self.server.borrow_mut();
        let differs =
            |old: &Option<String>, new: &Option<String>| old.is_some() && new.is_some() && old != new;
        let other = differs(&server.etag, etag)
            || (etag.is_none() || server.etag.is_none()) && differs(&server.last_modified, last_modified);
        if other && !self.pinned.get() {
            let was = "its ETag or date is another".into();
            return Err(Error::Changed { url: self.url.clone(), was });
        }
        server.total = server.total.or(total);
        server.etag = etag.clone().or(server.etag.take());
        server.last_modified = last_modified.clone().or(server.last_modified.take());
        self.meter.learn(server.total);
        Ok(())
    }

    /// Appends a body that should have `length` bytes of those in `range`, and has where it is `framed` so.
    async fn take(
        &self,
        mut body: H::Body,
        length: Option<u64>,
        framed: bool,
        range: Range<u64>,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        let before = bytes.len();
        let most = length.unwrap_or(range.end - range.start);
        let mut got = 0;
        while got < most || !framed {
            let Some(chunk) = self.read(&mut body).await? else { break };
            got += chunk.len() as u64;
            if got > most {
                self.meter.lost(got as usize);
                bytes.truncate(before);
                let problem = format!("it sends more than the {most} bytes that it was asked for");
                return Err(Error::BadServer { url: self.url.clone(), problem });
            }
            bytes.extend(chunk);
        }
        let at = range.start + got;
        match length {
            Some(length) if got < length => Err(self.cut("the connection was cut")),
            _ if at == range.end || self.total() == Some(at) => Ok(()),
            _ if self.total().is_some() => Err(self.cut("the server sent less than it was asked for")),
            _ if got > 0 => Ok(()),
            None => Err(self.cut("the answer ended early")),
            Some(_) => {
                self.server.borrow_mut().total = Some(at); // the file ends before this range
                Ok(())
            }
        }
    }

    /// Appends the bytes from `start` up to `end` of a body that began with the file's first byte.
    async fn take_stream(
        &self,
        mut stream: Stream<H::Body>,
        start: u64,
        end: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        let end = self.total().map_or(end, |total| end.min(total)); // the answer itself may have told it
        while stream.at < end {
            if stream.rest.is_empty() {
                let Some(chunk) = self.read(&mut stream.body).await? else {
                    if self.total().is_some() {
                        return Err(self.cut("the connection was cut"));
                    }
                    self.server.borrow_mut().total = Some(stream.at);
                    return Ok(());
                };
                stream.rest = chunk;
            }
            let skip = (start.saturating_sub(stream.at) as usize).min(stream.rest.len());
            self.meter.lost(skip);
            let stop = ((end - stream.at) as usize).min(stream.rest.len());
            bytes.extend(&stream.rest[skip..stop]);
            stream.rest.drain(..stop);
            stream.at += stop as u64;
        }
        self.meter.lost(stream.rest.len()); // which counts when somebody takes it
        *self.stream.borrow_mut() = Some(stream);
        Ok(())
    }

    /// The next bytes of a body, counted.
    async fn read(&self, body: &mut H::Body) -> Result<Option<Vec<u8>>> {
        self.proceed().await?;
        let chunk = self.next(body).await?;
        self.meter.received(chunk.as_ref().map_or(0, Vec::len));
        Ok(chunk)
    }

    async fn next(&self, body: &mut H::Body) -> Result<Option<Vec<u8>>> {
        match select(pin!(body.read()), pin!(self.host.sleep(STALL_MS))).await {
            Either::Left((chunk, _)) => chunk,
            Either::Right(_) => Err(self.cut("no more bytes came")),
        }
    }

    fn cut(&self, cause: &str) -> Error {
        Error::Network { url: self.url.clone(), received: self.meter.loaded(), cause: cause.into() }
    }
}
