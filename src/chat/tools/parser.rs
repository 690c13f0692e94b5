//! Reads calls out of an answer while it comes.
//!
//! What a mark or a brace begins is a call once its name is read. From then on its arguments are given out as they are,
//! valid JSON or not, up to the mark that ends the call, or the end of the reply. Until then it may turn out to be none, and
//! is content, every byte of it. Whether the request has a tool of that name decides where nothing else tells a call from an
//! answer in JSON. A marked call of an unknown tool is passed on, as vLLM and llama.cpp do: the caller sees what
//! the model wanted, and can tell it.

use super::head::{NoHead, head};
use super::object::{Ended, Event, Object, Value};
use super::{Convention, Tool, is_name};
use std::ops::Range;

/// A piece of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that is no call.
    Content(String),
    /// A call begins.
    Call {
        /// Its number in this reply.
        index: usize,
        /// Unique to it.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// More of a call's arguments, JSON as the model wrote it.
    Arguments {
        /// The call's number.
        index: usize,
        /// The text.
        text: String,
    },
}

#[derive(Debug)]
enum State {
    /// No call.
    Text,
    /// Between DeepSeek's mark and the arguments.
    Head,
    /// In the arguments that follow DeepSeek's head: where the scan is, and the value.
    Arguments(usize, Value),
    /// In the object that is a call of the other conventions.
    Object(Call),
    /// Behind the arguments, before the mark that ends the call.
    Tail,
}

/// A call that is an object.
#[derive(Debug)]
struct Call {
    object: Object,
    /// A mark came before it.
    is_marked: bool,
    name: Option<String>,
    arguments: Arguments,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Arguments {
    Awaited,
    /// They came before the name.
    Early(Range<usize>),
    /// They come, and the call was given out.
    Streamed,
    /// They and the call were given out.
    Given,
}

/// Takes the answer's text, with that of the tokens that are marks; never gives out half a mark.
#[derive(Debug)]
pub struct CallParser {
    convention: Convention,
    names: Vec<String>,
    id: String,
    state: State,
    /// Text that was not given out; in a call, all from its mark on, and the white space before that.
    held: String,
    /// Bytes of `held` behind which nothing of the arguments was given out.
    sent: usize,
    /// There was nothing but white space since the beginning or the last call.
    is_fresh: bool,
    begun: usize,
    ended: usize,
}

impl CallParser {
    /// A parser for a reply, the ids of whose calls are `id` and a number.
    pub fn new(convention: Convention, tools: &[Tool], id: &str) -> Self {
        Self {
            convention,
            names: tools.iter().map(|tool| tool.name.clone()).collect(),
            id: id.into(),
            state: State::Text,
            held: String::new(),
            sent: 0,
            is_fresh: true,
            begun: 0,
            ended: 0,
        }
    }

    /// How many calls have begun.
    pub fn begun(&self) -> usize {
        self.begun
    }

    /// How many of them are complete.
    pub fn ended(&self) -> usize {
        self.ended
    }

    /// Takes more of the answer; what can be told now.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let mut pieces = Vec::new();
        while self.step(&mut pieces) {}
        pieces
    }

    /// What is left when the reply ends.
    pub fn finish(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let end = self.held.len();
        match &self.state {
            State::Arguments(..) | State::Object(Call { arguments: Arguments::Streamed, .. }) => {
                self.send(end, &mut pieces);
            }
            State::Tail | State::Object(Call { arguments: Arguments::Given, .. }) => {}
            State::Text | State::Head | State::Object(_) => self.content(end, &mut pieces),
        }
        pieces
    }

    /// Whether another step may follow.
    fn step(&mut self, pieces: &mut Vec<Piece>) -> bool {
        match std::mem::replace(&mut self.state, State::Text) {
            State::Text => self.text(pieces),
            State::Head => self.head(pieces),
            State::Arguments(at, value) => self.arguments(at, value, pieces),
            State::Object(call) => self.object(call, pieces),
            State::Tail => self.tail(),
        }
    }

