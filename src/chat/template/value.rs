//! Python's values over minijinja's: lists, dicts and namespaces of their own, and how each is written.

use super::lexer::is_space;
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::Value as Json;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) type Result<T> = std::result::Result<T, Error>;

/// How deep lists and dicts may nest: whoever walks or drops them is recursive.
const MAX_DEPTH: usize = 130;
/// What an item of a list costs, in bytes.
pub(super) const ITEM: usize = 64;

/// An error of the template.
pub(super) fn error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Takes what `bytes` cost off the fuel: before they are allocated.
pub(super) fn charge(state: &State, bytes: usize) -> Result<()> {
    state.consume_fuel(bytes as u64 / 64 + 1)
}

/// What a sequence is in Python.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    List,
    Tuple,
    /// Of `groupby`: a tuple whose items have the names grouper and list.
    Group,
    /// Start, stop and step.
    Range(i128, i128, i128),
    Keys,
    Values,
    Items,
}

/// What a value holds.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    depth: usize,
    namespace: bool,
}

impl Held {
    /// Of all `values` together.
    fn by<'v>(values: impl Iterator<Item = &'v Value>) -> Result<Self> {
        let mut held = Self::default();
        for value in values {
            let one = match view(value) {
                Python::Sequence(sequence) => sequence.held,
                Python::Dict(dict) => dict.held,
                Python::Generator(generator) => generator.held,
                Python::Namespace(_) => Self { depth: 1, namespace: true },
                _ => continue,
            };
            held.depth = held.depth.max(one.depth);
            held.namespace |= one.namespace;
        }
        held.depth += 1;
        if held.depth > MAX_DEPTH {
            return Err(error(format!("values nest deeper than {MAX_DEPTH}")));
        }
        Ok(held)
    }
}

/// A list, or what is like one.
#[derive(Debug)]
pub(super) struct Sequence {
    pub kind: Kind,
    pub items: Vec<Value>,
    held: Held,
}

impl Object for Sequence {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = match key.as_str() {
            Some("grouper") if self.kind == Kind::Group => 0,
            Some("list") if self.kind == Kind::Group => 1,
            _ => key.as_usize()?,
        };
        self.items.get(at).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }
}

/// A dict, in the order of its entries.
#[derive(Debug)]
pub(super) struct Dict {
    pub entries: Vec<(Value, Value)>,
    held: Held,
}

impl Object for Dict {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.entries.iter().find(|entry| entry.0.as_str() == Some(key)).map(|entry| entry.1.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries.iter().map(|entry| entry.0.clone()).collect())
    }
}

/// What Python makes lazily and reads once. It is true even if it is empty, and has no length.
#[derive(Debug)]
pub(super) struct Generator {
    items: Mutex<Vec<Value>>,
    held: Held,
}

impl Generator {
    /// The items that nobody has taken.
    pub fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.items.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The first item that nobody has taken.
    pub fn next(&self) -> Option<Value> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if items.is_empty() { None } else { Some(items.remove(0)) }
    }
}

impl Object for Generator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// A namespace. It cannot hold itself: no value that holds a namespace can be put into one.
#[derive(Debug, Default)]
pub(super) struct Namespace(Mutex<Vec<(Arc<str>, Value)>>);

impl Namespace {
    pub fn set(&self, name: &str, value: Value) -> Result<()> {
        if Held::by(std::iter::once(&value))?.namespace {
            return Err(error("a namespace that holds a namespace is not supported"));
        }
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.iter_mut().find(|entry| &*entry.0 == name) {
            Some(entry) => entry.1 = value,
            None => entries.push((name.into(), value)),
        }
        Ok(())
    }
}

impl Object for Namespace {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().find(|entry| &*entry.0 == key).map(|entry| entry.1.clone())
    }
}

