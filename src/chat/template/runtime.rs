//! What a rewritten template calls: the environment with Jinja2's filters, tests and globals.

use super::arguments::{Arguments, int, required};
use super::expression::METHODS;
use super::tests::TESTS;
use super::value::{
    ITEM, Kind, Namespace, Python, Result, charge, error, items, list, sequence, text, type_name, view,
};
use super::{filters, json, methods, operators, sequences, tests};
use jiff::civil::DateTime;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, ObjectRepr, Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Output, State, Value};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Instructions that a template may run, and 64 times as many bytes that it may write or keep.
const FUEL: u64 = 500_000;
/// Items of a `range`: the limit of Jinja2's sandbox.
const MAX_RANGE: i128 = 100_000;

/// Jinja2's filters.
const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
];
/// Those that are refused.
const REFUSED: &[&str] = &["pprint", "random", "striptags", "urlize", "wordwrap", "xmlattr"];

/// Whether a filter can be applied.
pub(super) fn is_filter(name: &str) -> bool {
    FILTERS.contains(&name)
}

/// Whether a filter is Jinja2's and not supported.
pub(super) fn is_known(name: &str) -> bool {
    REFUSED.contains(&name)
}

pub(super) fn is_test(name: &str) -> bool {
    TESTS.contains(&format!(" {name} "))
}

/// The environment of a render. `now` is what `strftime_now` tells.
pub(super) fn environment(now: DateTime) -> Environment<'static> {
    let mut environment = Environment::empty();
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    environment.set_syntax(syntax.unwrap_or_default()); // the builder only fails for odd delimiters
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(100);
    environment.set_formatter(|out: &mut Output, state: &mut State, value: &Value| {
        let written = match value.as_str() {
            Some(text) => out.write_str(text),
            None => out.write_str(&text(state, value)?),
        };
        written.map_err(minijinja::Error::from)
    });
    environment.set_unknown_method_callback(|state, value, name, arguments| {
        let held =
            if has_method(value, name) { None } else { operators::lookup(state, value, &name.into())? };
        match held {
            Some(callable) => callable.call(state, arguments),
            None => methods::call(state, value, name, arguments),
        }
    });
    for name in FILTERS {
        environment.add_filter(*name, |state: &mut State, values: Rest<ValueOrKwargs>| {
            let values = values.into_values();
            let [value, rest @ ..] = &values[..] else { return Err(error("a filter without a value")) };
            filter(state, name, value, &Arguments::new(rest)?)
        });
    }
    for name in OPERATIONS {
        environment.add_filter(*name, |state: &mut State, values: Rest<ValueOrKwargs>| {
            operation(state, name, &values.into_values())
        });
    }
    for name in FUNCTIONS {
        environment.add_function(*name, |state: &mut State, values: Rest<ValueOrKwargs>| {
            function(state, name, &values.into_values())
        });
    }
    environment.add_function("strftime_now", move |format: &str| {
        jiff::fmt::strtime::format(format, now).map_err(|e| error(e.to_string()))
    });
    environment
}

/// Applies a filter of Jinja2's.
pub(super) fn filter(state: &mut State, name: &str, value: &Value, arguments: &Arguments) -> Result<Value> {
    if name == "tojson" {
        return json::dumps(state, value, arguments.clone());
    }
    if let Some(result) = filters::apply(state, name, value, arguments)? {
        return Ok(result);
    }
    let result = sequences::apply(state, name, value, arguments)?;
    result.ok_or_else(|| error(format!("the filter {name} is not supported")))
}

/// The filters that stand for operators and the like, see [`super::expression`].
const OPERATIONS: &[&str] = &[
    "py_attribute",
    "py_calculate",
    "py_call",
    "py_compare",
    "py_concatenate",
    "py_dict",
    "py_given",
    "py_given_all",
    "py_is",
    "py_is_not",
    "py_item",
    "py_iterate",
    "py_keywords",
    "py_list",
    "py_set",
    "py_set_block",
    "py_sign",
    "py_slice",
    "py_tuple",
    "py_undefined",
    "py_written",
];