    /// Gives out what is held before this byte as content.
    fn content(&mut self, end: usize, pieces: &mut Vec<Piece>) {
        let rest = self.held.split_off(end);
        let content = std::mem::replace(&mut self.held, rest);
        if !content.is_empty() {
            self.is_fresh = false;
            pieces.push(Piece::Content(content));
        }
    }

    /// Gives out a call whose arguments are held from this byte on.
    fn begin(&mut self, name: String, arguments: usize, pieces: &mut Vec<Piece>) {
        let id = format!("{}{}", self.id, self.begun);
        pieces.push(Piece::Call { index: self.begun, id, name });
        self.begun += 1;
        self.sent = arguments;
    }

    /// Gives out the arguments before this byte.
    fn send(&mut self, end: usize, pieces: &mut Vec<Piece>) {
        if end > self.sent {
            let text = self.held[self.sent..end].to_owned();
            pieces.push(Piece::Arguments { index: self.begun - 1, text });
            self.sent = end;
        }
    }

    /// The call ends before this byte.
    fn end(&mut self, at: usize) -> bool {
        self.held.drain(..at);
        self.ended += 1;
        self.is_fresh = true;
        true
    }

    /// The call's arguments end before this byte.
    fn end_arguments(&mut self, at: usize) -> bool {
        self.held.drain(..at);
        self.state = State::Tail;
        true
    }

    fn text(&mut self, pieces: &mut Vec<Piece>) -> bool {
        if self.is_fresh && self.begun > 0 && !self.skip_behind_call() {
            return false;
        }
        let spaces = self.held.len() - self.held.trim_start().len();
        if self.is_fresh && self.convention == Convention::Llama && self.held[spaces..].starts_with('{') {
            self.state = State::Object(Call::new(spaces, false));
            return true;
        }
        let begins = self.convention.begins();
        let first = begins.iter().filter_map(|begin| Some((self.held.find(begin)?, begin.len()))).min();
        let Some((at, length)) = first else {
            let starts = |begin: &&str| {
                let prefixes = begin.char_indices().map(|(i, _)| i).skip(1);
                prefixes.filter(|n| self.held.ends_with(&begin[..*n])).max().unwrap_or(0)
            };
            let partial = begins.iter().map(starts).max().unwrap_or(0);
            let sure = self.held[..self.held.len() - partial].trim_end().len();
            self.content(sure, pieces);
            return false;
        };
        let sure = self.held[..at].trim_end().len();
        self.content(sure, pieces);
        self.state = match self.convention {
            Convention::DeepSeekR1 | Convention::DeepSeekV31 => State::Head,
            Convention::Hermes | Convention::Llama => State::Object(Call::new(at - sure + length, true)),
        };
        true
    }

    /// Drops what may follow a call and is no text; whether it is known what follows that.
    fn skip_behind_call(&mut self) -> bool {
        let after = self.convention.after_call();
        loop {
            let rest = self.held.trim_start();
            let rest = after.and_then(|after| rest.strip_prefix(after)).unwrap_or(rest);
            let skipped = self.held.len() - rest.len();
            if skipped == 0 {
                let may_follow = after.is_some_and(|after| after.starts_with(&self.held));
                return !self.held.is_empty() && !may_follow;
            }
            self.held.drain(..skipped);
        }
    }

    fn head(&mut self, pieces: &mut Vec<Piece>) -> bool {
        match head(&self.held) {
            Ok((name, at)) => {
                self.begin(name, at, pieces);
                self.state = State::Arguments(at, Value::default());
                true
            }
            Err(NoHead::Yet) => {
                self.state = State::Head;
                false
            }
            Err(NoHead::Never) => {
                let begins = self.convention.begins().iter();
                let mark = begins.filter_map(|begin| Some(self.held.find(begin)? + begin.len())).min();
                self.content(mark.unwrap_or(self.held.len()), pieces);
                true
            }
        }
    }

