//! Jinja2's lexer: a template cut into its text and its tags, white space already taken off as `trim_blocks`,
//! `lstrip_blocks` and the signs of the tags have it.

use crate::{Error, Result};

/// A part of a template.
#[derive(Debug)]
pub(super) enum Piece {
    /// What is written as it stands.
    Text(String),
    /// `{{ ... }}`.
    Print(Tag),
    /// `{% ... %}`.
    Statement(Tag),
}

/// What stands in a tag.
#[derive(Debug)]
pub(super) struct Tag {
    /// Where it begins, counted from 1.
    pub line: usize,
    pub tokens: Vec<Token>,
}

/// A word of an expression or a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    Text(String),
    /// Without a sign.
    Int(i128),
    Float(f64),
    Operator(&'static str),
}

/// Bytes of a name: to look for one may take as long.
const MAX_NAME: usize = 200;

/// Longest first.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|", ",", ";",
];

/// Python's `str.isspace`, for one character.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// An [`Error::Template`].
pub(super) fn error(line: usize, message: impl Into<String>) -> Error {
    Error::Template { line: Some(line), message: message.into() }
}

/// The pieces of a source whose line ends are all LF. [`Error::Template`] where a tag cannot be read.
pub(super) fn pieces(source: &str) -> Result<Vec<Piece>> {
    let mut lexer = Lexer { source, at: 0, counted: (0, 1), pieces: Vec::new() };
    while lexer.at < source.len() {
        lexer.piece()?;
    }
    Ok(lexer.pieces)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    /// A place and its line.
    counted: (usize, usize),
    pieces: Vec<Piece>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    /// Of the place that is read now.
    fn line(&mut self) -> usize {
        let (at, line) = self.counted;
        self.counted = (self.at, line + self.source[at..self.at].matches('\n').count());
        self.counted.1
    }

    /// Text up to the next tag, and the tag.
    fn piece(&mut self) -> Result<()> {
        let rest = self.rest();
        let tag = (0..rest.len()).find(|i| {
            rest.as_bytes()[*i] == b'{' && matches!(rest.as_bytes().get(i + 1), Some(b'{' | b'%' | b'#'))
        });
        let Some(tag) = tag else {
            self.text(rest);
            self.at = self.source.len();
            return Ok(());
        };
        let kind = rest.as_bytes()[tag + 1];
        self.text_before(&rest[..tag], &rest[tag + 2..], kind != b'{');
        self.at += tag + 2;
        let line = self.line();
        if self.rest().starts_with(['-', '+']) {
            self.at += 1;
        }
        match kind {
            b'#' => self.comment(line),
            b'%' if self.rest().trim_start_matches(is_space).starts_with("raw") && self.raw(line)? => Ok(()),
            b'%' => {
                let tokens = self.tokens("%}", line)?;
                self.pieces.push(Piece::Statement(Tag { line, tokens }));
                Ok(())
            }
            _ => {
                let tokens = self.tokens("}}", line)?;
                self.pieces.push(Piece::Print(Tag { line, tokens }));
                Ok(())
            }
        }
    }

    fn text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(before)) => before.push_str(text),
            _ => self.pieces.push(Piece::Text(text.into())),
        }
    }

    /// Text in front of a tag: a `-` takes white space off, and so does a block that begins its line, but for a `+`.
    fn text_before(&mut self, text: &'s str, tag: &str, is_block: bool) {
        let begins_line = self.at == 0 || self.source[..self.at].ends_with('\n');
        let line_start = text.rfind('\n').map_or(0, |end| end + 1);
        let text = if tag.starts_with('-') {
            text.trim_end_matches(is_space)
        } else if !tag.starts_with('+')
            && is_block
            && (line_start > 0 || begins_line)
            && text[line_start..].chars().all(is_space)
        {
            &text[..line_start]
        } else {
            text
        };
        self.text(text);
    }

    /// Past the end of a block: `-` takes white space with it, `+` nothing, else a line end goes.
    fn end_of_block(&mut self, sign: Option<char>) {
        let rest = self.rest();
        let after = match sign {
            Some('-') => rest.trim_start_matches(is_space),
            Some(_) => rest,
            None => rest.strip_prefix('\n').unwrap_or(rest),
        };
        self.at = self.source.len() - after.len();
    }

    fn comment(&mut self, line: usize) -> Result<()> {
        let rest = self.rest();
        let end = rest.find("#}").ok_or_else(|| error(line, "a comment does not end"))?;
        let sign = rest[..end].chars().next_back().filter(|c| "+-".contains(*c));
        self.at += end + 2;
        self.end_of_block(sign);
        Ok(())
    }

    /// A raw block, if it is one.
    fn raw(&mut self, line: usize) -> Result<bool> {
        let head = self.rest().trim_start_matches(is_space);
        let Some(body) = head.strip_prefix("raw") else { return Ok(false) };
        let body = body.trim_start_matches(is_space);
        let body = match (body.strip_prefix("-%}"), body.strip_prefix("%}")) {
            (Some(body), _) => body.trim_start_matches(is_space),
            (_, Some(body)) => body,
            _ => return Ok(false),
        };
        let mut from = 0;
        while let Some(found) = body[from..].find("{%") {
            let start = from + found;
            let tag = &body[start + 2..];
            let name = tag.strip_prefix(['-', '+']).unwrap_or(tag).trim_start_matches(is_space);
            let after = name.strip_prefix("endraw").map(|after| after.trim_start_matches(is_space));
            let sign = after.and_then(|after| after.chars().next()).filter(|c| "+-".contains(*c));
            if let Some(after) =
                after.and_then(|after| after.trim_start_matches(['-', '+']).strip_prefix("%}"))
            {
                self.at = self.source.len() - body.len();
                self.text_before(&body[..start], tag, true);
                self.at = self.source.len() - after.len();
                self.end_of_block(sign);
                return Ok(true);
            }
            from = start + 2;
        }
        Err(error(line, "raw does not end"))
    }

    /// The tokens up to `end`.
    fn tokens(&mut self, end: &str, line: usize) -> Result<Vec<Token>> {
        let (mut tokens, mut open) = (Vec::new(), Vec::new());
        loop {
            self.at = self.source.len() - self.rest().trim_start_matches(is_space).len();
            let rest = self.rest();
            let Some(first) = rest.chars().next() else { return Err(error(line, "a tag does not end")) };
            let sign = Some(first).filter(|c| *c == '-' || *c == '+' && end == "%}");
            let ends = if sign.is_some() { &rest[1..] } else { rest };
            if open.is_empty() && ends.starts_with(end) {
                self.at = self.source.len() - ends.len() + end.len();
                match (end, sign) {
                    ("}}", None) => {}
                    _ => self.end_of_block(sign),
                }
                return Ok(tokens);
            }
            let (token, length) = token(rest, self.source[..self.at].ends_with('.'))
                .map_err(|message| error(self.line(), message))?;
            match token {
                Token::Operator("(") => open.push(")"),
                Token::Operator("[") => open.push("]"),
                Token::Operator("{") => open.push("}"),
                Token::Operator(close @ (")" | "]" | "}")) if open.pop() != Some(close) => {
                    return Err(error(self.line(), format!("unexpected {close}")));
                }
                _ => {}
            }
            tokens.push(token);
            self.at += length;
        }
    }
}

