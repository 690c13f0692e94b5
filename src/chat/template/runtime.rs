//! What a rewritten template calls: the environment with Jinja2's filters, tests and globals.

use super::arguments::Arguments;
use super::attributes::{attribute, attribute_only, has_method};
use super::functions::{FUNCTIONS, function};
use super::text::to_text;
use super::value::{Python, Result, charge, dict, error, is_loop, iterate, list, type_name, view};
use super::{choose, filters, items, json, methods, operators, sequences, tests};
use jiff::civil::DateTime;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, ObjectRepr, Rest, ValueOrKwargs};
use minijinja::{Environment, Output, State, Value};
use std::sync::Arc;

/// Instructions that a template may run, and 16 times as many bytes that it may make: no endless loop, and no value that
/// needs much memory even if it is copied.
const FUEL: u64 = 1_000_000;
/// What each message adds: known templates need a third.
const FUEL_OF_A_MESSAGE: u64 = 500;

/// Applies a filter, if it is one of a group's.
pub(super) type Group = fn(&State, &str, &Value, &Arguments) -> Result<Option<Value>>;

/// Jinja2's filters.
const FILTERS: &str = "abs attr batch capitalize center count d default dictsort e escape filesizeformat \
    first float forceescape format groupby indent int items join last length list lower map max min reject \
    rejectattr replace reverse round safe select selectattr slice sort string sum title tojson trim \
    truncate unique upper urlencode wordcount";
/// Those that are refused.
const REFUSED: &[&str] = &["pprint", "random", "striptags", "urlize", "wordwrap", "xmlattr"];

/// Whether a filter can be applied.
pub(super) fn is_filter(name: &str) -> bool {
    FILTERS.split(' ').any(|filter| filter == name)
}

/// Whether a filter is Jinja2's and not supported.
pub(super) fn is_known(name: &str) -> bool {
    REFUSED.contains(&name)
}

pub(super) fn is_test(name: &str) -> bool {
    tests::TESTS.split(' ').any(|test| test == name)
}