fn operation(state: &mut State, name: &str, values: &[Value]) -> Result<Value> {
    let text_at = |i: usize| values.get(i).and_then(Value::as_str).unwrap_or_default();
    let at = |i: usize| values.get(i).ok_or_else(|| error("an operand is missing"));
    match name {
        "py_attribute" => attribute(state, at(0)?, text_at(1)),
        "py_call" => at(0)?.call_method(state, text_at(1), &values[2..]),
        "py_given" if at(0)?.is_undefined() => {
            Err(error("an undefined value for an argument that has a default is not supported"))
        }
        "py_given_all" if holds_undefined(at(0)?) => {
            Err(error("an undefined value for an argument that has a default is not supported"))
        }
        "py_given" | "py_given_all" => Ok(values[0].clone()),
        "py_calculate" => operators::calculate(state, values),
        "py_compare" => operators::compare(state, values),
        "py_concatenate" => operators::concatenate(state, values),
        "py_dict" => {
            let pairs = values[1..].chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
            operators::dict_of(state, pairs)
        }
        "py_is" | "py_is_not" => {
            let is = tests::test(state, text_at(1), at(0)?, Arguments::new(&values[2..])?)?;
            Ok((is == (name == "py_is")).into())
        }
        "py_item" => match operators::item(state, at(0)?, at(1)?)? {
            Some(item) => Ok(item),
            None => at(1)?.as_str().map_or(Ok(Value::UNDEFINED), |name| attribute_only(&values[0], name)),
        },
        "py_iterate" => list(items(state, at(0)?)?),
        "py_keywords" => sequences::keywords(at(0)?),
        "py_list" | "py_tuple" => operators::literal(state, values, name == "py_tuple"),
        "py_set" => set(at(0)?, text_at(1), at(2)?),
        "py_set_block" => set(at(1)?, text_at(2), at(0)?),
        "py_undefined" => Ok(Value::UNDEFINED),
        "py_written" if at(0)?.as_str().is_none() => {
            Err(error(format!("a filter block writes text, not {}", type_name(&values[0]))))
        }
        "py_written" => Ok(values[0].clone()),
        "py_sign" => operators::sign(state, at(0)?, text_at(1)),
        _ => operators::slice(state, values),
    }
}

/// Whether an item of a list or a dict is undefined.
fn holds_undefined(value: &Value) -> bool {
    match view(value) {
        Python::Sequence(one) => one.items.iter().any(Value::is_undefined),
        Python::Dict(dict) => dict.entries.iter().any(|entry| entry.1.is_undefined()),
        _ => false,
    }
}

/// Sets an attribute of a namespace. Writes nothing.
fn set(namespace: &Value, name: &str, value: &Value) -> Result<Value> {
    match view(namespace) {
        Python::Namespace(namespace) => namespace.set(name, value.clone())?,
        _ => return Err(error(format!("cannot assign to an attribute of {}", type_name(namespace)))),
    }
    Ok("".into())
}

/// A method that is not called.
#[derive(Debug)]
struct Method(Value, String);

impl Object for Method {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value> {
        methods::call(state, &self.0, &self.1, args)
    }
}

pub(super) fn is_method(value: &Value) -> bool {
    value.downcast_object_ref::<Method>().is_some() || value.downcast_object_ref::<Cycler>().is_some()
}

/// Whether a value is a macro or a function.
pub(super) fn is_macro(value: &Value) -> bool {
    value.kind() == ValueKind::Plain && !is_method(value)
        || value.get_attr("arguments").is_ok_and(|a| !a.is_undefined())
}

/// What a type has as methods.
fn has_method(value: &Value, name: &str) -> bool {
    let of_texts = " capitalize casefold center count encode endswith expandtabs find format format_map index isalnum \
        isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join \
        ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit \
        rstrip split splitlines startswith strip swapcase title translate upper zfill ";
    let methods = match view(value) {
        Python::Text(_) => of_texts,
        Python::Dict(_) => " copy fromkeys get items keys values ",
        Python::Sequence(one) if one.kind == Kind::List => " copy count index ",
        Python::Sequence(one) if one.kind == Kind::Tuple => " count index ",
        Python::Int(_) | Python::Bool(_) | Python::Float(_) => METHODS,
        _ => "",
    };
    methods.contains(&format!(" {name} "))
}

/// `value.name` where the name is a method of some type.
fn attribute(state: &State, value: &Value, name: &str) -> Result<Value> {
    if has_method(value, name) {
        return attribute_only(value, name);
    }
    match view(value) {
        Python::Namespace(_) | Python::Other => value.get_attr(name),
        _ => match operators::item(state, value, &name.into())? {
            Some(item) => Ok(item),
            None => attribute_only(value, name),
        },
    }
}

/// An attribute, and no item of a dict.
pub(super) fn attribute_only(value: &Value, name: &str) -> Result<Value> {
    match view(value) {
        Python::Undefined => Err(error("an undefined value has no attributes")),
        Python::Int(_) | Python::Bool(_) | Python::Float(_) if METHODS.contains(&format!(" {name} ")) => {
            Err(error(format!("the attribute {name} of a number is not supported")))
        }
        Python::Namespace(_) | Python::Other => value.get_attr(name),
        Python::Sequence(one) if one.kind == Kind::Group => value.get_attr(name),
        Python::Dict(_) if " clear pop popitem setdefault update ".contains(&format!(" {name} ")) => {
            Err(error(format!("the method {name} changes its dict: the sandbox refuses it")))
        }
        _ if has_method(value, name) => Ok(Value::from_object(Method(value.clone(), name.into()))),
        _ => Ok(Value::UNDEFINED),
    }
}