    fn arguments(&mut self, mut at: usize, mut value: Value, pieces: &mut Vec<Piece>) -> bool {
        let ended = value.scan(&self.held, &mut at, self.convention.end());
        self.send(at, pieces);
        match ended {
            Some(Ended::Whole(at) | Ended::Cut(at)) => self.end_arguments(at),
            None => {
                self.state = State::Arguments(at, value);
                false
            }
        }
    }

    fn object(&mut self, mut call: Call, pieces: &mut Vec<Piece>) -> bool {
        let Some(event) = call.object.next(&self.held, self.convention.end()) else {
            if call.arguments == Arguments::Streamed {
                self.send(call.object.at, pieces);
            }
            self.state = State::Object(call);
            return false;
        };
        match event {
            Event::Begins(key, at) => {
                if let (Arguments::Awaited, Some(name), true) =
                    (&call.arguments, &call.name, is_arguments(&key))
                {
                    self.begin(name.clone(), at, pieces);
                    call.arguments = Arguments::Streamed;
                }
            }
            Event::Has(key, range) if key == "name" && call.name.is_none() => {
                call.name = self.name(&self.held[range.clone()], call.is_marked);
                let Some(name) = call.name.clone() else {
                    self.content(range.end, pieces);
                    return true;
                };
                if let Arguments::Early(early) = &call.arguments {
                    self.begin(name, early.start, pieces);
                    self.send(early.end, pieces);
                    call.arguments = Arguments::Given;
                }
            }
            Event::Has(key, range) if is_arguments(&key) => match call.arguments {
                Arguments::Awaited => call.arguments = Arguments::Early(range),
                Arguments::Streamed => {
                    self.send(range.end, pieces);
                    call.arguments = Arguments::Given;
                }
                Arguments::Early(_) | Arguments::Given => {}
            },
            Event::Has(..) => {}
            Event::Closed(at) => return self.close(&call, at, pieces),
            Event::Cut(at) | Event::Broken(at) => return self.give_up(&call, at, pieces),
        }
        self.state = State::Object(call);
        true
    }

    /// The object ends before this byte. Without arguments it is a call where a mark says so.
    fn close(&mut self, call: &Call, at: usize, pieces: &mut Vec<Piece>) -> bool {
        match (&call.arguments, &call.name) {
            (Arguments::Given, _) => {}
            (Arguments::Awaited, Some(name)) if call.is_marked => {
                self.begin(name.clone(), at, pieces);
                pieces.push(Piece::Arguments { index: self.begun - 1, text: "{}".into() });
            }
            _ => {
                self.content(at, pieces);
                return true;
            }
        }
        self.end_arguments(at)
    }

    /// The object goes no further than this byte.
    fn give_up(&mut self, call: &Call, at: usize, pieces: &mut Vec<Piece>) -> bool {
        match call.arguments {
            Arguments::Streamed => self.send(at, pieces),
            Arguments::Given => {}
            Arguments::Awaited | Arguments::Early(_) => {
                self.content(at, pieces);
                return true;
            }
        }
        self.end_arguments(at)
    }

    /// The name that this JSON is, if a call can be of it.
    fn name(&self, json: &str, is_marked: bool) -> Option<String> {
        let name: String = serde_json::from_str(json).ok()?;
        let is_known = is_marked || self.names.contains(&name);
        (is_known && is_name(&name)).then_some(name)
    }

    /// A call ends at its mark; what models write before that beyond their form is dropped with it.
    fn tail(&mut self) -> bool {
        let Some(end) = self.convention.end() else { return self.end(0) };
        let rest = self.held.trim_start_matches(|c: char| c.is_whitespace() || c == '}' || c == '`');
        match rest.strip_prefix(end) {
            Some(behind) => self.end(self.held.len() - behind.len()),
            None if end.starts_with(rest) => {
                self.state = State::Tail;
                false
            }
            None => self.end(0),
        }
    }
}

impl Call {
    fn new(at: usize, is_marked: bool) -> Self {
        Self { object: Object::new(at), is_marked, name: None, arguments: Arguments::Awaited }
    }
}

/// Models write either name, whatever they were told.
fn is_arguments(key: &str) -> bool {
    matches!(key, "arguments" | "parameters")
}