/// The environment of a render of so many messages. `now` is what `strftime_now` tells.
pub(super) fn environment(now: DateTime, n_messages: usize) -> Environment<'static> {
    let mut environment = Environment::empty();
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    environment.set_syntax(syntax.unwrap_or_default()); // the builder only fails for odd delimiters
    environment.set_fuel(Some(FUEL + FUEL_OF_A_MESSAGE * n_messages as u64));
    environment.set_recursion_limit(200);
    environment.set_formatter(|out: &mut Output, state: &mut State, value: &Value| {
        let written = match value.as_str() {
            Some(text) => {
                charge(state, text.len())?;
                out.write_str(text)
            }
            None => out.write_str(&to_text(state, value)?),
        };
        written.map_err(minijinja::Error::from)
    });
    environment.set_unknown_method_callback(|state, value, name, arguments| {
        let held = if has_method(value, name) { None } else { items::lookup(state, value, &name.into())? };
        match held {
            Some(callable) => callable.call(state, arguments),
            None => methods::call(state, value, name, arguments),
        }
    });
    for name in FILTERS.split(' ') {
        environment.add_filter(name, move |state: &mut State, values: Rest<ValueOrKwargs>| {
            let values = values.into_values();
            let [value, rest @ ..] = &values[..] else { return Err(error("a filter without a value")) };
            filter(state, name, value, &Arguments::new(state, rest)?)
        });
    }
    for name in OPERATIONS.split(' ') {
        environment.add_filter(name, move |state: &mut State, values: Rest<ValueOrKwargs>| {
            operation(state, name, &values.into_values())
        });
    }
    for name in FUNCTIONS {
        environment.add_function(*name, move |state: &mut State, values: Rest<ValueOrKwargs>| {
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
    if let Some(result) = choose::apply(state, name, value, arguments)? {
        return Ok(result);
    }
    for group in filters::GROUPS.iter().chain(sequences::GROUPS) {
        if let Some(result) = group(state, name, value, arguments)? {
            return Ok(result);
        }
    }
    Err(error(format!("the filter {name} is not supported")))
}

/// The filters that stand for operators and the like, see [`super::expression`].
const OPERATIONS: &str = "py_attribute py_calculate py_call py_compare py_concatenate py_dict py_given \
    py_given_all py_identity py_is py_is_not py_item py_iterate py_keywords py_list py_received py_set py_set_block \
    py_sign py_slice py_tuple py_undefined py_written";

fn operation(state: &mut State, name: &str, values: &[Value]) -> Result<Value> {
    let text_at = |i: usize| values.get(i).and_then(Value::as_str).unwrap_or_default();
    let at = |i: usize| values.get(i).ok_or_else(|| error("an operand is missing"));
    match name {
        "py_attribute" => attribute(state, at(0)?, text_at(1)),
        "py_call" if text_at(1) == "changed" && is_loop(at(0)?) => {
            Err(error("changed of a loop that has another name is not supported"))
        }
        "py_identity" => identity(state, at(0)?),
        "py_call" => at(0)?.call_method(state, text_at(1), &values[2..]),
        "py_given" => Ok(given(at(0)?)),
        "py_given_all" => given_all(at(0)?),
        "py_received" if at(0)?.downcast_object_ref::<GivenUndefined>().is_some() => Ok(Value::UNDEFINED),
        "py_received" => Ok(values[0].clone()),
        "py_calculate" => operators::calculate(state, values),
        "py_compare" => operators::compare(state, values),
        "py_concatenate" => operators::concatenate(state, values),
        "py_dict" => {
            let pairs = values[1..].chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
            items::dict_of(state, pairs)
        }
        "py_is" | "py_is_not" => {
            let is = tests::test(state, text_at(1), at(0)?, Arguments::new(state, &values[2..])?)?;
            Ok((is == (name == "py_is")).into())
        }
        "py_item" => match items::item(state, at(0)?, at(1)?)? {
            Some(item) => Ok(item),
            None => at(1)?.as_str().map_or(Ok(Value::UNDEFINED), |name| attribute_only(&values[0], name)),
        },
        "py_iterate" => list(iterate(state, at(0)?)?),
        "py_keywords" => sequences::keywords(at(0)?),
        "py_list" | "py_tuple" => items::literal(state, values, name == "py_tuple"),
        "py_set" => set(at(0)?, text_at(1), at(2)?),
        "py_set_block" => set(at(1)?, text_at(2), at(0)?),
        "py_undefined" => Ok(Value::UNDEFINED),
        "py_written" if at(0)?.as_str().is_none() => {
            Err(error(format!("a filter block writes text, not {}", type_name(&values[0]))))
        }
        "py_written" => Ok(values[0].clone()),
        "py_sign" => operators::sign(state, at(0)?, text_at(1)),
        _ => items::slice(state, values),
    }
}

/// An undefined value that is given to a macro, which minijinja would take for none.
#[derive(Debug)]
struct GivenUndefined;

impl Object for GivenUndefined {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

fn given(value: &Value) -> Value {
    if value.is_undefined() { Value::from_object(GivenUndefined) } else { value.clone() }
}

/// The items of a list or the values of a dict, each given as an argument.
fn given_all(value: &Value) -> Result<Value> {
    match view(value) {
        Python::Sequence(one) => list(one.items.iter().map(given).collect()),
        Python::Dict(one) => {
            dict(one.entries.iter().map(|(name, value)| (name.clone(), given(value))).collect())
        }
        _ => Ok(value.clone()),
    }
}

/// What two values have in common where Python calls them equal: `loop.changed` compares its arguments, by rules of
/// minijinja's.
fn identity(state: &State, value: &Value) -> Result<Value> {
    match (view(value), operators::Number::of(value)) {
        (_, Some(number)) => Ok(format!("number {}", number.float()).into()),
        (Python::Text(text), _) => {
            charge(state, text.len())?;
            Ok(format!("text {text}").into())
        }
        (Python::Undefined | Python::None, _) => Ok(type_name(value).into()),
        _ => Err(error(format!("changed of {} is not supported", type_name(value)))),
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
