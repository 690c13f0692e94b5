//! Jinja2's filters on texts and numbers.

use super::arguments::{Arguments, flag, int, required, some, text};
use super::letters::letters;
use super::lexer::is_space;
use super::methods::{pad, replace};
use super::operators::{Number, escape};
use super::printf::printf;
use super::runtime::Group;
use super::text::{like, string};
use super::value::{Python, Result, charge, error, type_name, view};
use minijinja::{State, Value};

/// These filters, by kind.
pub(super) const GROUPS: &[Group] = &[texts, mixed_texts, longer_texts, numbers];

/// The text of a value. A safe text stays one.
fn texts(state: &State, name: &str, value: &Value, arguments: &Arguments) -> Result<Option<Value>> {
    let arguments = arguments.clone();
    let one = || string(state, value).and_then(|value| text(&Some(value), ""));
    Ok(Some(match name {
        "upper" | "lower" | "capitalize" => {
            arguments.place::<0>()?;
            like(value, letters(&one()?, name)?)
        }
        "title" => {
            arguments.place::<0>()?;
            like(value, title(&one()?)?)
        }
        "trim" => {
            let [chars] = arguments.bind(["chars"])?;
            let one = one()?;
            like(
                value,
                match some(chars) {
                    None => one.trim_matches(is_space).into(),
                    chars => {
                        let chars = text(&chars, "")?;
                        one.trim_matches(|c| chars.contains(c)).into()
                    }
                },
            )
        }
        "string" => {
            arguments.place::<0>()?;
            string(state, value)?
        }
        "safe" => {
            arguments.place::<0>()?;
            Value::from_safe_string(one()?)
        }
        "escape" | "e" | "forceescape" => {
            arguments.place::<0>()?;
            let one = one()?;
            charge(state, one.len() * 5)?;
            if value.is_safe() && name != "forceescape" {
                value.clone()
            } else {
                Value::from_safe_string(escape(&one))
            }
        }
        _ => return Ok(None),
    }))
}

/// Filters that put other text into a text.
fn mixed_texts(state: &State, name: &str, value: &Value, arguments: &Arguments) -> Result<Option<Value>> {
    let arguments = arguments.clone();
    let one = || string(state, value).and_then(|value| text(&Some(value), ""));
    Ok(Some(match name {
        "center" => {
            let [width] = arguments.bind(["width"])?;
            pad(state, &one()?, name, int(&width, 80)?, " ")?
        }
        "replace" => {
            let [old, new, count] = arguments.bind(["old", "new", "count"])?;
            let side = |value: Option<Value>, name| text(&Some(string(state, &required(value, name)?)?), "");
            replace(state, &one()?, &side(old, "old")?, &side(new, "new")?, int(&some(count), -1)?)?.into()
        }
        "format" | "truncate" if value.is_safe() => {
            return Err(error(format!("{name} of a safe text is not supported")));
        }
        "format" => {
            let values = match (arguments.placed.is_empty(), arguments.named.is_empty()) {
                (false, false) => return Err(error("format takes values by place or by name, not both")),
                (true, false) => {
                    super::value::dict(arguments.named.into_iter().map(|(k, v)| (k.into(), v)).collect())?
                }
                _ => super::value::tuple(arguments.placed)?,
            };
            printf(state, &one()?, &values)?.into()
        }
        _ => return Ok(None),
    }))
}

/// A word begins behind white space, a dash and an opening bracket.
fn title(one: &str) -> Result<String> {
    let is_gap = |c: char| is_space(c) || "-({[<".contains(c);
    if one.chars().any(|c| c == 'Σ' || c.to_uppercase().count() > 1) {
        return Err(error("the title case of such letters is not supported"));
    }
    let mut begins = true;
    let mut out = String::with_capacity(one.len());
    for c in one.chars() {
        if begins {
            out.extend(c.to_uppercase())
        } else {
            out.extend(c.to_lowercase())
        }
        begins = is_gap(c);
    }
    Ok(out)
}

