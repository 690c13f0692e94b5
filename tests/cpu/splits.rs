//! Replies in random tokens: whatever the splits, what a person gets is what a slow reading of the whole text gives.

use crate::common::gguf::tokenizer;
use crate::common::script::vocabulary;
use minke::chat::reasoning::{ReasoningSplitter, Tag};
use minke::engine::{Delta, Reply};
use minke::tokenizer::Tokenizer;

/// Random numbers, the same again each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}

/// What a person gets: reasoning, answer, and whether a stop string ended it.
#[derive(Debug, PartialEq, Eq)]
struct Got {
    reasoning: String,
    answer: String,
    stopped: bool,
}

/// A part of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Bytes(Vec<u8>),
    /// A tag that is a token.
    Tag(Tag),
}

/// Characters that stand for the tags that are tokens, and that no text has.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// The whole reply as one text.
fn whole(parts: &[Part]) -> String {
    let mut text = String::new();
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            Part::Bytes(more) => bytes.extend(more),
            Part::Tag(tag) => {
                text += &String::from_utf8_lossy(&std::mem::take(&mut bytes));
                text.push(if *tag == Tag::Open { OPEN } else { CLOSE });
            }
        }
    }
    text + &String::from_utf8_lossy(&bytes)
}

fn is_line_end(c: char) -> bool {
    c == '\n' || c == '\r'
}

fn spelled(text: &str) -> String {
    text.replace(OPEN, "<think>").replace(CLOSE, "</think>")
}

/// Reasoning and answer where tags are text.
fn parts_of_text(text: &str, thinking: bool) -> (String, String) {
    let inside = if thinking { Some(text) } else { text.trim_start().strip_prefix("<think>") };
    let Some(inside) = inside else { return (String::new(), text.into()) };
    let (reasoning, answer) = inside.split_once("</think>").unwrap_or((inside, ""));
    (
        reasoning.trim_start_matches(is_line_end).trim_end().into(),
        answer.trim_start_matches(is_line_end).into(),
    )
}

/// The same where they are tokens: the first `<think>` opens, the first `</think>` behind it closes.
fn parts_of_tokens(text: &str, thinking: bool) -> (String, String) {
    let (before, inside) = match text.split_once(OPEN) {
        _ if thinking => ("", Some(text)),
        Some((before, inside)) => (before, Some(inside)),
        None => (text, None),
    };
    let mut answer = match before.trim_start().strip_prefix(CLOSE) {
        Some(behind) => spelled(behind).trim_start_matches(is_line_end).to_owned(),
        None if inside.is_some() && before.trim().is_empty() => String::new(),
        None => spelled(before),
    };
    let Some(inside) = inside else { return (String::new(), answer) };
    let inside = inside.replace(OPEN, "");
    let (reasoning, behind) = inside.split_once(CLOSE).unwrap_or((&inside, ""));
    answer += spelled(behind).trim_start_matches(is_line_end);
    (reasoning.trim_start_matches(is_line_end).trim_end().into(), answer)
}

/// How a reply is read.
#[derive(Clone, Debug)]
struct Reading {
    /// Whether it starts in the reasoning; None where it has no parts.
    thinking: Option<bool>,
    tags_are_tokens: bool,
    /// The type of those: of control tokens (3) a reply without parts has no text.
    kind: i32,
    stop: Vec<String>,
}

/// A reply without parts.
fn plain(parts: &[Part], tags_have_text: bool) -> String {
    let bytes = parts.iter().flat_map(|part| match part {
        Part::Bytes(bytes) => bytes.clone(),
        Part::Tag(tag) if tags_have_text => tag.text().into(),
        Part::Tag(_) => vec![],
    });
    String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
}

/// The slow reading: everything is there before anything is looked for.
fn slowly(parts: &[Part], reading: &Reading) -> Got {
    let (reasoning, mut answer) = match (reading.thinking, reading.tags_are_tokens) {
        (None, _) => (String::new(), plain(parts, reading.kind == 4)),
        (Some(thinking), true) => parts_of_tokens(&whole(parts), thinking),
        (Some(thinking), false) => parts_of_text(&whole(parts), thinking),
    };
    let first = reading.stop.iter().filter_map(|stop| answer.find(stop.as_str())).min();
    first.into_iter().for_each(|at| answer.truncate(at));
    Got { reasoning, answer, stopped: first.is_some() }
}

/// The reply as it comes, token by token.
fn streamed(tokenizer: &Tokenizer, tokens: &[u32], reading: &Reading) -> Got {
    let tags: &[Tag] = if reading.tags_are_tokens { &[Tag::Open, Tag::Close] } else { &[] };
    let splitter = reading.thinking.map(|thinking| ReasoningSplitter::new(thinking, tags.to_vec()));
    let mut reply = Reply::new(splitter, None, reading.stop.iter().map(String::as_str).collect());
    let (mut reasoning, mut answer) = (String::new(), String::new());
    let mut show = |delta: Delta| {
        reasoning += &delta.reasoning;
        answer += &delta.content;
    };
    for token in tokens {
        reply.push(tokenizer, *token, None, false, &mut show);
        if reply.stopped {
            break;
        }
    }
    reply.finish(&mut show);
    assert_eq!((&answer, &reasoning), (&reply.text, &reply.reasoning), "what was streamed is the whole");
    Got { reasoning, answer, stopped: reply.stopped }
}

const PIECES: [&[u8]; 20] = [
    b"a",
    b"b",
    b"c",
    b"ab",
    b" ",
    b"\n",
    b"\n\n",
    b"\r\n",
    "é".as_bytes(),
    "漢".as_bytes(),
    "👩‍🔬".as_bytes(),
    b"<",
    b"</",
    b"think",
    b">",
    b"<think>",
    b"</think>",
    b"\xff",
    b"\xe6\xbc",
    b"\xf0",
];

