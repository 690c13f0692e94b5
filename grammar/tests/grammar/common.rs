//! A small vocabulary, and a model that says anything.

use minke_grammar::{Grammar, Vocabulary};
use std::sync::LazyLock;

/// Tokens of several bytes: parts of JSON, words, and text that ends or begins within a character.
const PARTS: [&[u8]; 26] = [
    b"{\"",
    b"\":",
    b"\": \"",
    b"\",",
    b"\",\"",
    b"\"}",
    b"}}",
    b"},{",
    b"[[",
    b"]]",
    b", ",
    b": ",
    b"\n  ",
    b"\n\n",
    b"true",
    b"false",
    b"null",
    b"name",
    b"type",
    b"123",
    b"-0",
    b".5",
    b"\xc3\xa4\xc3",
    b"\xf0\x9f",
    b"\x98\x80\"",
    b"\xe5\x90\x8d\xe5",
];

/// Control tokens, behind the others; the first two end a reply.
pub const CONTROL: [&str; 5] = ["<|end|>", "<|eot|>", "<think>", "<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>"];

/// The id of the first of [`CONTROL`].
pub const CONTROL_FROM: u32 = 256 + PARTS.len() as u32;

pub const ENDS: [u32; 2] = [CONTROL_FROM, CONTROL_FROM + 1];

/// What each token writes.
pub fn text(token: u32) -> Vec<u8> {
    match token {
        0..256 => vec![token as u8],
        _ if token < CONTROL_FROM => PARTS[token as usize - 256].to_vec(),
        _ => CONTROL[(token - CONTROL_FROM) as usize].into(),
    }
}

pub static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let texts: Vec<_> = (0..CONTROL_FROM + CONTROL.len() as u32).map(text).collect();
    let tokens = texts.iter().enumerate().map(|(id, text)| (&text[..], id as u32 >= CONTROL_FROM));
    Vocabulary::new(tokens, &ENDS).unwrap()
});

pub fn grammar(form: &serde_json::Value) -> Result<Grammar, String> {
    Grammar::new(&VOCABULARY, &form.to_string())
}

/// Tokens that a mask allows.
pub fn allowed(mask: &[u32]) -> Vec<u32> {
    (0..mask.len() as u32 * 32).filter(|id| mask[*id as usize / 32] >> (id % 32) & 1 == 1).collect()
}

/// Numbers that look random.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
}

/// The longest reply. A walk that has come to [`LONG`] tokens takes what closes wherever it can.
const LONGEST: usize = 4000;
const LONG: usize = 40;

/// A reply of tokens that are drawn from the masks; whole only if the grammar let it end.
pub fn walk(grammar: &mut Grammar, random: &mut Random) -> Result<Vec<u8>, String> {
    let mut reply = Vec::new();
    for length in 0..LONGEST {
        let choices = allowed(&grammar.mask()?);
        let token = choose(&choices, reply.last(), length > LONG, random);
        let finished = grammar.commit(token)?;
        if ENDS.contains(&token) {
            assert!(finished, "nothing follows an end token");
            return Ok(reply);
        }
        reply.extend(text(token));
        if finished {
            assert_eq!(allowed(&grammar.mask()?), ENDS, "only end tokens follow a finished reply");
            return Ok(reply);
        }
    }
    Err(format!("no end within {LONGEST} tokens: {}", String::from_utf8_lossy(&reply)))
}

/// No exponents: JSON allows any, but whoever reads them has limits.
fn choose(choices: &[u32], after: Option<&u8>, close: bool, random: &mut Random) -> u32 {
    let closing = [ENDS[0], u32::from(b'}'), u32::from(b']'), u32::from(b'"')];
    let first = closing.into_iter().find(|token| choices.contains(token));
    match first {
        Some(token) if close && random.below(4) > 0 => token,
        _ => loop {
            let token = choices[random.below(choices.len())];
            let exponent = matches!(text(token)[0], b'e' | b'E') && after.is_some_and(u8::is_ascii_digit);
            if !exponent || choices.len() == 1 {
                return token;
            }
        },
    }
}
