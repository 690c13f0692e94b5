//! What goes wrong on the way: once in a while, and for ever.

use super::fake::{End, File, Reply, Request};
use super::{Lab, MIB, URL, WINDOW, code};
use std::time::Duration;

/// Three pieces.
const SIZE: usize = 9 * MIB + 12_345;

/// Makes a wrong answer of a right one.
type Fault = fn(Reply) -> Option<Reply>;

fn range(mut reply: Reply, text: &str) -> Option<Reply> {
    reply.headers.content_range = Some(text.into());
    Some(reply)
}

fn busy(status: u16, seconds: &str) -> Option<Reply> {
    let mut reply = Reply::status(status);
    reply.headers.retry_after = Some(seconds.into());
    Some(reply)
}

fn short(mut reply: Reply) -> Option<Reply> {
    reply.part.end -= 1000;
    Some(reply)
}

/// A thousand bytes more than it says, or than it was asked for.
fn long(mut reply: Reply) -> Option<Reply> {
    let bytes = [&reply.bytes[reply.part], &[7; 1000]].concat();
    reply.part = 0..bytes.len();
    reply.bytes = bytes.into();
    Some(reply)
}

fn whole(mut reply: Reply) -> Option<Reply> {
    (reply.status, reply.part) = (200, 0..reply.bytes.len());
    (reply.headers.content_range, reply.headers.content_length) = (None, Some(reply.bytes.len() as u64));
    Some(reply)
}

fn page(_: Reply) -> Option<Reply> {
    Some(Reply::text(200, "text/html; charset=utf-8", "<html>Log in</html>"))
}

const FAULTS: &[(&str, Fault, &str)] = &[
    ("a range that is shifted", |r| range(r, "bytes 1-4194304/9449529"), "bad_server"),
    ("a range that is longer", |r| range(r, "bytes 0-9449528/9449529"), "bad_server"),
    ("a range that is none", |r| range(r, "bites"), "bad_server"),
    ("a range that ends before it begins", |r| range(r, "bytes 9-3/9449529"), "bad_server"),
    ("a short body", short, "network"),
    ("a long body", long, "bad_server"),
    ("a page", page, "bad_server"),
    ("a cut at once", |r| Some(Reply { end: End::Cut(0), ..r }), "network"),
    ("a stall", |r| Some(Reply { end: End::Stall(0), ..r }), "network"),
    ("a server that thinks for an hour", |r| Some(Reply { delay: 3600e3, ..r }), "network"),
    ("no answer", |_| None, "network"),
    ("408", |_| Some(Reply::status(408)), "http"),
    ("429", |_| Some(Reply::status(429)), "http"),
    ("429, later", |_| busy(429, "20"), "http"),
    ("429, at once", |_| busy(429, "0"), "http"),
    ("503, later", |_| busy(503, "7"), "http"),
    ("503, at a date", |_| busy(503, "Fri, 27 Nov 2026 20:00:00 GMT"), "http"),
    ("500", |_| Some(Reply::status(500)), "http"),
    ("504", |_| Some(Reply::status(504)), "http"),
];

/// A server that does some requests wrongly.
fn lab(file: &File, fault: Fault, mut wrong: impl FnMut(usize) -> bool + 'static) -> Lab {
    let (file, mut count) = (file.clone(), 0);
    Lab::new(move |request: &Request| {
        count += 1;
        let reply = file.reply(request);
        if wrong(count - 1) { fault(reply) } else { Some(reply) }
    })
}

#[test]
fn what_passes_is_waited_for() {
    let file = File::random(SIZE, 1);
    for (name, fault, _) in FAULTS {
        let lab = lab(&file, *fault, |count| [0, 2, 3].contains(&count));
        lab.check(&file, name);
        assert!(lab.host.served.get() <= file.len() + WINDOW, "{name}");
        let last = *lab.host.told.borrow().last().expect("a status");
        assert!((3..20).contains(&last.retries) && last.loaded == file.len(), "{name}: {last:?}");
        lab.check_kept(&file, name);
    }
}

