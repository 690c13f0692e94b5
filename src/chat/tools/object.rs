//! Where the parts of a JSON object are, while it comes. Only what that needs is checked, and nothing recurses.

use std::ops::Range;

/// A value's bytes up to here.
#[derive(Debug, Default)]
pub struct Value {
    depth: usize,
    is_string: bool,
    is_escaped: bool,
    is_scalar: bool,
    /// A string has a control character, which JSON has not: it may never end.
    is_broken: bool,
}

/// What a byte is to a value.
enum Byte {
    Within,
    Last,
    Behind,
}

/// Where a value ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, before this byte.
    Whole(usize),
    /// Before the call's end mark at this byte.
    Cut(usize),
}

impl Value {
    /// Goes on in `text` from `at`; None where the value goes on behind the text, or maybe the call's `end` mark.
    pub fn scan(&mut self, text: &str, at: &mut usize, end: Option<&str>) -> Option<Ended> {
        while let Some(byte) = text.as_bytes().get(*at) {
            if let Some(end) = end.filter(|_| *byte == b'<' && (!self.is_string || self.is_broken)) {
                let rest = &text[*at..];
                if rest.starts_with(end) {
                    return Some(Ended::Cut(*at));
                }
                if end.starts_with(rest) {
                    return None;
                }
            }
            match self.take(*byte) {
                Byte::Within => *at += 1,
                Byte::Behind => return Some(Ended::Whole(*at)),
                Byte::Last => {
                    *at += 1;
                    return Some(Ended::Whole(*at));
                }
            }
        }
        None
    }

    fn take(&mut self, byte: u8) -> Byte {
        if self.is_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_string = false,
                ..b' ' => self.is_broken = true,
                _ => {}
            }
        } else {
            match byte {
                b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' if self.is_scalar => return Byte::Behind,
                _ if self.is_scalar => {}
                b'"' => self.is_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => self.is_scalar = self.depth == 0,
            }
        }
        if self.depth == 0 && !self.is_string && !self.is_scalar { Byte::Last } else { Byte::Within }
    }
}

/// What comes next in an object.
#[derive(Debug)]
enum Place {
    Open,
    /// `"` or `}`.
    FirstKey,
    /// `"`.
    Key,
    InKey(usize, Value),
    Colon,
    Value,
    InValue(usize, Value),
    /// `,` or `}`.
    Comma,
}

/// What was found in an object.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The value of a key begins at this byte.
    Begins(String, usize),
    /// The value of a key is there.
    Has(String, Range<usize>),
    /// The call's end mark came within a value, at this byte.
    Cut(usize),
    /// The object ended before this byte.
    Closed(usize),
    /// No JSON goes on like this byte.
    Broken(usize),
}

/// An object up to here.
#[derive(Debug)]
pub struct Object {
    place: Place,
    key: String,
    /// All before this byte was read.
    pub at: usize,
}

impl Object {
    /// An object that begins at this byte, or behind white space there.
    pub fn new(at: usize) -> Self {
        Self { place: Place::Open, key: String::new(), at }
    }

    /// Goes on in the text; None where that ends.
    pub fn next(&mut self, text: &str, end: Option<&str>) -> Option<Event> {
        loop {
            match &mut self.place {
                Place::InKey(start, value) => {
                    let Ended::Whole(behind) = value.scan(text, &mut self.at, None)? else { return None };
                    match serde_json::from_str(&text[*start..behind]) {
                        Ok(key) => self.key = key,
                        Err(_) => return Some(Event::Broken(behind)),
                    }
                    self.place = Place::Colon;
                }
                Place::InValue(start, value) => match value.scan(text, &mut self.at, end)? {
                    Ended::Cut(at) => return Some(Event::Cut(at)),
                    Ended::Whole(behind) => {
                        let range = *start..behind;
                        self.place = Place::Comma;
                        return Some(Event::Has(self.key.clone(), range));
                    }
                },
                _ => {
                    let rest = &text[self.at..];
                    self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
                    let byte = *text.as_bytes().get(self.at)?;
                    if let Some(event) = self.enter(byte) {
                        return Some(event);
                    }
                }
            }
        }
    }

    /// Takes a byte between keys and values.
    fn enter(&mut self, byte: u8) -> Option<Event> {
        let at = self.at;
        self.place = match (&self.place, byte) {
            (Place::Open, b'{') => Place::FirstKey,
            (Place::FirstKey | Place::Comma, b'}') => return Some(Event::Closed(at + 1)),
            (Place::FirstKey | Place::Key, b'"') => {
                self.place = Place::InKey(at, Value::default());
                return None;
            }
            (Place::Colon, b':') => Place::Value,
            (Place::Comma, b',') => Place::Key,
            (Place::Value, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                self.place = Place::InValue(at, Value::default());
                return Some(Event::Begins(self.key.clone(), at));
            }
            _ => return Some(Event::Broken(at)),
        };
        self.at += 1;
        None
    }
}
