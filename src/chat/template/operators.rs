//! Python's operators, subscripts and slices.

use super::items::lookup;
use super::printf::printf;
use super::text::{Text, like};
use super::value::{ITEM, Kind, Python, Result, charge, error, iterate, sequence, type_name, view};
use minijinja::{State, Value};
use std::cmp::Ordering;

fn unsupported<T>(operator: &str, left: &Value, right: &Value) -> Result<T> {
    Err(error(format!("{operator} of {} and {} is not possible", type_name(left), type_name(right))))
}

/// An int or a float. A bool is an int.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub fn of(value: &Value) -> Option<Self> {
        match view(value) {
            Python::Bool(bool) => Some(Self::Int(bool.into())),
            Python::Int(int) => Some(Self::Int(int)),
            Python::Float(float) => Some(Self::Float(float)),
            _ => None,
        }
    }

    pub fn float(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        // A float of 128 bits is whole: as ints they compare without loss.
        let whole = |float: f64| (float == float.trunc() && float.abs() < 1e38).then_some(float as i128);
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (Self::Int(a), Self::Float(b)) if whole(b).is_some() => Some(a.cmp(&whole(b)?)),
            (Self::Float(a), Self::Int(b)) if whole(a).is_some() => Some(whole(a)?.cmp(&b)),
            _ => self.float().partial_cmp(&other.float()),
        }
    }
}

/// How many bytes of two texts are compared at most.
fn common_length(left: &Value, right: &Value) -> usize {
    left.as_str().zip(right.as_str()).map_or(0, |(left, right)| left.len().min(right.len()))
}

/// Python's `==`.
pub(super) fn equal(state: &State, left: &Value, right: &Value) -> Result<bool> {
    charge(state, 16 + common_length(left, right))?;
    if let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) {
        return Ok(a.compare(b) == Some(Ordering::Equal));
    }
    Ok(match (view(left), view(right)) {
        (Python::Undefined, Python::Undefined) | (Python::None, Python::None) => true,
        (Python::Text(a), Python::Text(b)) => a == b,
        (Python::Sequence(a), Python::Sequence(b)) => {
            match (a.kind, b.kind) {
                (Kind::List, Kind::List)
                | (Kind::Tuple, Kind::Tuple)
                | (Kind::Range(..), Kind::Range(..)) => {}
                (Kind::Keys | Kind::Items | Kind::Values, Kind::Keys | Kind::Items | Kind::Values) => {
                    return Err(error("== of two views of dicts is not supported"));
                }
                _ => return Ok(false),
            }
            a.items.len() == b.items.len() && all(a.items.iter().zip(&b.items), |(a, b)| equal(state, a, b))?
        }
        (Python::Dict(a), Python::Dict(b)) => {
            a.entries.len() == b.entries.len()
                && all(a.entries.iter(), |(key, value)| match lookup(state, right, key)? {
                    Some(other) => equal(state, value, &other),
                    None => Ok(false),
                })?
        }
        (Python::Generator(a), Python::Generator(b)) => std::ptr::eq(a, b),
        (Python::Namespace(a), Python::Namespace(b)) => std::ptr::eq(a, b),
        (Python::Callable(_) | Python::Other, Python::Callable(_) | Python::Other) => {
            return Err(error("== of two such objects is not supported"));
        }
        _ => false,
    })
}

