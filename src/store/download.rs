//! A model's bytes in order, wherever they come from: pieces from the store or the server, several on their way at once,
//! each verified before anyone sees it.

use super::fetch::Fetch;
use super::journal::{Line, Validators};
use super::kept::Kept;
use super::progress::{From, Meter};
use super::{Hasher, Host, ModelSpec, PIECE, PartSpec, Sha256, Store, hub};
use crate::model::ByteSource;
use crate::{Error, Result};
use futures_util::StreamExt;
use futures_util::future::{LocalBoxFuture, poll_fn};
use futures_util::stream::FuturesOrdered;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::task::Poll;

/// How often a piece with a wrong hash is fetched.
const TRIES: u32 = 3;

/// How to come by a model.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// An address that has the same paths as the model's own.
    pub mirror: Option<String>,
    /// Headers for the model's own origin, or the mirror's. They are not kept.
    pub headers: Vec<(String, String)>,
    /// Whether nothing is to be asked of a server.
    pub offline: bool,
}

/// A model that is being read.
pub struct Download<H: Host, S: Store> {
    host: Rc<H>,
    store: Option<S>,
    spec: ModelSpec,
    options: Options,
    meter: Rc<Meter<H>>,
    file: Rc<Part<H, S::File>>,
    /// Pieces on their way.
    ahead: FuturesOrdered<LocalBoxFuture<'static, Result<Vec<u8>>>>,
    /// The first of them, once it has come.
    ready: Option<Result<Vec<u8>>>,
    /// The next piece to send for.
    next: u64,
    /// Where the next byte stands that is read.
    at: u64,
    /// Of the file so far, where that is wanted.
    hasher: Option<H::Hasher>,
    /// Whether all of the file has been read.
    over: bool,
    /// Whether nothing is sent for before it is asked for.
    alone: bool,
    /// Whether the store was asked for how much it has room.
    asked: bool,
    _lock: Option<S::Lock>,
}

/// One file of it.
struct Part<H: Host, F> {
    spec: PartSpec,
    fetch: Fetch<H>,
    kept: RefCell<Option<Kept<F>>>,
    offline: bool,
}

impl<H: Host, S: Store> Download<H, S> {
    /// Opens a model; with a store it is kept there, and what is there already is not fetched. Waits while another tab or
    /// process reads the same model.
    pub async fn open(host: &Rc<H>, store: Option<S>, spec: ModelSpec, options: Options) -> Result<Self> {
        let meter = Rc::new(Meter::new(host, spec.parts.iter().map(|part| part.bytes).collect()));
        let (store, lock) = match store {
            Some(store) => lock(store, &spec.id, &meter).await?,
            None => (None, None),
        };
        let file = open_part(host, store.as_ref(), &meter, &spec, 0, &options).await?;
        let hasher = hasher(&file);
        let ahead = FuturesOrdered::new();
        let host = host.clone();
        let file = Rc::new(file);
        Ok(Self {
            host,
            store,
            spec,
            options,
            meter,
            file,
            ahead,
            ready: None,
            next: 0,
            at: 0,
            hasher,
            over: false,
            alone: false,
            asked: false,
            _lock: lock,
        })
    }

    /// Whether what is read is kept.
    pub fn is_kept(&self) -> bool {
        self.file.kept.borrow().is_some()
    }

