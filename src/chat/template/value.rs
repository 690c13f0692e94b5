//! Python's values over minijinja's: lists, dicts and namespaces of their own, and how each is written.

use super::callable::Callable;
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) type Result<T> = std::result::Result<T, Error>;

/// How deep lists and dicts may nest: whoever walks or drops them is recursive.
const MAX_DEPTH: usize = 130;
/// The most entries of a dict that are searched one by one.
const MAX_SEARCHED: usize = 16;
/// What an item of a list costs, in bytes.
pub(super) const ITEM: usize = 24;

/// An error of the template.
pub(super) fn error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Takes what `bytes` cost off the fuel: before they are allocated.
pub(super) fn charge(state: &State, bytes: usize) -> Result<()> {
    state.consume_fuel(bytes as u64 / 16 + 1)
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
pub(super) struct Held {
    depth: usize,
    namespace: bool,
}

impl Held {
    /// Of all `values` together.
    pub fn by<'v>(values: impl Iterator<Item = &'v Value>) -> Result<Self> {
        let mut held = Self::default();
        for value in values {
            let one = match view(value) {
                Python::Sequence(sequence) => sequence.held,
                Python::Dict(dict) => dict.held,
                Python::Generator(generator) => generator.held,
                Python::Callable(callable) => callable.held,
                Python::Namespace(_) => Self { depth: 1, namespace: true },
                Python::Other if is_loop(value) => {
                    return Err(error("a loop within a value is not supported"));
                }
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
    /// The places of the keys that are texts, where a search would take long.
    places: HashMap<Arc<str>, usize>,
    held: Held,
}

impl Dict {
    /// The value of a key that is a text.
    pub fn find(&self, key: &str) -> Option<&Value> {
        let entry = match self.places.is_empty() {
            true => self.entries.iter().find(|entry| entry.0.as_str() == Some(key)),
            false => self.places.get(key).map(|place| &self.entries[*place]),
        };
        entry.map(|entry| &entry.1)
    }
}

impl Object for Dict {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.find(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries.iter().map(|entry| entry.0.clone()).collect())
    }
}

/// What Python makes lazily and reads once. It is true even if it is empty, and has no length.
#[derive(Debug)]
pub(super) struct Generator {
    items: Mutex<std::vec::IntoIter<Value>>,
    held: Held,
}

impl Generator {
    /// The items that nobody has taken.
    pub fn take(&self) -> Vec<Value> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).by_ref().collect()
    }

    /// The first item that nobody has taken.
    pub fn next(&self) -> Option<Value> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}

impl Object for Generator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// A namespace. It cannot hold itself: no value that holds a namespace can be put into one.
#[derive(Debug, Default)]
pub(super) struct Namespace(Mutex<BTreeMap<String, Value>>);

impl Namespace {
    pub fn set(&self, name: &str, value: Value) -> Result<()> {
        if Held::by(std::iter::once(&value))?.namespace {
            return Err(error("a namespace that holds a namespace is not supported"));
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), value);
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

/// Whether a value is the `loop` of a loop.
pub(super) fn is_loop(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Loop"))
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
    Callable(&'v Callable),
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
            } else if let Some(callable) = value.downcast_object_ref() {
                Python::Callable(callable)
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
        Python::Callable(_) | Python::Other => "object",
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
    Ok(Value::from_object(Generator { items: Mutex::new(items.into_iter()), held }))
}

/// A dict of entries whose keys differ.
pub(super) fn dict(entries: Vec<(Value, Value)>) -> Result<Value> {
    let held = Held::by(entries.iter().flat_map(|entry| [&entry.0, &entry.1]))?;
    let texts = entries.iter().enumerate().filter_map(|(place, entry)| Some((entry.0.to_str()?, place)));
    let places = if entries.len() > MAX_SEARCHED { texts.collect() } else { HashMap::new() };
    Ok(Value::from_object(Dict { entries, places, held }))
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
pub(super) fn iterate(state: &State, value: &Value) -> Result<Vec<Value>> {
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