/// A text where tags are tokens, or spelled out. Where it `may_open`, thoughts may begin anywhere.
fn parts(random: &mut Random, tags_are_tokens: bool, may_open: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    if tags_are_tokens && random.below(2) == 0 {
        parts.push(Part::Tag(Tag::Open));
    }
    for _ in 0..random.below(14) {
        parts.push(match random.below(8) {
            0 if tags_are_tokens && may_open => Part::Tag(Tag::Open),
            1 if tags_are_tokens => Part::Tag(Tag::Close),
            _ => Part::Bytes(random.pick(&PIECES).to_vec()),
        });
    }
    parts
}

/// The parts' bytes in tokens of 1 to 5 bytes.
fn split(random: &mut Random, parts: &[Part]) -> Vec<Part> {
    let mut split: Vec<Part> = Vec::new();
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        match (joined.last_mut(), part) {
            (Some(Part::Bytes(bytes)), Part::Bytes(more)) => bytes.extend(more),
            _ => joined.push(part.clone()),
        }
    }
    for part in joined {
        match part {
            Part::Bytes(bytes) => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (token, later) = rest.split_at(rest.len().min(1 + random.below(5)));
                    split.push(Part::Bytes(token.into()));
                    rest = later;
                }
            }
            tag => split.push(tag),
        }
    }
    split
}

/// A vocabulary of these replies' tokens, and their ids.
fn with_ids(replies: &[Vec<Part>], kind: i32) -> (Tokenizer, Vec<Vec<u32>>) {
    let mut entries: Vec<Vec<u8>> = Vec::new();
    for part in replies.iter().flatten() {
        match part {
            Part::Bytes(bytes) if !entries.contains(bytes) => entries.push(bytes.clone()),
            _ => {}
        }
    }
    let id = |part: &Part| match part {
        Part::Bytes(bytes) => entries.iter().position(|entry| entry == bytes).expect("an entry"),
        Part::Tag(tag) => entries.len() + usize::from(*tag == Tag::Close),
    };
    let ids = replies.iter().map(|reply| reply.iter().map(|part| id(part) as u32).collect()).collect();
    let file = vocabulary(&entries, &[("<think>", kind), ("</think>", kind)]);
    (tokenizer(&file).expect("a tokenizer"), ids)
}

fn reading(random: &mut Random, kind: i32) -> Reading {
    let letters = ["a", "b", "c", "é", "\n", " "];
    let mut text = || (0..1 + random.below(3)).map(|_| *random.pick(&letters)).collect();
    let stop = [text(), text(), text()];
    Reading {
        thinking: *random.pick(&[None, Some(false), Some(true)]),
        tags_are_tokens: random.below(2) == 0,
        kind,
        stop: stop.into_iter().take(random.below(4)).collect(),
    }
}

#[test]
fn splits_do_not_change_a_reply() {
    let mut random = Random(7);
    let mut seen = [0; 3];
    for round in 0..200 {
        let kind = 3 + round % 2;
        let readings: Vec<Reading> = (0..50).map(|_| reading(&mut random, kind)).collect();
        // a thought amid an answer, while a stop string is half there, is told apart by nobody
        let all = readings.iter().map(|r| parts(&mut random, r.tags_are_tokens, r.stop.is_empty()));
        let all: Vec<Vec<Part>> = all.collect();
        let splits: Vec<Vec<Part>> = all.iter().map(|parts| split(&mut random, parts)).collect();
        let (tokenizer, ids) = with_ids(&splits, kind);
        for ((reading, parts), ids) in readings.iter().zip(&all).zip(&ids) {
            let want = slowly(parts, reading);
            assert_eq!(streamed(&tokenizer, ids, reading), want, "{parts:?}, {reading:?}");
            let kinds = [want.stopped, !want.reasoning.is_empty(), want.answer.contains('\u{fffd}')];
            seen.iter_mut().zip(kinds).for_each(|(seen, is)| *seen += usize::from(is));
        }
    }
    assert!(seen.iter().all(|seen| *seen > 1000), "{seen:?}");
}

#[test]
fn the_slow_reading_reads() {
    let text = |text: &str| vec![Part::Bytes(text.into())];
    let read = |parts: &[Part], thinking, tags_are_tokens, stop: &[&str]| {
        let stop = stop.iter().map(|stop| (*stop).to_owned()).collect();
        let Got { reasoning, answer, stopped } =
            slowly(parts, &Reading { thinking, tags_are_tokens, kind: 3, stop });
        (reasoning, answer, stopped)
    };
    let is = |reasoning: &str, answer: &str, stopped| (reasoning.to_owned(), answer.to_owned(), stopped);
    assert_eq!(read(&text("\nhm \n</think>\n\n4\n"), Some(true), false, &[]), is("hm", "4\n", false));
    assert_eq!(read(&text(" <think>a b</think>ab"), Some(false), false, &["b"]), is("a b", "a", true));
    assert_eq!(read(&text("hm</think>4"), Some(true), true, &[]), is("hm</think>4", "", false));
    assert_eq!(read(&text("a</think>"), Some(false), false, &[]), is("", "a</think>", false));
    assert_eq!(read(&text("<think>a"), None, false, &["k>", "nk"]), is("", "<thi", true));
    let parts = [text("x"), vec![Part::Tag(Tag::Close)], text("\ny"), vec![Part::Tag(Tag::Close)]].concat();
    assert_eq!(read(&parts, Some(true), true, &[]), is("x", "y</think>", false));
}