#[test]
fn what_does_not_pass_is_an_error_in_the_end() {
    let file = File::random(SIZE, 1);
    for from in [0, 2] {
        for (name, fault, expected) in FAULTS {
            let lab = lab(&file, *fault, move |count| count >= from);
            let result = lab.load();
            assert_eq!(code(&result), *expected, "{name}: {:?}", result.err());
            let time = Duration::from_millis(lab.now() as u64).as_secs();
            assert!(time <= 200 || name.contains("later") && time <= 900, "{name}: {time} seconds");
            // what is wrong rarely passes, and where nothing has come the address may be wrong
            let least = if *expected == "bad_server" { 1 } else { [5, 25][from.min(1)] };
            assert!(time >= least, "{name}: given up after {time} seconds");
            assert!(lab.host.requests.borrow().len() < 200, "{name}: it asks too often");
            // later all is well, and what has come is not fetched again
            lab.serve(&file);
            lab.check(&file, name);
            let tries = if *name == "a long body" { 4 } else { 0 }; // all of what came is thrown away
            assert!(lab.host.served.get() <= (1 + tries) * file.len() + WINDOW, "{name}");
        }
    }
}

#[test]
fn what_the_server_refuses_is_an_error_at_once() {
    let file = File::random(SIZE, 1);
    for status in [400, 401, 403, 404, 410, 416, 451] {
        let refuse: Box<dyn Fn(&Request) -> Reply> = Box::new(move |_| Reply::status(status));
        let lab = Lab::new(move |request| Some(refuse(request)));
        let error = lab.load().expect_err("a refusal");
        assert_eq!(error.code(), "http");
        assert!(error.to_string().contains(&format!("HTTP status {status}")), "{error}");
        assert!(lab.host.requests.borrow().len() == 1 && lab.now() < 1000.0, "{status}");
        lab.serve(&file);
        lab.check(&file, "later");
    }
    // beyond the first piece a server that finds no such bytes contradicts itself
    let lab = lab(&file, |_| Some(Reply::status(416)), |count| count > 0);
    assert_eq!(code(&lab.load()), "bad_server");
}

#[test]
fn waits_are_as_long_as_the_server_wants() {
    let file = File::random(SIZE, 1);
    for (status, seconds) in [(429, "20"), (503, "100"), (503, "0"), (429, "599")] {
        let (served, mut count) = (file.clone(), 0);
        let lab = Lab::new(move |request| {
            count += 1;
            if count == 2 { busy(status, seconds) } else { Some(served.reply(request)) }
        });
        lab.check(&file, seconds);
        let wanted: f64 = seconds.parse().expect("a number");
        let requests = lab.host.requests.borrow();
        let start = requests[1].range.clone().expect("a range").start;
        let again =
            requests.iter().skip(2).find(|r| r.range.as_ref().is_some_and(|range| range.start == start));
        let waited = again.expect("another try").at - requests[1].at;
        assert!(waited >= 1e3 * wanted && waited < 1e3 * wanted + 1e3, "{seconds} s: {waited} ms");
    }
    let lab = lab(&file, |_| busy(503, "3600"), |_| true);
    assert_eq!((code(&lab.load()), lab.host.requests.borrow().len()), ("http", 1));
}

/// The same waits would bring all clients back at the same moment.
#[test]
fn waits_grow_and_differ() {
    let lab = Lab::new(|_| None);
    assert_eq!(code(&lab.load()), "network");
    let requests = lab.host.requests.borrow();
    let waits: Vec<f64> = requests.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    assert!(waits.len() > 3 && waits[0] < 400.0 && waits.iter().all(|wait| *wait <= 12e3), "{waits:?}");
    assert!(waits.last() > Some(&2e3) && waits.windows(2).all(|pair| pair[0] != pair[1]), "{waits:?}");
}

