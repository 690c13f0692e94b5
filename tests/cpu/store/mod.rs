//! The download engine on a machine, a server and a store of its own, in which no time is waited for.

#[path = "../../common/store/mod.rs"]
pub mod fake;

mod crash;
mod faults;
mod parts;
mod progress;
mod server;
mod shelves;
mod verify;

use fake::{Fake, File, Reply, Request, Shelf};
use minke::store::{Journal, ModelSpec, Options, PartSpec};
use minke::{Error, Result};
use std::rc::Rc;

pub const URL: &str = "https://a.example/models/tiny.gguf";
pub const MIB: usize = 1 << 20;
/// Four pieces, the last of which is short.
pub const SIZE: usize = 13 * MIB + 12_345;
/// What may be on its way at once.
pub const WINDOW: u64 = 16 << 20;

/// A process at a time, on the same machine and store.
pub struct Lab {
    pub host: Rc<Fake>,
    pub shelf: Shelf,
    pub spec: ModelSpec,
    pub options: Options,
}

impl Lab {
    pub fn new(site: impl FnMut(&Request) -> Option<Reply> + 'static) -> Self {
        let spec = ModelSpec::of_url(URL).expect("a model");
        Self { host: Fake::new(site), shelf: Shelf::default(), spec, options: Options::default() }
    }

    /// With a server that has a file and does all as it should.
    pub fn of(file: &File) -> Self {
        let lab = Self::new(|_| None);
        lab.serve(file);
        lab
    }

    pub fn serve(&self, file: &File) {
        let file = file.clone();
        self.host.serve(move |request| Some(file.reply(request)));
    }

    /// With what is known of the file beforehand.
    pub fn pin(&mut self, file: &File, change: impl FnOnce(&mut PartSpec)) {
        let mut part = PartSpec { url: URL.into(), bytes: Some(file.len()), ..PartSpec::default() };
        change(&mut part);
        self.spec = ModelSpec::new(vec![part]).expect("a model");
    }

    /// What a process gets.
    pub fn load(&self) -> Result<Vec<u8>> {
        self.load_from(Some(&self.shelf))
    }

    pub fn load_from(&self, shelf: Option<&Shelf>) -> Result<Vec<u8>> {
        let mut got = Vec::new();
        let load = fake::load(&self.host, shelf, &self.spec, &self.options, &mut got);
        self.host.clock.run(load).map(|()| got)
    }

    /// The same for one that may have until a moment.
    pub fn load_until(&self, moment: f64) -> Option<Result<Vec<u8>>> {
        let mut got = Vec::new();
        let load = fake::load(&self.host, Some(&self.shelf), &self.spec, &self.options, &mut got);
        self.host.clock.run_until(moment, load).map(|result| result.map(|()| got))
    }

    pub fn now(&self) -> f64 {
        self.host.clock.now()
    }

    /// Bytes that came over the network while `work` was done.
    pub fn served<T>(&self, work: impl FnOnce() -> T) -> (T, u64) {
        let before = self.host.served.get();
        let done = work();
        (done, self.host.served.get() - before)
    }

    pub fn edit<T>(&self, file: &str, edit: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.shelf.edit(&self.spec.id, file, edit)
    }

    pub fn journal(&self) -> Journal {
        let bytes = self.edit("1.jsonl", |bytes| bytes.clone());
        let (journal, end) = Journal::parse(&bytes).expect("a journal");
        assert_eq!(end, bytes.len() as u64, "nothing stands behind it");
        journal
    }

    /// Loads, and checks all that is left behind.
    pub fn check(&self, file: &File, name: &str) {
        let got = self.load().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(got == *file.bytes, "{name}: other bytes");
        let journal = self.journal();
        assert_eq!(journal.whole, Some((file.len(), file.sha256())), "{name}");
        assert!(journal.verified.is_some() && journal.pieces.into_values().eq(file.pieces()), "{name}");
        assert!(self.edit("1.gguf", |bytes| *bytes == *file.bytes), "{name}: other bytes are kept");
    }

    /// Nothing is fetched, because all is there.
    pub fn check_kept(&self, file: &File, name: &str) {
        let (got, served) = self.served(|| self.load().expect(name));
        assert!(got == *file.bytes && served == 0, "{name}: {served} bytes came");
    }
}

pub fn code(result: &Result<Vec<u8>>) -> &'static str {
    result.as_ref().map_or_else(Error::code, |_| "no error")
}

#[test]
fn a_file_comes_whole_and_is_kept() {
    // from less than a piece to many, at and around the borders
    for len in [4, 1000, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 8 * MIB, SIZE, 24 * MIB] {
        let file = File::random(len, len as u64);
        let lab = Lab::of(&file);
        let ((), served) = lab.served(|| lab.check(&file, &len.to_string()));
        assert_eq!(served, len as u64);
        let requests = lab.host.requests.borrow().len();
        lab.check_kept(&file, &len.to_string());
        assert_eq!(lab.host.requests.borrow().len(), requests, "the server was asked again");
        let got = lab.load_from(None).expect("bytes");
        assert!(got == *file.bytes, "{len}: other bytes without a store");
    }
}

#[test]
fn an_empty_file_is_an_error() {
    let lab = Lab::of(&File::new(vec![], None));
    assert_eq!(code(&lab.load()), "http");
    let whole = Lab::new(|_| Some(File::new(vec![], None).whole()));
    assert!(whole.load().expect("no bytes").is_empty());
}

#[test]
fn several_pieces_are_on_their_way_at_once() {
    let file = File::random(24 * MIB, 1);
    let time = |delay: f64| {
        let lab = Lab::of(&file);
        let served = file.clone();
        lab.host.serve(move |request| Some(Reply { delay, ..served.reply(request) }));
        lab.check(&file, "slow");
        lab.now()
    };
    // six pieces, each asked for when the one before had come, would take six delays more
    assert!(time(1000.0) < time(1.0) + 3.5 * 1000.0, "{} and {} ms", time(1000.0), time(1.0));
}

#[test]
fn reading_on_after_an_error_goes_on_where_it_was() {
    let file = File::random(SIZE, 1);
    let (served, mut count) = (file.clone(), 0);
    let lab = Lab::new(move |request| {
        count += 1;
        Some(if count == 3 { Reply::status(403) } else { served.reply(request) })
    });
    let mut got = Vec::new();
    lab.host.clock.run(async {
        let mut load =
            fake::Load::open(&lab.host, None, lab.spec.clone(), Options::default()).await.expect("it");
        let error = fake::pull(&mut load, &mut got).await.expect_err("a refusal");
        assert_eq!(error.code(), "http");
        fake::pull(&mut load, &mut got).await.expect("the rest");
    });
    assert!(got == *file.bytes);
}