/// A value as Python sees it.
pub(super) enum Python<'v> {
    Undefined,
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'v str),
    Sequence(&'v Sequence),
    Dict(&'v Dict),
    Generator(&'v Generator),
    Namespace(&'v Namespace),
    Other,
}

/// `value` as Python sees it.
pub(super) fn view(value: &Value) -> Python<'_> {
    match value.kind() {
        ValueKind::Undefined => Python::Undefined,
        ValueKind::None => Python::None,
        ValueKind::Bool => Python::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => {
            i128::try_from(value.clone()).map_or(Python::Other, Python::Int)
        }
        ValueKind::Number => f64::try_from(value.clone()).map_or(Python::Other, Python::Float),
        ValueKind::String => value.as_str().map_or(Python::Other, Python::Text),
        _ => {
            if let Some(sequence) = value.downcast_object_ref() {
                Python::Sequence(sequence)
            } else if let Some(dict) = value.downcast_object_ref() {
                Python::Dict(dict)
            } else if let Some(generator) = value.downcast_object_ref() {
                Python::Generator(generator)
            } else if let Some(namespace) = value.downcast_object_ref() {
                Python::Namespace(namespace)
            } else {
                Python::Other
            }
        }
    }
}

/// What Python calls the type of `value`.
pub(super) fn type_name(value: &Value) -> &'static str {
    match view(value) {
        Python::Undefined => "undefined",
        Python::None => "None",
        Python::Bool(_) => "bool",
        Python::Int(_) => "int",
        Python::Float(_) => "float",
        Python::Text(_) => "str",
        Python::Sequence(sequence) => match sequence.kind {
            Kind::List => "list",
            Kind::Tuple | Kind::Group => "tuple",
            Kind::Range(..) => "range",
            Kind::Keys => "dict_keys",
            Kind::Values => "dict_values",
            Kind::Items => "dict_items",
        },
        Python::Dict(_) => "dict",
        Python::Generator(_) => "generator",
        Python::Namespace(_) => "Namespace",
        Python::Other => "object",
    }
}

pub(super) fn sequence(kind: Kind, items: Vec<Value>) -> Result<Value> {
    let held = Held::by(items.iter())?;
    Ok(Value::from_object(Sequence { kind, items, held }))
}

pub(super) fn list(items: Vec<Value>) -> Result<Value> {
    sequence(Kind::List, items)
}

pub(super) fn tuple(items: impl Into<Vec<Value>>) -> Result<Value> {
    sequence(Kind::Tuple, items.into())
}

pub(super) fn generator(items: Vec<Value>) -> Result<Value> {
    let held = Held::by(items.iter())?;
    Ok(Value::from_object(Generator { items: Mutex::new(items), held }))
}

/// A dict of entries whose keys differ.
pub(super) fn dict(entries: Vec<(Value, Value)>) -> Result<Value> {
    let held = Held::by(entries.iter().flat_map(|entry| [&entry.0, &entry.1]))?;
    Ok(Value::from_object(Dict { entries, held }))
}

/// A value of the context.
pub(super) fn from_json(json: Json) -> Result<Value> {
    match json {
        Json::Null => Ok(Value::from(())),
        Json::Bool(bool) => Ok(bool.into()),
        Json::String(text) => Ok(text.into()),
        Json::Number(number) => Ok(match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => int.into(),
            (_, Some(int)) => int.into(),
            _ => number.as_f64().unwrap_or(f64::NAN).into(),
        }),
        Json::Array(items) => list(items.into_iter().map(from_json).collect::<Result<_>>()?),
        Json::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| Ok((key.into(), from_json(value)?)));
            dict(entries.collect::<Result<_>>()?)
        }
    }
}

/// What a loop over `value` gives, as a list. A generator is empty afterwards.
pub(super) fn items(state: &State, value: &Value) -> Result<Vec<Value>> {
    let items: Vec<Value> = match view(value) {
        Python::Undefined => Vec::new(),
        Python::Text(text) => {
            charge(state, text.len() * ITEM)?;
            return Ok(text.chars().map(Value::from).collect());
        }
        Python::Sequence(sequence) => sequence.items.clone(),
        Python::Dict(dict) => dict.entries.iter().map(|entry| entry.0.clone()).collect(),
        Python::Generator(generator) => generator.take(),
        _ => return Err(error(format!("{} is not iterable", type_name(value)))),
    };
    charge(state, items.len() * ITEM)?;
    Ok(items)
}

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
pub(super) fn text(state: &State, value: &Value) -> Result<String> {
    let mut text = Text::new(state);
    text.value(value)?;
    Ok(text.text)
}

/// `text`, safe where `like` is.
pub(super) fn like(like: &Value, text: String) -> Value {
    if like.is_safe() { Value::from_safe_string(text) } else { Value::from(text) }
}