/// The token that `text` begins with, and its length. After a point digits are an index, never a fraction.
fn token(text: &str, after_point: bool) -> std::result::Result<(Token, usize), String> {
    let first = text.chars().next().unwrap_or_default();
    if first == '"' || first == '\'' {
        return string(text, first);
    }
    if first.is_ascii_digit() {
        return number(text, after_point);
    }
    let word = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    if word > 0 {
        let name = &text[..word];
        if word > MAX_NAME {
            return Err(format!("a name is longer than {MAX_NAME} bytes"));
        }
        return if name.is_ascii() {
            Ok((Token::Name(name.into()), word))
        } else {
            Err(format!("the name {name} is not supported: it has letters beyond ASCII"))
        };
    }
    let operator = OPERATORS.iter().find(|operator| text.starts_with(**operator));
    operator.map(|o| (Token::Operator(o), o.len())).ok_or_else(|| format!("unexpected character {first:?}"))
}

/// Of digits with single underscores between them, how many bytes.
fn digits(text: &str, is_digit: impl Fn(u8) -> bool) -> usize {
    let bytes = text.as_bytes();
    let is = |i: usize| bytes.get(i).is_some_and(|b| is_digit(*b));
    let mut length = 0;
    while is(length) || length > 0 && bytes.get(length) == Some(&b'_') && is(length + 1) {
        length += 1;
    }
    length
}