#[test]
fn a_body_may_be_cut_anywhere() {
    let file = File::random(8 * MIB + 321, 3);
    let mut state = 1_u64;
    for _ in 0..50 {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let at = (state >> 33) as usize % file.bytes.len();
        let (served, mut once) = (file.clone(), true);
        let lab = Lab::new(move |request| {
            let mut reply = served.reply(request);
            if once && reply.part.contains(&at) {
                once = false;
                reply.end = End::Cut(at - reply.part.start);
            }
            Some(reply)
        });
        lab.check(&file, &format!("cut at {at}"));
        let excess = lab.host.served.get() - file.len();
        assert!(excess <= WINDOW, "cut at {at}: {excess} bytes too many");
        // better than that: the bytes before a cut are not lost
        assert_eq!(excess, 0, "cut at {at}");
    }
}

#[test]
fn many_cuts_are_no_failure_as_long_as_bytes_come() {
    let file = File::random(SIZE, 1);
    let lab = lab(&file, |reply| Some(Reply { end: End::Cut(300_000), ..reply }), |_| true);
    lab.check(&file, "cut always");
    assert_eq!(lab.host.served.get(), file.len());
}

#[test]
fn without_a_network_it_waits() {
    let file = File::random(SIZE, 1);
    for start in [0.0, 150.0] {
        let lab = Lab::of(&file);
        lab.host.offline.set((start, start + 3600e3));
        lab.check(&file, "an hour without a network");
        let (time, told) = (lab.now(), lab.host.told.borrow());
        assert!(time > 3600e3 && time < 3600e3 + 20e3, "{time}");
        assert!(told.iter().any(|status| status.phase == minke::store::Phase::Offline));
    }
}

/// An hour without a network is not an hour in which the server failed.
#[test]
fn failures_before_and_after_are_not_one() {
    let file = File::random(SIZE, 1);
    let (served, mut count) = (file.clone(), 0);
    let lab = Lab::new(move |request| {
        count += 1;
        Some(if count <= 2 { Reply::status(502) } else { served.reply(request) })
    });
    lab.host.offline.set((100.0, 3600e3));
    lab.check(&file, "one failure before, one after");
    let asked: Vec<f64> = lab.host.requests.borrow().iter().map(|request| request.at).collect();
    assert!(asked[0] < 100.0 && asked.iter().filter(|at| **at >= 3600e3).count() > 3, "{asked:?}");
}

/// While the GPU works nobody looks at the requests, and their connections end.
#[test]
fn a_reader_may_take_its_time() {
    let file = File::random(24 * MIB, 1);
    let lab =
        lab(&file, |reply| Some(Reply { end: End::Cut(0), ..reply }), |count| [1, 2, 3].contains(&count));
    let mut got = Vec::new();
    lab.host.clock.run(async {
        let open = super::fake::Load::open(&lab.host, None, lab.spec.clone(), lab.options.clone());
        let mut load = open.await.expect("it");
        while minke::model::ByteSource::read(&mut load, &mut got).await.expect(URL) {
            lab.host.clock.sleep(100e3).await;
        }
    });
    assert!(got == *file.bytes);
}

#[test]
fn whole_files_in_place_of_ranges() {
    let file = File::random(20 * MIB, 1);
    for (name, wrong) in [
        ("always", (|_| true) as fn(usize) -> bool),
        ("at first", |count| count == 0),
        ("once later", |count| count == 2),
        ("from the second on", |count| count > 0),
        ("now and then", |count| count % 3 == 1),
    ] {
        let lab = lab(&file, whole, wrong);
        lab.check(&file, name);
        let last = *lab.host.told.borrow().last().expect("a status");
        assert_eq!((last.loaded, last.total), (file.len(), Some(file.len())), "{name}");
        // one in the midst is not read; only where ranges do not come any more it must be, from the beginning
        let most = if name == "from the second on" { 4 } else { 1 };
        assert!(lab.host.served.get() <= most * file.len(), "{name}: {}", lab.host.served.get());
        lab.check_kept(&file, name);
    }
}
