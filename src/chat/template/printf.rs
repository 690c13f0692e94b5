//! Python's `'%s' % value`.

use super::items::lookup;
use super::operators::Number;
use super::spec::{Spec, checked_precision, leading_int};
use super::text::{Text, to_text};
use super::value::{Kind, Python, Result, error, type_name, view};
use minijinja::{State, Value};

/// `format % values`: a tuple's items in turn, a dict's by name, or one value.
pub(super) fn printf(state: &State, format: &str, values: &Value) -> Result<String> {
    let (placed, is_mapping) = match view(values) {
        Python::Sequence(one) if matches!(one.kind, Kind::Tuple | Kind::Group) => (one.items.clone(), false),
        Python::Dict(_) => (vec![values.clone()], true),
        // Python takes whatever has items for a mapping, and lets it be unused.
        Python::Sequence(one) => (vec![values.clone()], matches!(one.kind, Kind::List | Kind::Range(..))),
        _ => (vec![values.clone()], false),
    };
    let mut placed = placed.into_iter();
    let mut next = || placed.next().ok_or_else(|| error("not enough values for the format"));
    let mut out = Text::new(state);
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push(&rest[..at])?;
        rest = &rest[at + 1..];
        let mut value = None;
        if let Some((key, after)) = rest.strip_prefix('(').and_then(|name| name.split_once(')')) {
            if !matches!(view(values), Python::Dict(_)) {
                return Err(error("a format with names needs a dict"));
            }
            value = Some(
                lookup(state, values, &key.into())?.ok_or_else(|| error(format!("no value for {key}")))?,
            );
            rest = after;
        }
        let mut spec = Spec::default();
        rest = printf_flags(&mut spec, rest);
        let kind;
        (kind, rest) = printf_spec(&mut spec, rest)?;
        if kind == '%' {
            out.push("%")?;
            continue;
        }
        let value = match value {
            Some(value) => value,
            None => next()?,
        };
        out.push(&printf_value(state, spec, kind, &value)?)?;
    }
    out.push(rest)?;
    if !is_mapping && placed.next().is_some() {
        return Err(error("too many values for the format"));
    }
    Ok(out.text)
}

/// The flags of a printf format; what follows them.
fn printf_flags<'t>(spec: &mut Spec, text: &'t str) -> &'t str {
    let end = text.find(|c| !"#0- +".contains(c)).unwrap_or(text.len());
    let has = |c| text[..end].contains(c);
    spec.alternate = has('#');
    spec.sign = if has('+') {
        Some('+')
    } else if has(' ') {
        Some(' ')
    } else {
        None
    };
    if has('-') {
        spec.align = Some('<');
    } else if has('0') {
        (spec.align, spec.fill) = (Some('='), Some('0'));
    }
    &text[end..]
}

/// Width, precision and type of a printf format.
fn printf_spec<'t>(spec: &mut Spec, text: &'t str) -> Result<(char, &'t str)> {
    if text.starts_with('*') {
        return Err(error("a width of * is not supported"));
    }
    let (width, mut rest) = leading_int(text)?;
    spec.width = width.unwrap_or(0);
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = leading_int(after)?;
        (spec.precision, rest) = (Some(precision.unwrap_or(0)), after);
    }
    let rest = rest.trim_start_matches(['h', 'l', 'L']);
    let kind = rest.chars().next().ok_or_else(|| error("an incomplete format"))?;
    Ok((kind, &rest[kind.len_utf8()..]))
}

fn printf_value(state: &State, mut spec: Spec, kind: char, value: &Value) -> Result<String> {
    let is_text = matches!(kind, 's' | 'r' | 'a' | 'c');
    if is_text {
        let body = match kind {
            's' => to_text(state, value)?,
            'r' => {
                let mut out = Text::new(state);
                out.repr(value)?;
                out.text
            }
            'c' => match view(value) {
                Python::Text(one) if one.chars().count() == 1 => one.into(),
                Python::Int(code) => {
                    let c = u32::try_from(code).ok().and_then(char::from_u32);
                    c.ok_or_else(|| error("no such character"))?.into()
                }
                _ => return Err(error("%c needs one character")),
            },
            _ => return Err(error("%a is not supported")),
        };
        let body = match spec.precision.filter(|_| kind != 'c') {
            Some(most) => body.chars().take(most).collect(),
            None => body,
        };
        if spec.fill.take().is_some() {
            spec.align = None;
        }
        return spec.pad(state, "", &body, '>');
    }
    let Some(number) = Number::of(value) else {
        return Err(error(format!("%{kind} needs a number, not {}", type_name(value))));
    };
    spec.precision = checked_precision(spec.precision)?;
    let number = match (kind, number) {
        ('d' | 'i' | 'u', Number::Float(float)) if float.is_finite() && float.abs() < 1e38 => {
            Number::Int(float as i128)
        }
        ('d' | 'i' | 'u' | 'o' | 'x' | 'X', Number::Float(_)) => {
            return Err(error(format!("%{kind} needs an int")));
        }
        (_, number) => number,
    };
    spec.kind = Some(match kind {
        'i' | 'u' => 'd',
        'd' | 'o' | 'x' | 'X' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' => kind,
        _ => return Err(error(format!("the format %{kind} is not supported"))),
    });
    if let (Some(_), Some('d' | 'o' | 'x' | 'X')) = (spec.precision, spec.kind) {
        return Err(error("the precision of an int is not supported"));
    }
    spec.number(state, number)
}
