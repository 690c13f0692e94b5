//! Downloads: the journal of a file, and all that may happen on the way.

use crate::Random;
use crate::fake::{self, End, Fake, File, Reply, Request, Shelf};
use crate::targets::Target;
use minke::store::{Journal, Line, ModelSpec, Options, PartSpec};
use std::rc::Rc;

const URL: &str = "https://a.example/x.gguf";
const DIRECT: &str = "https://cdn.example/x?";
const PIECE: usize = 4 << 20;
const LONGEST: usize = 2 * PIECE + 50_000;

fn encode(line: &Line) -> Vec<u8> {
    [serde_json::to_vec(line).expect("JSON"), b"\n".into()].concat()
}

/// What is read of a journal means the same when it is written again, and the rest does no harm.
pub fn journal() -> Target {
    let hash = minke::store::Sha256::of(b"x");
    let server = "{\"server\":{\"total\":9000000,\"etag\":\"\\\"é\\\"\",\"last_modified\":null}}\n";
    let lines = [
        encode(&Line::File(Journal::new(URL, 2).origin)),
        server.as_bytes().into(),
        encode(&Line::Piece { index: 0, sha256: hash }),
        encode(&Line::Piece { index: u64::MAX, sha256: hash }),
        encode(&Line::Whole { bytes: 9_000_000, sha256: hash }),
        encode(&Line::Verified { at: 1 }),
        b"{\"file\":{\"version\":2,\"piece\":1,\"url\":\"\",\"parts\":0}}\n".into(),
    ];
    Box::new(move |random| {
        let more: Vec<u8> = (0..random.below(8)).flat_map(|_| random.pick(&lines).clone()).collect();
        let mut bytes = [lines[0].clone(), more].concat();
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = *random.pick(b"0919eE-.\"{}[],:\n\\ \0"),
                2 => bytes.truncate(at.max(1)),
                _ => _ = bytes.splice(at..at, *b"99").count(),
            }
        }
        let Some((journal, end)) = Journal::parse(&bytes) else { return };
        assert!(journal.kept(journal.total()) <= journal.kept(None));
        assert_eq!(Journal::parse(&bytes[..end as usize]), Some((journal.clone(), end)));
        let Journal { origin, server, pieces, whole, verified } = journal.clone();
        let pieces = pieces.into_iter().map(|(index, sha256)| Line::Piece { index, sha256 });
        let mut again = vec![Line::File(origin), Line::Server(server)];
        again.extend(pieces);
        again.extend(whole.map(|(bytes, sha256)| Line::Whole { bytes, sha256 }));
        again.extend(verified.map(|at| Line::Verified { at }));
        let again: Vec<u8> = again.iter().flat_map(encode).collect();
        assert_eq!(Journal::parse(&again), Some((journal, again.len() as u64)));
    })
}

/// How a server is.
#[derive(Clone, Copy, Debug)]
struct Manners {
    /// Of sixteen answers so many are wrong.
    wrong: usize,
    /// Whether it does not tell lengths.
    hides: bool,
    /// Whether it may send wrong bytes, which are told from right ones.
    flips: bool,
    /// Whether it has changed the file.
    new: bool,
    redirects: bool,
    ranges: bool,
}

/// A wrong answer in place of a right one; `None` for none.
fn spoil(random: &mut Random, reply: Reply, flips: bool) -> Option<Reply> {
    let mut reply = reply;
    let len = reply.part.len();
    match random.below(12) {
        0 => reply = Reply::status(*random.pick(&[403, 404, 429, 500, 503])),
        1 => reply.end = End::Cut(random.below(len + 1)),
        2 => reply.end = End::Stall(random.below(len + 1)),
        3 => reply = Reply::text(200, "text/html", "<html>"),
        4 => (reply.status, reply.headers.content_range) = (206, Some("bytes 1-5/7".into())),
        5 if reply.headers.content_length.is_some() => reply.part.end -= random.below(len.min(3)),
        6 if reply.headers.content_length.is_some() => {
            let bytes = [&reply.bytes[reply.part], b"more"].concat();
            (reply.part, reply.bytes) = (0..bytes.len(), bytes.into());
        }
        7 => {
            reply.status = 200;
            reply.headers.content_range = None;
            reply.headers.content_length = Some(reply.bytes.len() as u64);
            reply.part = 0..reply.bytes.len();
        }
        8 if flips && len > 0 => {
            let mut bytes = reply.bytes[reply.part].to_vec();
            bytes[random.below(len)] ^= 1;
            (reply.part, reply.bytes) = (0..len, bytes.into());
        }
        9 => {
            reply = Reply::status(503);
            reply.headers.retry_after = Some((*random.pick(&["0", "3", "100", "4000", "-1"])).into());
        }
        10 => return None,
        _ => reply.delay = random.below(60_000) as f64,
    }
    Some(reply)
}