fn all<T>(items: impl Iterator<Item = T>, test: impl Fn(T) -> Result<bool>) -> Result<bool> {
    for item in items {
        if !test(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Which of two values comes first, None where neither does (NaN). An error where Python has no order for them.
pub(super) fn order(state: &State, left: &Value, right: &Value) -> Result<Option<Ordering>> {
    charge(state, 16 + common_length(left, right))?;
    if let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) {
        return Ok(a.compare(b));
    }
    match (view(left), view(right)) {
        (Python::Text(a), Python::Text(b)) => Ok(Some(a.cmp(b))),
        (Python::Sequence(a), Python::Sequence(b))
            if a.kind == b.kind && matches!(a.kind, Kind::List | Kind::Tuple) =>
        {
            for (a, b) in a.items.iter().zip(&b.items) {
                if !equal(state, a, b)? {
                    return order(state, a, b);
                }
            }
            Ok(Some(a.items.len().cmp(&b.items.len())))
        }
        _ => unsupported("the order", left, right),
    }
}

/// A chain of comparisons: `a < b <= c`.
pub(super) fn compare(state: &State, arguments: &[Value]) -> Result<Value> {
    let [first, rest @ ..] = arguments else { return Err(error("nothing to compare")) };
    let mut left = first;
    for pair in rest.chunks_exact(2) {
        let right = &pair[1];
        if !holds(state, pair[0].as_str().unwrap_or_default(), left, right)? {
            return Ok(false.into());
        }
        left = right;
    }
    Ok(true.into())
}

/// Whether one comparison is true.
pub(super) fn holds(state: &State, operator: &str, left: &Value, right: &Value) -> Result<bool> {
    match operator {
        "==" => equal(state, left, right),
        "!=" => Ok(!equal(state, left, right)?),
        "in" => contains(state, right, left),
        "not in" => Ok(!contains(state, right, left)?),
        _ => {
            let order = order(state, left, right)?;
            Ok(match operator {
                "<" => order == Some(Ordering::Less),
                ">" => order == Some(Ordering::Greater),
                "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            })
        }
    }
}

fn contains(state: &State, container: &Value, item: &Value) -> Result<bool> {
    match (view(container), view(item)) {
        (Python::Text(container), Python::Text(item)) => {
            charge(state, container.len())?;
            Ok(container.contains(item))
        }
        (Python::Text(_), _) => unsupported("in", item, container),
        (Python::Dict(_), _) => Ok(lookup(state, container, item)?.is_some()),
        _ => {
            let items = iterate(state, container)?;
            Ok(!all(items.iter(), |one| Ok(!equal(state, one, item)?))?)
        }
    }
}

/// A chain of operators of one rank, from the left.
pub(super) fn calculate(state: &State, arguments: &[Value]) -> Result<Value> {
    let [first, rest @ ..] = arguments else { return Err(error("nothing to calculate")) };
    rest.chunks_exact(2).try_fold(first.clone(), |left, pair| {
        let operator = pair[0].as_str().unwrap_or_default();
        charge(state, 1)?;
        match (Number::of(&left), Number::of(&pair[1])) {
            (Some(Number::Int(a)), Some(Number::Int(b))) => ints(operator, a, b),
            (Some(a), Some(b)) => floats(operator, a.float(), b.float()).map(Value::from),
            _ => values(state, operator, &left, &pair[1]),
        }
    })
}

fn ints(operator: &str, a: i128, b: i128) -> Result<Value> {
    let quotient = |round: fn(i128, i128) -> Option<i128>| match b {
        0 => Err(error("division by zero")),
        _ => Ok(round(a, b)),
    };
    let result = match operator {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "//" => quotient(|a, b| {
            let quotient = a.checked_div(b)?;
            Some(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
        })?,
        "%" => quotient(|a, b| {
            let rest = a.checked_rem(b)?;
            Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        })?,
        "**" if b >= 0 => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        _ => return floats(operator, a as f64, b as f64).map(Value::from),
    };
    // Not the least of 128 bits either: its negative needs one more.
    let result = result.filter(|int| *int != i128::MIN).map(Value::from);
    result.ok_or_else(|| error("an integer of more than 127 bits is not supported"))
}

fn floats(operator: &str, a: f64, b: f64) -> Result<f64> {
    if b == 0.0 && matches!(operator, "/" | "//" | "%") || a == 0.0 && b < 0.0 && operator == "**" {
        return Err(error("division by zero"));
    }
    let modulo = || {
        let rest = a % b;
        if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
            rest + b
        } else {
            rest.abs().copysign(if rest == 0.0 { b } else { rest })
        }
    };
    Ok(match operator {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "//" => {
            let quotient = (a - modulo()) / b;
            let floor = quotient.floor();
            if quotient - floor > 0.5 {
                floor + 1.0
            } else if floor == 0.0 {
                floor.copysign(a / b)
            } else {
                floor
            }
        }
        "%" => modulo(),
        _ => {
            let power = a.powf(b);
            if a < 0.0 && b != b.trunc() && b.is_finite() {
                return Err(error("complex numbers are not supported"));
            }
            if power.is_infinite() && a.is_finite() && b.is_finite() {
                return Err(error("a number is too large"));
            }
            power
        }
    })
}

/// What is no arithmetic.
fn values(state: &State, operator: &str, left: &Value, right: &Value) -> Result<Value> {
    match (operator, view(left), view(right)) {
        ("+", Python::Text(a), Python::Text(b)) => {
            charge(state, a.len() + b.len())?;
            if left.is_safe() == right.is_safe() {
                return Ok(like(left, [a, b].concat()));
            }
            let side =
                |value: &Value, text: &str| if value.is_safe() { text.to_owned() } else { escape(text) };
            Ok(Value::from_safe_string(side(left, a) + &side(right, b)))
        }
        ("+", Python::Sequence(a), Python::Sequence(b))
            if a.kind == b.kind && matches!(a.kind, Kind::List | Kind::Tuple) =>
        {
            charge(state, (a.items.len() + b.items.len()) * ITEM)?;
            sequence(a.kind, [&a.items[..], &b.items].concat())
        }
        ("*", Python::Text(_) | Python::Sequence(_), Python::Int(_) | Python::Bool(_)) => {
            repeat(state, left, right)
        }
        ("*", Python::Int(_) | Python::Bool(_), Python::Text(_) | Python::Sequence(_)) => {
            repeat(state, right, left)
        }
        ("%", Python::Text(format), _) if !left.is_safe() => Ok(printf(state, format, right)?.into()),
        _ => unsupported(operator, left, right),
    }
}

fn repeat(state: &State, value: &Value, times: &Value) -> Result<Value> {
    let times = match Number::of(times) {
        Some(Number::Int(times)) => usize::try_from(times.clamp(0, 1 << 31)).unwrap_or_default(),
        _ => 0,
    };
    match view(value) {
        Python::Text(text) => {
            charge(state, text.len().saturating_mul(times))?;
            Ok(like(value, text.repeat(times)))
        }
        Python::Sequence(one) if matches!(one.kind, Kind::List | Kind::Tuple) => {
            charge(state, one.items.len().saturating_mul(times).saturating_mul(ITEM))?;
            sequence(one.kind, one.items.iter().cycle().take(one.items.len() * times).cloned().collect())
        }
        _ => unsupported("*", value, &times.into()),
    }
}

/// markupsafe's escape.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&#34;",
            '\'' => out += "&#39;",
            _ => out.push(c),
        }
    }
    out
}

/// `~`.
pub(super) fn concatenate(state: &State, arguments: &[Value]) -> Result<Value> {
    let mut out = Text::new(state);
    arguments.iter().try_for_each(|argument| out.value(argument))?;
    Ok(out.text.into())
}

/// A sign.
pub(super) fn sign(state: &State, value: &Value, sign: &str) -> Result<Value> {
    charge(state, 1)?;
    match (sign, Number::of(value)) {
        ("-", Some(Number::Int(int))) => Ok((-int).into()),
        ("-", Some(Number::Float(float))) => Ok((-float).into()),
        (_, Some(Number::Int(int))) => Ok(int.into()),
        (_, Some(Number::Float(float))) => Ok(float.into()),
        _ => Err(error(format!("{sign} of {} is not possible", type_name(value)))),
    }
}
