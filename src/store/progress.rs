//! How far a download has come, in numbers that a person can be shown.

use super::Host;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// Milliseconds that a rate is taken over.
const SPAN_MS: f64 = 5_000.0;
/// Milliseconds between two reports of the same phase.
const TELL_MS: f64 = 100.0;

/// What goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Another tab or process loads the same model.
    Waiting,
    /// Bytes come.
    #[default]
    Download,
    /// A request failed, and the next try is waited for.
    Retry,
    /// The machine has no network.
    Offline,
    /// The person has paused it.
    Paused,
}

/// Where bytes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// A server.
    #[default]
    Network,
    /// The store, where an earlier download put them.
    Store,
    /// A file that the person gave.
    File,
}

/// How far a download has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// What goes on.
    pub phase: Phase,
    /// Bytes that are here, of all files.
    pub loaded: u64,
    /// Bytes of all files, where that is known.
    pub total: Option<u64>,
    /// Bytes a second, over the last five seconds.
    pub bytes_per_second: f64,
    /// Seconds left at that rate.
    pub seconds_left: Option<f64>,
    /// Requests that had to be made again.
    pub retries: u32,
    /// Where the last bytes came from.
    pub source: From,
    /// Bytes that the store still takes, where that seems to be less than what is missing.
    pub room: Option<u64>,
}

/// Bytes a second over the last five seconds.
#[derive(Debug, Default)]
pub struct Rate {
    /// When bytes came, and how many in all by then; the first is the last before the span.
    samples: VecDeque<(f64, u64)>,
}

impl Rate {
    /// Notes that by `now` (milliseconds) there were `bytes` in all.
    pub fn note(&mut self, now: f64, bytes: u64) {
        // ten in a second are enough: the last takes the place of one that is too near to the one before
        let before = self.samples.len().checked_sub(2).and_then(|i| self.samples.get(i));
        if before.is_some_and(|(at, _)| now - at < 100.0) {
            self.samples.pop_back();
        }
        self.samples.push_back((now, bytes));
        while self.samples.get(1).is_some_and(|(at, _)| *at < now - SPAN_MS) {
            self.samples.pop_front();
        }
    }

    /// The rate; 0 before there is one.
    pub fn bytes_per_second(&self) -> f64 {
        match (self.samples.front(), self.samples.back()) {
            (Some((start, before)), Some((end, after))) if end > start => {
                1e3 * (after.saturating_sub(*before)) as f64 / (end - start)
            }
            _ => 0.0,
        }
    }
}

/// Keeps the status of a download and tells it, at most ten times a second but for changes of phase.
pub struct Meter<H> {
    host: Rc<H>,
    status: RefCell<Status>,
    rate: RefCell<Rate>,
    /// Bytes that came over the network.
    fetched: Cell<u64>,
    /// Totals of the files, as they become known.
    totals: RefCell<Vec<Option<u64>>>,
    /// Bytes of each file that are here.
    loaded: RefCell<Vec<u64>>,
    /// The file that is read.
    part: Cell<usize>,
    told: Cell<f64>,
}

impl<H: Host> Meter<H> {
    pub fn new(host: &Rc<H>, totals: Vec<Option<u64>>) -> Self {
        let meter = Self {
            host: host.clone(),
            status: RefCell::default(),
            rate: RefCell::default(),
            fetched: Cell::new(0),
            loaded: RefCell::new(vec![0; totals.len()]),
            totals: RefCell::new(totals),
            part: Cell::new(0),
            told: Cell::new(f64::NEG_INFINITY),
        };
        meter.status.borrow_mut().total = meter.total();
        meter
    }

    fn total(&self) -> Option<u64> {
        self.totals.borrow().iter().try_fold(0, |sum: u64, total| Some(sum.saturating_add((*total)?)))
    }

    /// Bytes that came over the network.
    pub fn fetched(&self) -> u64 {
        self.fetched.get()
    }

    /// Bytes that are here.
    pub fn loaded(&self) -> u64 {
        self.status.borrow().loaded
    }

    /// The bytes of file `part` are being counted, from its first on.
    pub fn begin(&self, part: usize) {
        self.part.set(part);
        self.count_part(0, |status| status.phase = Phase::Download);
    }

    /// The file that is read has so many bytes.
    pub fn learn(&self, total: Option<u64>) {
        self.totals.borrow_mut()[self.part.get()] = total;
        let total = self.total();
        if self.status.borrow().total != total {
            self.change(|status| status.total = total);
        }
    }

    /// Bytes came over the network.
    pub fn received(&self, bytes: usize) {
        self.fetched.set(self.fetched.get() + bytes as u64);
        self.count(From::Network, bytes);
    }

    /// Bytes came from elsewhere.
    pub fn count(&self, source: From, bytes: usize) {
        let loaded = self.loaded.borrow()[self.part.get()];
        self.count_part(loaded + bytes as u64, |status| {
            status.phase = Phase::Download;
            status.source = source;
        });
    }

    /// Bytes that were counted are not of use.
    pub fn lost(&self, bytes: usize) {
        let loaded = self.loaded.borrow()[self.part.get()];
        self.count_part(loaded.saturating_sub(bytes as u64), |_| ());
    }

    /// So many bytes are here of the file that is read.
    fn count_part(&self, bytes: u64, change: impl FnOnce(&mut Status)) {
        self.loaded.borrow_mut()[self.part.get()] = bytes;
        let loaded = self.loaded.borrow().iter().sum();
        self.change(|status| {
            status.loaded = loaded;
            change(status);
        });
    }

    /// The file that is read is over: this is told in any case.
    pub fn end(&self) {
        self.told.set(f64::NEG_INFINITY);
        self.change(|_| ());
    }

    /// A request has to be made again.
    pub fn retry(&self, offline: bool) {
        self.change(|status| {
            status.phase = if offline { Phase::Offline } else { Phase::Retry };
            status.retries += 1;
        });
    }

    pub fn paused(&self) {
        self.change(|status| status.phase = Phase::Paused);
    }

    /// The store may not take all that is missing.
    pub fn short(&self, room: u64) {
        self.change(|status| status.room = Some(room));
    }

    pub fn waiting(&self) {
        self.change(|status| status.phase = Phase::Waiting);
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        let now = self.host.now();
        let mut status = *self.status.borrow();
        let phase = status.phase;
        change(&mut status);
        let mut rate = self.rate.borrow_mut();
        if phase == Phase::Paused && status.phase != phase {
            *rate = Rate::default(); // the time of a pause says nothing of the link
        }
        rate.note(now, self.fetched.get());
        status.bytes_per_second = rate.bytes_per_second();
        let left = status.total.map(|total| total.saturating_sub(status.loaded) as f64);
        status.seconds_left =
            left.filter(|_| status.bytes_per_second > 0.0).map(|left| left / status.bytes_per_second);
        *self.status.borrow_mut() = status;
        if phase != status.phase || now - self.told.get() >= TELL_MS {
            self.told.set(now);
            self.host.tell(&status);
        }
    }
}
