//! Jinja2's global functions.

use super::arguments::{Arguments, int, required};
use super::callable::Callable;
use super::items;
use super::text::to_text;
use super::value::{ITEM, Kind, Namespace, Python, Result, charge, error, iterate, sequence, view};
use minijinja::{State, Value};

/// Items of a `range`: the limit of Jinja2's sandbox.
const MAX_RANGE: i128 = 100_000;

/// Their names.
pub(super) const FUNCTIONS: &[&str] =
    &["cycler", "dict", "joiner", "lipsum", "namespace", "raise_exception", "range"];

/// Calls one of them.
pub(super) fn function(state: &State, name: &str, values: &[Value]) -> Result<Value> {
    let arguments = Arguments::new(state, values)?;
    match name {
        "range" => range(state, arguments),
        "dict" => {
            let named = arguments.named.clone();
            let [from] = Arguments { placed: arguments.placed, named: Vec::new() }.place()?;
            let named = named.into_iter().map(|(name, value)| (name.into(), value));
            items::dict_of(state, pairs(state, from)?.into_iter().chain(named))
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
            Err(error(to_text(state, &required(message, "message")?)?))
        }
        "cycler" if arguments.named.is_empty() => Callable::cycler(arguments.placed),
        "joiner" => {
            let [separator] = arguments.bind(["sep"])?;
            Callable::joiner(separator.unwrap_or_else(|| ", ".into()))
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
    let pairs = iterate(state, &from)?.into_iter().map(|pair| match &iterate(state, &pair)?[..] {
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