fn number(text: &str, after_point: bool) -> std::result::Result<(Token, usize), String> {
    let whole = digits(text, |b| b.is_ascii_digit());
    if !after_point {
        let rest = &text[whole..];
        let fraction = match rest.strip_prefix('.').map(|rest| digits(rest, |b| b.is_ascii_digit())) {
            Some(digits) if digits > 0 => digits + 1,
            _ => 0,
        };
        let rest = &rest[fraction..];
        let exponent = rest.strip_prefix(['e', 'E']).map_or(0, |power| {
            let sign = usize::from(power.starts_with(['+', '-']));
            let digits = digits(&power[sign..], |b| b.is_ascii_digit());
            if digits > 0 { 1 + sign + digits } else { 0 }
        });
        let length = whole + fraction + exponent;
        if length > whole {
            let float = text[..length].replace('_', "").parse();
            return float.map(|float| (Token::Float(float), length)).map_err(|_| "a bad number".into());
        }
    }
    let radix = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    let is_digit = |b: u8| char::from(b).is_digit(radix);
    let prefixed = if radix == 10 { 0 } else { digits(text[2..].trim_start_matches('_'), is_digit) };
    let (digits, length) = match prefixed {
        0 if text.starts_with('0') => {
            let zeros = digits(text, |b| b == b'0');
            (&text[..zeros], zeros)
        }
        0 => (&text[..whole], whole),
        _ => {
            let skipped = text.len() - text[2..].trim_start_matches('_').len();
            (&text[skipped..skipped + prefixed], skipped + prefixed)
        }
    };
    let radix = if prefixed == 0 { 10 } else { radix };
    i128::from_str_radix(&digits.replace('_', ""), radix)
        .map(|int| (Token::Int(int), length))
        .map_err(|_| format!("the integer {digits} is not supported: it needs more than 127 bits"))
}

/// A quoted text with Python's escapes.
fn string(text: &str, quote: char) -> std::result::Result<(Token, usize), String> {
    let mut out = String::new();
    let mut chars = text[1..].chars();
    while let Some(c) = chars.next() {
        if c == quote {
            return Ok((Token::Text(out), text.len() - chars.as_str().len()));
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escaped = chars.next().ok_or("a string does not end")?;
        match escaped {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(escaped),
            'a' => out.push('\x07'),
            'b' => out.push('\x08'),
            'f' => out.push('\x0c'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\x0b'),
            '0'..='7' => {
                let octal =
                    &chars.as_str()[..chars.as_str().chars().take(2).take_while(|c| c.is_digit(8)).count()];
                chars = chars.as_str()[octal.len()..].chars();
                let code = u32::from_str_radix(&format!("{escaped}{octal}"), 8).unwrap_or_default();
                out.extend(char::from_u32(code));
            }
            'x' | 'u' | 'U' => {
                let length = [2, 4, 8][usize::from(escaped != 'x') + usize::from(escaped == 'U')];
                let code =
                    chars.as_str().get(..length).filter(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()));
                let code = code.ok_or_else(|| format!("a bad escape \\{escaped}"))?;
                let code = u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
                out.push(code.ok_or_else(|| format!("a bad escape \\{escaped}"))?);
                chars = chars.as_str()[length..].chars();
            }
            'N' => return Err("the escape \\N is not supported".into()),
            _ => out.extend(['\\', escaped]),
        }
    }
    Err("a string does not end".into())
}
