//! A machine whose network leads to a server that a test makes up.

use super::{Clock, network};
use minke::store::{Answer, Headers, Host, Sha256, Status, same_origin};
use minke::{Error, Result};
use std::cell::{Cell, OnceCell, RefCell};
use std::ops::Range;
use std::rc::Rc;

/// Bytes of a body that come at a time.
const CHUNK: usize = 250_000;

#[derive(Clone, Debug)]
pub struct Request {
    pub url: String,
    pub range: Option<Range<u64>>,
    pub headers: Vec<(String, String)>,
    /// Milliseconds.
    pub at: f64,
}

/// How a body ends, after so many bytes.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Whole,
    Cut(usize),
    Stall(usize),
}

#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Headers,
    pub bytes: Rc<[u8]>,
    /// Those of `bytes` that are sent.
    pub part: Range<usize>,
    pub end: End,
    /// Milliseconds to the first byte.
    pub delay: f64,
    /// To where it redirects.
    pub location: Option<String>,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::text(status, "text/plain", "so it is")
    }

    pub fn text(status: u16, kind: &str, text: &str) -> Self {
        let bytes: Rc<[u8]> = text.as_bytes().into();
        let content_type = Some(kind.to_owned());
        let headers =
            Headers { content_type, content_length: Some(bytes.len() as u64), ..Headers::default() };
        let part = 0..bytes.len();
        Self { status, headers, bytes, part, end: End::Whole, delay: 20.0, location: None }
    }

    pub fn redirect(location: &str) -> Self {
        Self { location: Some(location.into()), ..Self::status(302) }
    }
}

/// A file of a server.
#[derive(Clone)]
pub struct File {
    pub bytes: Rc<[u8]>,
    pub etag: Option<String>,
    /// Of the file and of each 4 MiB, once somebody asks.
    hashes: Rc<OnceCell<(Sha256, Vec<Sha256>)>>,
}

impl File {
    pub fn new(bytes: Vec<u8>, etag: Option<String>) -> Self {
        Self { bytes: bytes.into(), etag, hashes: Rc::default() }
    }

    /// Bytes that follow from a seed, the first as in any GGUF.
    pub fn random(len: usize, seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut bytes = Vec::with_capacity(len + 8);
        bytes.extend(b"GGUF");
        while bytes.len() < len {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend(state.to_le_bytes());
        }
        bytes.truncate(len);
        Self::new(bytes, Some(format!("\"{seed}\"")))
    }

    pub fn tagged(self, etag: Option<String>) -> Self {
        Self { etag, ..self }
    }

    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub fn sha256(&self) -> Sha256 {
        self.hashes().0
    }

    pub fn pieces(&self) -> Vec<Sha256> {
        self.hashes().1.clone()
    }

    fn hashes(&self) -> &(Sha256, Vec<Sha256>) {
        let pieces = || self.bytes.chunks(4 << 20).map(Sha256::of).collect();
        self.hashes.get_or_init(|| (Sha256::of(&self.bytes), pieces()))
    }

    /// With other bits at one place.
    pub fn flipped(&self, at: usize) -> Self {
        let mut bytes = self.bytes.to_vec();
        bytes[at] ^= 0x10;
        Self::new(bytes, self.etag.clone())
    }

    /// Of a server that knows no ranges.
    pub fn whole(&self) -> Reply {
        let mut reply = Reply::text(200, "application/octet-stream", "");
        reply.headers.content_length = Some(self.len());
        reply.headers.etag = self.etag.clone();
        (reply.bytes, reply.part) = (self.bytes.clone(), 0..self.bytes.len());
        reply
    }

    /// Of a server that knows them.
    pub fn reply(&self, request: &Request) -> Reply {
        let mut reply = self.whole();
        let Some(range) = &request.range else { return reply };
        if range.start >= self.len() {
            reply = Reply::status(416);
            reply.headers.content_range = Some(format!("bytes */{}", self.len()));
            return reply;
        }
        let end = range.end.min(self.len());
        reply.status = 206;
        reply.headers.content_range = Some(format!("bytes {}-{}/{}", range.start, end - 1, self.len()));
        reply.headers.content_length = Some(end - range.start);
        reply.part = range.start as usize..end as usize;
        reply
    }
}

/// What a server does: `None` where no answer comes.
type Site = Box<dyn FnMut(&Request) -> Option<Reply>>;

pub struct Fake {
    pub clock: Rc<Clock>,
    site: RefCell<Site>,
    pub requests: RefCell<Vec<Request>>,
    /// Bytes of bodies that came.
    pub served: Rc<Cell<u64>>,
    pub told: RefCell<Vec<Status>>,
    /// Bytes that a connection brings in a millisecond.
    pub speed: Rc<Cell<f64>>,
    /// From when to when there is no network.
    pub offline: Rc<Cell<(f64, f64)>>,
    /// From when to when the person pauses.
    pub pause: Cell<(f64, f64)>,
    /// When the person gives up.
    pub abort: Cell<f64>,
    random: Cell<u64>,
}