/// A server whose answers follow from a seed.
fn site(files: [File; 2], manners: Manners, seed: u64) -> impl FnMut(&Request) -> Option<Reply> + 'static {
    let (mut random, mut left) = (Random(seed | 1), 0);
    move |request| {
        if manners.redirects && request.url == URL {
            left = 1 + random.below(4);
            return Some(Reply::redirect(&format!("{DIRECT}{}", random.below(9))));
        }
        if manners.redirects && left == 0 {
            return Some(Reply::status(403));
        }
        left = left.saturating_sub(1);
        let file = &files[usize::from(manners.new)];
        let mut reply = if manners.ranges { file.reply(request) } else { file.whole() };
        if manners.hides && random.below(2) == 0 {
            reply.headers.content_range = None;
        }
        if manners.hides && random.below(2) == 0 {
            reply.headers.content_length = None;
        }
        let wrong = reply.status != 416 && random.below(16) < manners.wrong;
        if wrong { spoil(&mut random, reply, manners.flips) } else { Some(reply) }
    }
}

fn manners(random: &mut Random, flips: bool, changes: bool) -> Manners {
    Manners {
        wrong: random.below(9),
        hides: random.below(3) == 0,
        flips,
        new: changes && random.below(3) == 0,
        redirects: random.below(4) == 0,
        ranges: random.below(5) > 0,
    }
}

/// Mostly less than a piece, and at times around the borders of some.
fn length(random: &mut Random) -> usize {
    match random.below(8) {
        0 => PIECE - 2 + random.below(5),
        1 => 2 * PIECE - 2 + random.below(5),
        2 => 4 + random.below(LONGEST - 4),
        _ => 4 + random.below(60_000),
    }
}

/// What a crash and a disk may leave.
fn damage(random: &mut Random, shelf: &Shelf, model: &str) {
    let cut = random.below(200);
    match random.below(6) {
        0 => shelf.edit(model, "1.jsonl", |bytes| bytes.truncate(bytes.len().saturating_sub(cut))),
        1 => shelf.edit(model, "1.jsonl", |bytes| bytes.extend(&b"{\"piece\":\n{}\n"[..cut % 14])),
        2 => shelf.edit(model, "1.gguf", |bytes| bytes.truncate(bytes.len().saturating_sub(cut * 500))),
        3 => shelf.edit(model, "1.gguf", |bytes| {
            let at = random.below(bytes.len());
            bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 4);
        }),
        _ => {}
    }
}

/// One model, in a few processes one after the other.
struct Run {
    files: [File; 2],
    host: Rc<Fake>,
    shelf: Shelf,
    spec: ModelSpec,
}

impl Run {
    /// A process that may have until a moment; whether it came to the end, with the right bytes.
    fn process(&self, keep: bool, moment: f64, what: &str) -> bool {
        let mut got = Vec::new();
        let (shelf, options) = (keep.then_some(&self.shelf), Options::default());
        let load = fake::load(&self.host, shelf, &self.spec, &options, &mut got);
        let result = self.host.clock.run_until(moment, load);
        let prefix = |file: &File| file.bytes.starts_with(&got);
        assert!(self.files.iter().any(prefix), "{what}: {} bytes that are of no file", got.len());
        match result {
            Some(Ok(())) => {
                assert!(self.files.iter().any(|file| *file.bytes == *got), "{what}: {} bytes", got.len());
                true
            }
            Some(Err(error)) => {
                let known = ["http", "network", "bad_server", "changed", "corrupt", "storage_full"];
                assert!(known.contains(&error.code()), "{what}: {error}");
                false
            }
            None => false,
        }
    }
}

/// A download ends with the right bytes or with an error, whatever the server does and whenever it is ended; and with a good
/// server it ends.
pub fn download() -> Target {
    let long = [1, 2].map(|seed| File::random(LONGEST, seed));
    Box::new(move |random| {
        let len = length(random);
        let changes = random.below(3) == 0;
        // of two files that nothing tells apart nobody can say which it is
        let tag = |seed: usize| (changes || len.is_multiple_of(2)).then(|| format!("\"{seed}\""));
        let files = [0, 1].map(|i| File::new(long[i].bytes[..len].to_vec(), tag(i)));
        let mut part = PartSpec { url: URL.into(), ..PartSpec::default() };
        let pin = if changes { 0 } else { random.below(4) };
        match pin {
            1 => part.sha256 = Some(files[0].sha256()),
            2 => (part.bytes, part.pieces) = (Some(len as u64), files[0].pieces()),
            3 => part.bytes = Some(len as u64),
            _ => {}
        }
        let spec = ModelSpec::new(vec![part]).expect("a model");
        let run = Run { files, host: Fake::new(|_| None), shelf: Shelf::default(), spec };
        for _ in 0..random.below(5) {
            let manners = manners(random, pin == 2, changes);
            let what = format!("{len} bytes, pin {pin}, {manners:?}");
            run.host.serve(site(run.files.clone(), manners, random.below(usize::MAX) as u64));
            let room = if random.below(4) == 0 { random.below(len + 2000) as u64 } else { u64::MAX };
            run.shelf.set_capacity(room);
            let patience = *random.pick(&[30.0, 100.0, 300.0, 50_000.0, f64::INFINITY]);
            run.process(random.below(8) > 0, run.host.clock.now() + patience, &what);
            damage(random, &run.shelf, &run.spec.id);
        }
        run.shelf.set_capacity(u64::MAX);
        let good = run.files[0].clone();
        run.host.serve(move |request| Some(good.reply(request)));
        let ends = |what: &str| run.process(true, f64::INFINITY, what);
        assert!(ends("in the end") || ends("in the end, anew"), "{len} bytes, pin {pin}");
        let served = run.host.served.get();
        assert!(ends("kept") && served == run.host.served.get(), "{len} bytes, pin {pin}: not kept");
    })
}