    /// Sends for no more than is read: for those who want only the header.
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Sends for as many pieces as the link and the memory want, and lets them get on.
    async fn send(&mut self) {
        let total = self.file.fetch.total();
        let stored = self.file.kept.borrow().as_ref().is_some_and(|kept| kept.journal.whole.is_some());
        let window = match total {
            _ if self.alone => 1,
            None => 1,
            Some(_) if stored => 2, // one is read while the other is verified
            Some(_) => self.file.fetch.window(),
        };
        while self.ahead.len() + usize::from(self.ready.is_some()) < window {
            let start = self.next * PIECE;
            let end = total.map_or(start + PIECE, |total| total.min(start + PIECE));
            if start >= end {
                break;
            }
            self.ahead.push_back(Box::pin(piece(self.file.clone(), self.next, start..end)));
            self.next += 1;
        }
        poll_fn(|context| {
            if self.ready.is_none()
                && let Poll::Ready(first) = self.ahead.poll_next_unpin(context)
            {
                self.ready = first;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Asks the store once whether it has room for what is missing. It only guesses, so the download goes on.
    async fn ask_for_room(&mut self) {
        let (Some(store), Some(total), false) = (&self.store, self.file.fetch.total(), self.asked) else {
            return;
        };
        self.asked = true;
        let kept = self.file.kept.borrow().as_ref().map_or(0, |kept| kept.journal.kept(Some(total)));
        if let Some(room) = store.free().await.filter(|room| *room < total - kept.min(total)) {
            self.meter.short(room);
        }
    }

    /// The file is over: all of it has come.
    async fn finish(&mut self) -> Result<()> {
        if self.over {
            return Ok(());
        }
        self.meter.end();
        let found = match &mut self.hasher {
            Some(hasher) => Some(hasher.hash().await?),
            None => None,
        };
        let mut kept = self.file.kept.borrow_mut();
        if let Some((expected, found)) = self.file.spec.sha256.zip(found)
            && expected != found
        {
            if let Some(kept) = kept.as_mut() {
                kept.clear()?;
            }
            let what = self.file.spec.url.clone();
            return Err(Error::Corrupt { what, expected: expected.to_string(), found: found.to_string() });
        }
        if let Some(kept) = kept.as_mut() {
            let whole = found.map_or(Ok(()), |found| kept.complete(self.at, found));
            let at = self.host.date() as u64;
            match whole.and_then(|()| kept.write(Line::Verified { at })) {
                Ok(()) | Err(Error::StorageFull { .. }) => {} // the pieces are all there
                Err(error) => return Err(error),
            }
        }
        self.over = true;
        Ok(())
    }

    /// The next piece; empty where the file is over.
    async fn next(&mut self) -> Result<Vec<u8>> {
        self.file.fetch.proceed().await?;
        self.ask_for_room().await;
        self.send().await;
        let next = match self.ready.take() {
            Some(next) => next,
            None => self.ahead.next().await.unwrap_or(Ok(Vec::new())),
        };
        if next.is_err() {
            // whoever reads on gets the same piece
            self.ahead.clear();
            self.ready = None;
            self.next = self.at.div_ceil(PIECE);
        }
        if let Err(Error::Changed { .. }) = next
            && let Some(kept) = self.file.kept.borrow_mut().as_mut()
        {
            kept.clear()?; // what is there is of the old file
        }
        next
    }
}

/// The store with the model's lock; neither where the browser does not let us keep anything.
async fn lock<H: Host, S: Store>(
    store: S,
    model: &str,
    meter: &Meter<H>,
) -> Result<(Option<S>, Option<S::Lock>)> {
    let lock = match store.try_lock(model).await {
        Ok(None) => {
            meter.waiting();
            store.lock(model).await.map(Some)
        }
        lock => lock,
    };
    match lock {
        Ok(lock) => Ok((Some(store), lock)),
        Err(Error::Storage { .. }) => Ok((None, None)),
        Err(error) => Err(error),
    }
}

async fn open_part<H: Host, S: Store>(
    host: &Rc<H>,
    store: Option<&S>,
    meter: &Rc<Meter<H>>,
    model: &ModelSpec,
    part: usize,
    options: &Options,
) -> Result<Part<H, S::File>> {
    meter.begin(part);
    let mut spec = model.parts[part].clone();
    let mirror = options.mirror.as_ref();
    let url = mirror.map_or_else(|| spec.url.clone(), |mirror| hub::mirrored(&spec.url, mirror));
    let asked = hub::host(&url);
    let fetch = Fetch::new(host, meter, url, options.headers.clone());
    let mut kept = match store {
        Some(store) => match Kept::open(store, &model.id, &spec.url, part, model.parts.len()).await {
            Ok(kept) => Some(kept),
            Err(Error::Storage { .. }) => None, // then it goes from memory to the GPU, as without a store
            Err(error) => return Err(error),
        },
        None => None,
    };
    let journal = kept.as_ref().map(|kept| kept.journal.clone());
    if !options.offline && spec.sha256.is_none() && journal.is_none_or(|journal| journal.whole.is_none()) {
        let pointer = fetch.pointer().await;
        spec.sha256 = pointer.map(|(sha256, _)| sha256);
        spec.bytes = spec.bytes.or(pointer.map(|(_, bytes)| bytes));
    }
    if let Some(kept) = &mut kept {
        let (journal, known) =
            (&kept.journal, |a: Option<u64>, b: Option<u64>| a.is_none() || b.is_none() || a == b);
        let pinned = spec.sha256.zip(journal.whole).is_none_or(|(pinned, (_, found))| pinned == found);
        if !pinned || !known(spec.bytes, journal.total()) {
            kept.clear()?; // of another version of the file
        }
    }
    let mut server = kept.as_ref().map_or_else(Validators::default, |kept| kept.journal.server.clone());
    if server.host != asked {
        server = Validators { host: asked, ..Validators::default() };
    }
    server.total = spec.bytes.or(kept.as_ref().and_then(|kept| kept.journal.total()));
    meter.learn(server.total);
    fetch.pinned.set(spec.sha256.is_some() || !spec.pieces.is_empty());
    *fetch.server.borrow_mut() = server;
    Ok(Part { spec, fetch, kept: RefCell::new(kept), offline: options.offline })
}

/// What the file's hash is computed with, unless it is known already or nobody would ask for it.
fn hasher<H: Host, F>(part: &Part<H, F>) -> Option<H::Hasher> {
    let wanted = match &*part.kept.borrow() {
        Some(kept) => kept.journal.whole.is_none(),
        None => part.spec.sha256.is_some(),
    };
    wanted.then(|| part.fetch.host.hasher())
}

/// A piece that has the hash it should have, from the store or else from the server.
async fn piece<H: Host, F: super::StoreFile>(
    part: Rc<Part<H, F>>,
    index: u64,
    range: Range<u64>,
) -> Result<Vec<u8>> {
    let (host, meter) = (&part.fetch.host, &part.fetch.meter);
    let stored = part.kept.borrow().as_ref().map(|kept| kept.piece(index, &range)).transpose()?.flatten();
    let pinned = part.spec.pieces.get(index as usize).copied();
    let mut expected = pinned;
    if let Some((bytes, hash)) = stored {
        part.fetch.proceed().await?;
        if host.digest(&bytes).await == hash && pinned.is_none_or(|pinned| pinned == hash) {
            meter.count(From::Store, bytes.len());
            return Ok(bytes);
        }
        expected = pinned.or(Some(hash)); // somebody else has written to it, or the disk has lost it
    }
    if part.offline {
        return Err(Error::NotKept {
            what: format!("bytes {} to {} of {}", range.start, range.end, part.spec.url),
        });
    }
    let mut tries = 1;
    loop {
        let bytes = part.fetch.range(range.clone()).await?;
        let hashed = part.kept.borrow().is_some() || expected.is_some();
        if !hashed || bytes.is_empty() {
            return Ok(bytes);
        }
        let found = host.digest(&bytes).await;
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            meter.lost(bytes.len());
            if tries < TRIES {
                tries += 1;
                continue;
            }
            if pinned.is_none() {
                let was = format!("bytes {} to {} are other ones", range.start, range.end);
                return Err(Error::Changed { url: part.spec.url.clone(), was });
            }
            return Err(Error::Corrupt {
                what: format!("piece {index} (bytes {} to {}) of {}", range.start, range.end, part.spec.url),
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
        keep(&part, index, &bytes, found)?;
        return Ok(bytes);
    }
}

fn keep<H: Host, F: super::StoreFile>(
    part: &Part<H, F>,
    index: u64,
    bytes: &[u8],
    hash: Sha256,
) -> Result<()> {
    let mut kept = part.kept.borrow_mut();
    let Some(kept) = kept.as_mut() else { return Ok(()) };
    if index == 0 && !bytes.starts_with(b"GGUF") {
        return Ok(()); // whoever reads it will say what it is instead
    }
    let server = part.fetch.server.borrow().clone();
    if server != kept.journal.server {
        kept.write(Line::Server(server))?;
    }
    kept.keep(index, bytes, hash)
}

impl<H: Host, S: Store> ByteSource for Download<H, S> {
    async fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        let bytes = self.next().await?;
        self.meter.learn(self.file.fetch.total());
        if bytes.is_empty() {
            self.finish().await?;
            return Ok(false);
        }
        if !self.alone {
            self.send().await; // more are on their way while these are made use of
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes).await;
        }
        self.at += bytes.len() as u64;
        match piece.is_empty() {
            true => *piece = bytes,
            false => piece.extend(bytes),
        }
        Ok(true)
    }

    fn position(&self) -> u64 {
        self.at
    }

    fn length(&self) -> Option<u64> {
        self.file.fetch.total()
    }

    fn parts(&self) -> usize {
        self.spec.parts.len()
    }

    async fn open_part(&mut self, part: usize) -> Result<()> {
        self.ahead.clear();
        self.ready = None;
        let (host, store) = (&self.host, self.store.as_ref());
        let file = open_part(host, store, &self.meter, &self.spec, part, &self.options).await?;
        self.hasher = hasher(&file);
        self.file = Rc::new(file);
        (self.next, self.at, self.over, self.asked) = (0, 0, false, false);
        Ok(())
    }
}
