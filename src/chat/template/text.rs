//! How Python writes values.

use super::lexer::is_space;
use super::value::{Kind, Python, Result, charge, error, type_name, view};
use minijinja::{State, Value};

/// Text that grows as long as there is fuel.
pub(super) struct Text<'s, 'a, 'b> {
    pub text: String,
    state: &'s State<'a, 'b>,
    charged: usize,
}

impl<'s, 'a, 'b> Text<'s, 'a, 'b> {
    pub fn new(state: &'s State<'a, 'b>) -> Self {
        Self { text: String::new(), state, charged: 0 }
    }

    pub fn push(&mut self, text: &str) -> Result<()> {
        if self.text.len() + text.len() >= self.charged {
            let more = (self.text.len() + text.len() - self.charged).max(64);
            charge(self.state, more)?;
            self.charged += more;
        }
        self.text.push_str(text);
        Ok(())
    }

    /// Charges for a value, beside what is written of it.
    pub fn step(&self) -> Result<()> {
        charge(self.state, 16)
    }

    /// Python's `str`.
    pub fn value(&mut self, value: &Value) -> Result<()> {
        match view(value) {
            Python::Undefined => Ok(()),
            Python::Text(text) => self.push(text),
            _ => self.repr(value),
        }
    }

    /// Python's `repr`.
    pub fn repr(&mut self, value: &Value) -> Result<()> {
        self.step()?;
        match view(value) {
            Python::Undefined => self.push("Undefined"),
            Python::None => self.push("None"),
            Python::Bool(bool) => self.push(if bool { "True" } else { "False" }),
            Python::Int(int) => self.push(&int.to_string()),
            Python::Float(float) => self.push(&float_text(float)),
            Python::Text(_) if value.is_safe() => Err(error("a safe text within a value cannot be written")),
            Python::Text(text) => self.quoted(text),
            Python::Sequence(sequence) => match sequence.kind {
                Kind::List => self.between("[", &sequence.items, "]"),
                Kind::Tuple if sequence.items.len() == 1 => self.between("(", &sequence.items, ",)"),
                Kind::Tuple | Kind::Group => self.between("(", &sequence.items, ")"),
                Kind::Range(start, stop, 1) => self.push(&format!("range({start}, {stop})")),
                Kind::Range(start, stop, step) => self.push(&format!("range({start}, {stop}, {step})")),
                Kind::Keys => self.between("dict_keys([", &sequence.items, "])"),
                Kind::Values => self.between("dict_values([", &sequence.items, "])"),
                Kind::Items => self.between("dict_items([", &sequence.items, "])"),
            },
            Python::Dict(dict) => {
                self.push("{")?;
                for (i, (key, value)) in dict.entries.iter().enumerate() {
                    self.push(if i == 0 { "" } else { ", " })?;
                    self.repr(key)?;
                    self.push(": ")?;
                    self.repr(value)?;
                }
                self.push("}")
            }
            _ => Err(error(format!("a value of type {} cannot be written", type_name(value)))),
        }
    }

    fn between(&mut self, open: &str, items: &[Value], close: &str) -> Result<()> {
        self.push(open)?;
        for (i, item) in items.iter().enumerate() {
            self.push(if i == 0 { "" } else { ", " })?;
            self.repr(item)?;
        }
        self.push(close)
    }

    fn quoted(&mut self, text: &str) -> Result<()> {
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        let mut out = String::from(quote);
        for c in text.chars() {
            match c {
                '\\' => out += "\\\\",
                '\n' => out += "\\n",
                '\r' => out += "\\r",
                '\t' => out += "\\t",
                c if c == quote => out.extend(['\\', c]),
                c if is_printable(c) => out.push(c),
                c if (c as u32) < 0x100 => out += &format!("\\x{:02x}", c as u32),
                c if (c as u32) < 0x1_0000 => out += &format!("\\u{:04x}", c as u32),
                c => out += &format!("\\U{:08x}", c as u32),
            }
        }
        out.push(quote);
        self.push(&out)
    }
}

/// Python's `str.isprintable`, for one character.
pub(super) fn is_printable(c: char) -> bool {
    c.is_ascii_graphic()
        || c == ' '
        || !c.is_ascii() && !is_space(c) && format!("a{c}").escape_debug().nth(1) == Some(c)
}

/// A float as Python writes it.
pub(super) fn float_text(float: f64) -> String {
    if float.is_nan() {
        return "nan".into();
    }
    if float.is_infinite() {
        return if float > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let text = format!("{float:?}"); // the shortest that reads back, with Python's bounds for an exponent
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let power: i32 = exponent.parse().unwrap_or_default();
            format!("{mantissa}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
        }
        None => text,
    }
}

/// Python's `str(value)`.
pub(super) fn to_text(state: &State, value: &Value) -> Result<String> {
    let mut text = Text::new(state);
    text.value(value)?;
    Ok(text.text)
}

/// `text`, safe where `like` is.
pub(super) fn like(like: &Value, text: String) -> Value {
    if like.is_safe() { Value::from_safe_string(text) } else { Value::from(text) }
}

/// `str(value)` as a value.
pub(super) fn string(state: &State, value: &Value) -> Result<Value> {
    if value.as_str().is_some() { Ok(value.clone()) } else { Ok(to_text(state, value)?.into()) }
}