/// Filters that lay out a text.
fn longer_texts(state: &State, name: &str, value: &Value, arguments: &Arguments) -> Result<Option<Value>> {
    let arguments = arguments.clone();
    let one = || string(state, value).and_then(|value| text(&Some(value), ""));
    Ok(Some(match name {
        "indent" if value.as_str().is_none() => {
            return Err(error(format!("{name} of {} is not supported", type_name(value))));
        }
        "indent" => {
            let [width, first, blank] = arguments.bind(["width", "first", "blank"])?;
            let width = match width.as_ref().map(view) {
                Some(Python::Text(text)) => text.to_owned(),
                _ => {
                    let width = usize::try_from(int(&width, 4)?).unwrap_or(0);
                    charge(state, width)?;
                    " ".repeat(width)
                }
            };
            indent(state, value, &one()?, &width, flag(&first), flag(&blank))?
        }
        "truncate" => {
            let [length, kill, end, leeway] = arguments.bind(["length", "killwords", "end", "leeway"])?;
            if value.as_str().is_none() {
                // What fits is left as it is, whatever it is.
                if super::sequences::length(value)? as i64 <= int(&length, 255)? {
                    return Ok(Some(value.clone()));
                }
                return Err(error(format!("truncate of {} is not supported", type_name(value))));
            }
            let (length, leeway) = (int(&length, 255)?, int(&some(leeway), 5)?);
            truncate(&one()?, length, flag(&kill), &text(&end, "...")?, leeway)?.into()
        }
        "wordcount" => {
            arguments.place::<0>()?;
            let one = one()?;
            one.split(|c: char| !c.is_alphanumeric() && c != '_')
                .filter(|word| !word.is_empty())
                .count()
                .into()
        }
        "urlencode" => {
            arguments.place::<0>()?;
            if matches!(view(value), Python::Dict(_) | Python::Sequence(_) | Python::Generator(_)) {
                return Err(error(format!("urlencode of {} is not supported", type_name(value))));
            }
            let one = one()?;
            charge(state, one.len() * 3)?;
            let quoted = one.bytes().map(|b| match b {
                b'/' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
                b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
                b => format!("%{b:02X}"),
            });
            quoted.collect::<String>().into()
        }
        _ => return Ok(None),
    }))
}

fn indent(state: &State, value: &Value, one: &str, width: &str, first: bool, blank: bool) -> Result<Value> {
    charge(state, one.len() + (one.matches('\n').count() + 1).saturating_mul(width.len()))?;
    let one = format!("{one}\n"); // the end of the last line is one, too
    let lines: Vec<&str> = super::split::lines(&one, false);
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        out += if i == 0 { "" } else { "\n" };
        out += if if i == 0 { first } else { blank || !line.is_empty() } { width } else { "" };
        out += line;
    }
    Ok(like(value, out))
}

fn truncate(one: &str, length: i64, kill: bool, end: &str, leeway: i64) -> Result<String> {
    let end_length = end.chars().count() as i64;
    if length < end_length || leeway < 0 {
        return Err(error("truncate needs a length that holds its end, and a leeway of at least 0"));
    }
    if one.chars().count() as i64 <= length + leeway {
        return Ok(one.into());
    }
    let kept: String = one.chars().take((length - end_length) as usize).collect();
    let kept = if kill { &kept[..] } else { kept.rsplit_once(' ').map_or(&kept[..], |(kept, _)| kept) };
    Ok(kept.to_owned() + end)
}

fn numbers(state: &State, name: &str, value: &Value, arguments: &Arguments) -> Result<Option<Value>> {
    let arguments = arguments.clone();
    charge(state, 1)?;
    Ok(Some(match name {
        "abs" => {
            arguments.place::<0>()?;
            match Number::of(value) {
                Some(Number::Int(int)) => int.abs().into(),
                Some(Number::Float(float)) => float.abs().into(),
                None => return Err(error(format!("abs of {} is not possible", type_name(value)))),
            }
        }
        "int" => {
            let [default, base] = arguments.bind(["default", "base"])?;
            let base = u32::try_from(int(&base, 10)?).unwrap_or(0);
            if !matches!(base, 2 | 8 | 10 | 16) {
                return Err(error(format!("int of base {base} is not supported")));
            }
            to_int(value, base)?.or(default).unwrap_or_else(|| 0.into())
        }
        "float" => {
            let [default] = arguments.bind(["default"])?;
            let found = match (view(value), Number::of(value)) {
                (Python::Undefined, _) => return Err(error("float of an undefined value")),
                (Python::Text(text), _) => parse_float(text),
                (_, number) => number.map(Number::float),
            };
            found.map(Value::from).or(default).unwrap_or_else(|| 0.0.into())
        }
        "round" => {
            let [precision, method] = arguments.bind(["precision", "method"])?;
            round(value, int(&precision, 0)?, &text(&method, "common")?)?
        }
        "filesizeformat" => {
            let [binary] = arguments.bind(["binary"])?;
            file_size(value, flag(&binary))?.into()
        }
        _ => return Ok(None),
    }))
}

