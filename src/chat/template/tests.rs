//! Jinja2's tests.

use super::arguments::{Arguments, required};
use super::letters::is_case;
use super::operators::{Number, calculate, equal, holds};
use super::runtime;
use super::text::to_text;
use super::value::{Kind, Python, Result, error, is_loop, type_name, view};
use minijinja::{State, Value};

/// The names.
pub(super) const TESTS: &str = "odd even divisibleby defined undefined filter test none boolean false true integer \
    float lower upper string mapping number sequence iterable callable sameas escaped in eq equalto ne lt lessthan le \
    gt greaterthan ge == != < <= > >=";

/// Whether `value` is what a test says.
pub(super) fn test(state: &State, name: &str, value: &Value, arguments: Arguments) -> Result<bool> {
    let operator = match name {
        "eq" | "equalto" | "==" => "==",
        "ne" | "!=" => "!=",
        "lt" | "lessthan" | "<" => "<",
        "le" | "<=" => "<=",
        "gt" | "greaterthan" | ">" => ">",
        "ge" | ">=" => ">=",
        "in" => "in",
        _ => "",
    };
    if !operator.is_empty() || matches!(name, "divisibleby" | "sameas") {
        let [other] = arguments.place()?;
        let other = required(other, "other")?;
        return match name {
            "divisibleby" => rest(state, value, &other, 0),
            "sameas" => same(value, &other),
            _ => holds(state, operator, value, &other),
        };
    }
    arguments.place::<0>()?;
    kind(state, name, value)
}

/// Tests without an argument.
fn kind(state: &State, name: &str, value: &Value) -> Result<bool> {
    Ok(match (name, view(value)) {
        ("odd", _) => rest(state, value, &2.into(), 1)?,
        ("even", _) => rest(state, value, &2.into(), 0)?,
        ("defined", one) => !matches!(one, Python::Undefined),
        ("undefined", one) => matches!(one, Python::Undefined),
        ("none", one) => matches!(one, Python::None),
        ("boolean", one) => matches!(one, Python::Bool(_)),
        ("true", one) => matches!(one, Python::Bool(true)),
        ("false", one) => matches!(one, Python::Bool(false)),
        ("integer", one) => matches!(one, Python::Int(_)),
        ("float", one) => matches!(one, Python::Float(_)),
        ("number", one) => matches!(one, Python::Bool(_) | Python::Int(_) | Python::Float(_)),
        ("string", one) => matches!(one, Python::Text(_)),
        ("mapping", one) => matches!(one, Python::Dict(_)),
        ("sequence", Python::Undefined | Python::Text(_) | Python::Dict(_)) => true,
        ("sequence", Python::Sequence(one)) => !matches!(one.kind, Kind::Keys | Kind::Values | Kind::Items),
        ("sequence", _) => false,
        ("iterable", Python::Undefined | Python::Text(_) | Python::Dict(_)) => true,
        ("iterable", Python::Sequence(_) | Python::Generator(_)) => true,
        ("iterable" | "callable", Python::Other) if is_loop(value) => {
            return Err(error(format!("the test {name} of such an object is not supported")));
        }
        ("iterable", _) => false,
        ("callable", Python::Callable(one)) => one.is_function(),
        ("callable", one) => matches!(one, Python::Undefined | Python::Other),
        ("lower", _) => is_case(&to_text(state, value)?, false),
        ("upper", _) => is_case(&to_text(state, value)?, true),
        ("escaped", _) => value.is_safe(),
        ("filter", Python::Text(name)) => runtime::is_filter(name) || runtime::is_known(name),
        ("test", Python::Text(name)) => runtime::is_test(name),
        ("filter" | "test", _) => return Err(error(format!("the test {name} needs a text"))),
        _ => return Err(error(format!("the test {name} is not supported"))),
    })
}

fn rest(state: &State, value: &Value, divisor: &Value, wanted: i64) -> Result<bool> {
    if Number::of(value).is_none() {
        return Err(error(format!("{} has no remainder", type_name(value))));
    }
    let rest = calculate(state, &[value.clone(), "%".into(), divisor.clone()])?;
    equal(state, &rest, &wanted.into())
}

/// Python's `is`, where it does not depend on how Python stores a value.
fn same(value: &Value, other: &Value) -> Result<bool> {
    Ok(match (view(value), view(other)) {
        (Python::None, Python::None) => true,
        (Python::Bool(a), Python::Bool(b)) => a == b,
        (Python::None | Python::Bool(_), _) | (_, Python::None | Python::Bool(_)) => false,
        _ => return Err(error("sameas is supported for none, true and false only")),
    })
}