const FUNCTIONS: &[&str] = &["cycler", "dict", "joiner", "lipsum", "namespace", "raise_exception", "range"];

fn function(state: &State, name: &str, values: &[Value]) -> Result<Value> {
    let arguments = Arguments::new(values)?;
    match name {
        "range" => range(state, arguments),
        "dict" => {
            let named = arguments.named.clone();
            let [from] = Arguments { placed: arguments.placed, named: Vec::new() }.place()?;
            let named = named.into_iter().map(|(name, value)| (name.into(), value));
            operators::dict_of(state, pairs(state, from)?.into_iter().chain(named))
        }
        "namespace" => {
            let named = arguments.named.clone();
            let [from] = Arguments { placed: arguments.placed, named: Vec::new() }.place()?;
            let namespace = Namespace::default();
            for (key, value) in pairs(state, from)? {
                namespace.set(key.as_str().ok_or_else(|| error("a namespace needs names"))?, value)?;
            }
            named.into_iter().try_for_each(|(name, value)| namespace.set(&name, value))?;
            Ok(Value::from_object(namespace))
        }
        "raise_exception" => {
            let [message] = arguments.bind(["message"])?;
            Err(error(text(state, &required(message, "message")?)?))
        }
        "cycler" if arguments.named.is_empty() && !arguments.placed.is_empty() => {
            Ok(Value::from_object(Cycler { items: list(arguments.placed)?, at: AtomicUsize::new(0) }))
        }
        "joiner" => {
            let [separator] = arguments.bind(["sep"])?;
            Ok(Value::from_object(Joiner(separator.unwrap_or_else(|| ", ".into()), Mutex::new(false))))
        }
        _ => Err(error(format!("{name} of these arguments is not supported"))),
    }
}

/// The entries of a dict, or of a list of pairs.
fn pairs(state: &State, from: Option<Value>) -> Result<Vec<(Value, Value)>> {
    let Some(from) = from else { return Ok(Vec::new()) };
    if let Python::Dict(dict) = view(&from) {
        charge(state, dict.entries.len() * 2 * ITEM)?;
        return Ok(dict.entries.clone());
    }
    let pairs = items(state, &from)?.into_iter().map(|pair| match &items(state, &pair)?[..] {
        [key, value] => Ok((key.clone(), value.clone())),
        _ => Err(error("a dict is made of pairs")),
    });
    pairs.collect()
}

fn range(state: &State, arguments: Arguments) -> Result<Value> {
    let given = arguments.placed.len();
    let bounds = arguments.place::<3>()?;
    let bound = |i: usize| match bounds[i].as_ref().map(view) {
        Some(Python::Int(_) | Python::Bool(_)) => int(&bounds[i], 0).map(i128::from),
        _ => Err(error("range needs ints")),
    };
    let (start, stop, step) = match given {
        1 => (0, bound(0)?, 1),
        2 => (bound(0)?, bound(1)?, 1),
        3 => (bound(0)?, bound(1)?, bound(2)?),
        _ => return Err(error("range needs one to three ints")),
    };
    if step == 0 {
        return Err(error("range has no step of zero"));
    }
    let distance = if step > 0 { stop - start } else { start - stop };
    let count = (distance.max(0) + step.abs() - 1) / step.abs();
    if count > MAX_RANGE {
        return Err(error(format!("a range has {MAX_RANGE} items at most")));
    }
    charge(state, count as usize * ITEM)?;
    sequence(Kind::Range(start, stop, step), (0..count).map(|i| (start + i * step).into()).collect())
}

/// Gives its items in turn, for ever.
#[derive(Debug)]
struct Cycler {
    items: Value,
    at: AtomicUsize,
}

impl Cycler {
    fn current(&self) -> Value {
        match view(&self.items) {
            Python::Sequence(one) => one.items[self.at.load(Ordering::Relaxed) % one.items.len()].clone(),
            _ => Value::UNDEFINED,
        }
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("current")).then(|| self.current())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value> {
        match (method, args) {
            ("next", []) => {
                let current = self.current();
                self.at.fetch_add(1, Ordering::Relaxed);
                Ok(current)
            }
            ("reset", []) => {
                self.at.store(0, Ordering::Relaxed);
                Ok(().into())
            }
            _ => Err(error(format!("a cycler has no method {method}"))),
        }
    }
}

/// Nothing the first time, then its separator.
#[derive(Debug)]
struct Joiner(Value, Mutex<bool>);

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value> {
        let mut is_used = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(if std::mem::replace(&mut *is_used, true) { self.0.clone() } else { "".into() })
    }
}