/// Python's `int(text)`, and `int(float(text))` after it; None where both fail.
fn to_int(value: &Value, base: u32) -> Result<Option<Value>> {
    let of_float = |float: f64| -> Result<Option<Value>> {
        match float {
            f if !f.is_finite() => Ok(None),
            f if f.abs() < 1e38 => Ok(Some((f as i128).into())),
            _ => Err(error("an integer of more than 127 bits is not supported")),
        }
    };
    match (view(value), Number::of(value)) {
        (Python::Undefined, _) => Err(error("int of an undefined value")),
        (_, Some(Number::Int(int))) => Ok(Some(int.into())),
        (_, Some(Number::Float(float))) if float.is_finite() => of_float(float),
        (_, Some(Number::Float(_))) => Err(error("int of a float that is not finite is not supported")),
        (Python::Text(text), _) => {
            let digits = text.trim_matches(is_space);
            let (sign, digits) = match digits.strip_prefix(['-', '+']) {
                Some(rest) => (&digits[..1], rest),
                None => ("", digits),
            };
            let prefix = match base {
                2 => Some(["0b", "0B"]),
                8 => Some(["0o", "0O"]),
                16 => Some(["0x", "0X"]),
                _ => None,
            };
            let without =
                prefix.and_then(|prefix| prefix.iter().find_map(|prefix| digits.strip_prefix(prefix)));
            let digits = without.map(|rest| rest.strip_prefix('_').unwrap_or(rest)).unwrap_or(digits);
            let is_good = |digits: &str| {
                let bad = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
                !bad && !digits.starts_with(['+', '-'])
            };
            if !digits.is_ascii() {
                return Err(error("int of digits beyond ASCII is not supported"));
            }
            let is_int =
                is_good(digits) && digits.chars().all(|c| c == '_' || c.is_digit(base)) && !digits.is_empty();
            if is_int {
                let int = i128::from_str_radix(&(sign.to_owned() + &digits.replace('_', "")), base);
                return int
                    .map(|int| Some(int.into()))
                    .map_err(|_| error("an integer of more than 127 bits is not supported"));
            }
            parse_float(text).map_or(Ok(None), of_float)
        }
        _ => Ok(None),
    }
}

/// Python's `float(text)`.
fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_matches(is_space);
    let bytes = text.as_bytes();
    let bad = |i: usize| {
        let is_digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
        bytes[i] == b'_' && !(is_digit(i.checked_sub(1)) && is_digit(Some(i + 1)))
    };
    if (0..bytes.len()).any(bad) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

fn round(value: &Value, precision: i64, method: &str) -> Result<Value> {
    let Some(number) = Number::of(value) else {
        return Err(error(format!("round of {} is not possible", type_name(value))));
    };
    if precision.abs() > 300 {
        return Err(error("round to such a precision is not supported"));
    }
    let scale = 10f64.powi(precision as i32);
    match (method, number) {
        ("common", Number::Int(int)) if precision >= 0 => Ok(int.into()),
        ("common", Number::Int(int)) => {
            let scale = 10i128
                .checked_pow(precision.unsigned_abs() as u32)
                .ok_or_else(|| error("too large a number"))?;
            let (down, rest) = (int.div_euclid(scale), int.rem_euclid(scale));
            let up = rest * 2 > scale || rest * 2 == scale && down % 2 != 0;
            let rounded = (down + i128::from(up)).checked_mul(scale);
            rounded.map(Value::from).ok_or_else(|| error("an integer of more than 127 bits is not supported"))
        }
        ("common", Number::Float(float)) if precision >= 0 && float.is_finite() => {
            let places = precision as usize;
            Ok(format!("{float:.places$}").parse::<f64>().unwrap_or(float).into())
        }
        ("common", Number::Float(float)) if float.is_finite() => {
            let scale = 10f64.powi(-precision as i32);
            Ok(((float / scale).round_ties_even() * scale).into())
        }
        ("ceil" | "floor", number) if number.float().is_finite() => {
            let scaled = number.float() * scale;
            let whole = if method == "ceil" { scaled.ceil() } else { scaled.floor() };
            let whole = if whole == 0.0 { 0.0 } else { whole }; // Python's are ints, without a negative zero
            Ok((whole / scale).into())
        }
        ("common" | "ceil" | "floor", _) => {
            Err(error("round of a float that is not finite is not supported"))
        }
        _ => Err(error("method must be common, ceil or floor")),
    }
}

fn file_size(value: &Value, binary: bool) -> Result<String> {
    let bytes = match (Number::of(value), view(value)) {
        (Some(number), _) => number.float(),
        (_, Python::Text(text)) => parse_float(text).ok_or_else(|| error("no number of bytes"))?,
        _ => return Err(error(format!("filesizeformat of {} is not possible", type_name(value)))),
    };
    let base = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return Ok("1 Byte".into());
    }
    if bytes < base {
        return Ok(format!("{} Bytes", bytes.trunc()));
    }
    let mut unit = base;
    let letters = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
    let mut last = 0;
    for (i, _) in letters.iter().enumerate() {
        last = i;
        unit = base.powi(i as i32 + 2);
        if bytes < unit {
            break;
        }
    }
    let letter = if binary { letters[last].to_uppercase() + "iB" } else { letters[last].to_owned() + "B" };
    Ok(format!("{:.1} {letter}", base * bytes / unit))
}