fn within((start, end): (f64, f64), now: f64) -> bool {
    start <= now && now < end
}

impl Fake {
    pub fn new(site: impl FnMut(&Request) -> Option<Reply> + 'static) -> Rc<Self> {
        Rc::new(Self {
            clock: Rc::default(),
            site: RefCell::new(Box::new(site)),
            requests: RefCell::default(),
            served: Rc::default(),
            told: RefCell::default(),
            speed: Rc::new(Cell::new(50e3)),
            offline: Rc::new(Cell::new((0.0, 0.0))),
            pause: Cell::new((0.0, 0.0)),
            abort: Cell::new(f64::INFINITY),
            random: Cell::new(1),
        })
    }

    /// Another server at the same place.
    pub fn serve(&self, site: impl FnMut(&Request) -> Option<Reply> + 'static) {
        *self.site.borrow_mut() = Box::new(site);
    }

    fn has_network(&self, url: &str) -> Result<()> {
        if self.offline() { Err(network(url, "no network")) } else { Ok(()) }
    }
}

pub struct Body {
    url: String,
    reply: Reply,
    sent: usize,
    clock: Rc<Clock>,
    speed: Rc<Cell<f64>>,
    served: Rc<Cell<u64>>,
    offline: Rc<Cell<(f64, f64)>>,
}

impl minke::store::Body for Body {
    async fn read(&mut self) -> Result<Option<Vec<u8>>> {
        let Reply { part, end, .. } = &self.reply;
        let limit = match end {
            End::Whole => part.len(),
            End::Cut(most) | End::Stall(most) => part.len().min(*most),
        };
        let count = CHUNK.min(limit - self.sent);
        if count == 0 {
            match end {
                End::Whole => return Ok(None),
                End::Cut(_) => return Err(network(&self.url, "cut")),
                End::Stall(_) => std::future::pending().await,
            }
        }
        self.clock.sleep(count as f64 / self.speed.get()).await;
        if within(self.offline.get(), self.clock.now()) {
            return Err(network(&self.url, "no network"));
        }
        let start = part.start + self.sent;
        self.sent += count;
        self.served.set(self.served.get() + count as u64);
        Ok(Some(self.reply.bytes[start..start + count].into()))
    }
}

impl Host for Fake {
    type Body = Body;
    type Hasher = sha2::Sha256;

    async fn get(
        &self,
        url: &str,
        range: Option<Range<u64>>,
        headers: &[(String, String)],
    ) -> Result<Answer<Body>> {
        let (mut url, mut headers) = (url.to_owned(), headers.to_vec());
        loop {
            let at = self.clock.now();
            let request = Request { url: url.clone(), range: range.clone(), headers: headers.clone(), at };
            self.requests.borrow_mut().push(request.clone());
            self.has_network(&url)?;
            let reply = (self.site.borrow_mut())(&request);
            let Some(mut reply) = reply else { return Err(network(&url, "no answer")) };
            self.clock.sleep(reply.delay).await;
            self.has_network(&url)?;
            if let Some(location) = reply.location.take() {
                if !same_origin(&url, &location) {
                    headers.clear();
                }
                url = location;
                continue;
            }
            let (status, headers) = (reply.status, reply.headers.clone());
            let (clock, speed, served) = (self.clock.clone(), self.speed.clone(), self.served.clone());
            let offline = self.offline.clone();
            let body = Body { url: url.clone(), reply, sent: 0, clock, speed, served, offline };
            return Ok(Answer { status, url, headers, body });
        }
    }

    async fn digest(&self, bytes: &[u8]) -> Sha256 {
        self.clock.sleep(bytes.len() as f64 / 100e3).await; // beside other work
        Sha256::of(bytes)
    }

    fn hasher(&self) -> sha2::Sha256 {
        sha2::Sha256::default()
    }

    async fn sleep(&self, milliseconds: f64) {
        let back = if self.offline() { self.offline.get().1 - self.now() } else { f64::INFINITY };
        self.clock.sleep(milliseconds.min(back)).await;
    }

    fn now(&self) -> f64 {
        self.clock.now()
    }

    fn date(&self) -> f64 {
        1.8e12 + self.clock.now()
    }

    fn random(&self) -> f64 {
        self.random
            .set(self.random.get().wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f));
        (self.random.get() >> 11) as f64 / 2f64.powi(53)
    }

    fn offline(&self) -> bool {
        within(self.offline.get(), self.now())
    }

    fn paused(&self) -> bool {
        within(self.pause.get(), self.now())
    }

    async fn proceed(&self) -> Result<()> {
        if self.paused() {
            self.clock.sleep(self.pause.get().1 - self.now()).await;
        }
        if self.now() < self.abort.get() { Ok(()) } else { Err(Error::Aborted) }
    }

    fn tell(&self, status: &Status) {
        self.told.borrow_mut().push(*status);
    }
}
