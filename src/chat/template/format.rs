//! Python's `'{}'.format(value)`.

use super::arguments::Arguments;
use super::attributes::is_method_name;
use super::items::{item, lookup};
use super::operators::Number;
use super::spec::{Spec, checked_precision, leading_int};
use super::text::{Text, to_text};
use super::value::{Python, Result, error, type_name, view};
use minijinja::{State, Value};

/// `format.format(...)`.
pub(super) fn format(state: &State, format: &str, arguments: &Arguments) -> Result<String> {
    let named =
        |name: &str| arguments.named.iter().find(|entry| entry.0 == name).map(|entry| entry.1.clone());
    fields(state, format, &|index| arguments.placed.get(index).cloned(), &named)
}

/// `format.format_map(mapping)`.
pub(super) fn format_map(state: &State, format: &str, mapping: &Value) -> Result<String> {
    fields(state, format, &|_| None, &|name| lookup(state, mapping, &name.into()).ok().flatten())
}

/// Which field comes next where none is named.
#[derive(Default)]
struct Count {
    next: usize,
    is_given: Option<bool>,
}

impl Count {
    /// Numbers stand in all fields or in none.
    fn numbered(&mut self, is_given: bool) -> Result<()> {
        if *self.is_given.get_or_insert(is_given) == is_given {
            return Ok(());
        }
        Err(error("fields with and without numbers are mixed"))
    }
}

fn fields(
    state: &State,
    format: &str,
    placed: &dyn Fn(usize) -> Option<Value>,
    named: &dyn Fn(&str) -> Option<Value>,
) -> Result<String> {
    let mut count = Count::default();
    let mut value = |field: &str| -> Result<Value> {
        let end = field.find(['.', '[']).unwrap_or(field.len());
        let first = match &field[..end] {
            "" => {
                count.numbered(false)?;
                count.next += 1;
                placed(count.next - 1)
            }
            index if index.bytes().all(|b| b.is_ascii_digit()) => {
                count.numbered(true)?;
                placed(index.parse().unwrap_or(usize::MAX))
            }
            name => named(name),
        };
        let first = first.ok_or_else(|| error(format!("no value for the field {field}")))?;
        path(state, first, &field[end..])
    };
    let mut out = Text::new(state);
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        out.push(&rest[..at])?;
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push(brace)?;
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(error("a single } in a format"));
        }
        let end = field_end(rest)?;
        let (field, spec) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
        rest = &rest[end + 1..];
        let (field, conversion) = field.split_once('!').map_or((field, None), |(f, c)| (f, Some(c)));
        let mut one = value(field)?;
        one = match conversion {
            None => one,
            Some("s") => to_text(state, &one)?.into(),
            Some("r") => {
                let mut out = Text::new(state);
                out.repr(&one)?;
                out.text.into()
            }
            Some(other) => return Err(error(format!("the conversion !{other} is not supported"))),
        };
        let spec = nested_spec(state, spec, &mut value)?;
        out.push(&field_text(state, &one, &spec)?)?;
    }
    out.push(rest)?;
    Ok(out.text)
}

/// Where the field that `text` begins with ends.
fn field_end(text: &str) -> Result<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Ok(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    Err(error("a field of a format does not end"))
}

/// The fields within a specification.
fn nested_spec(state: &State, spec: &str, value: &mut impl FnMut(&str) -> Result<Value>) -> Result<String> {
    let (mut out, mut rest) = (String::new(), spec);
    while let Some((before, after)) = rest.split_once('{') {
        let (field, after) =
            after.split_once('}').ok_or_else(|| error("a field of a format does not end"))?;
        out = out + before + &to_text(state, &value(field)?)?;
        rest = after;
    }
    Ok(out + rest)
}

/// `.name` and `[key]` behind a field.
fn path(state: &State, mut value: Value, mut path: &str) -> Result<Value> {
    while !path.is_empty() {
        let (key, after): (Value, _) = match path.strip_prefix('[').and_then(|key| key.split_once(']')) {
            Some((key, after)) => (key.parse::<i64>().map_or_else(|_| key.into(), Value::from), after),
            None => {
                let name = path.strip_prefix('.').ok_or_else(|| error("a bad field of a format"))?;
                let end = name.find(['.', '[']).unwrap_or(name.len());
                if is_method_name(&name[..end]) {
                    return Err(error("a method in a format is not supported"));
                }
                ((&name[..end]).into(), &name[end..])
            }
        };
        value = item(state, &value, &key)?.unwrap_or_default();
        path = after;
    }
    Ok(value)
}

fn field_text(state: &State, value: &Value, spec: &str) -> Result<String> {
    if spec.is_empty() {
        return to_text(state, value);
    }
    let mut spec = field_spec(spec)?;
    if spec.fill == Some('\0') {
        spec.fill = Some('0');
        spec.align.get_or_insert(if value.as_str().is_some() { '<' } else { '=' });
    }
    match view(value) {
        Python::Text(one) => {
            if spec.sign.is_some() || spec.alternate || spec.grouping.is_some() || spec.align == Some('=') {
                return Err(error("a text has no such format"));
            }
            if spec.kind.is_some_and(|kind| kind != 's') {
                return Err(error("a text cannot be formatted as a number"));
            }
            let body: String = one.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
            spec.pad(state, "", &body, '<')
        }
        _ => {
            let Some(number) = Number::of(value) else {
                return Err(error(format!("a value of type {} has no format", type_name(value))));
            };
            spec.precision = checked_precision(spec.precision)?;
            if matches!(spec.kind, Some('c' | 'n' | 's')) {
                return Err(error("such a format of a number is not supported"));
            }
            spec.number(state, number)
        }
    }
}

/// A specification of `format`. A fill of NUL: zeros where the type wants them.
fn field_spec(text: &str) -> Result<Spec> {
    let mut spec = Spec::default();
    let chars: Vec<char> = text.chars().take(2).collect();
    let is_align = |c: Option<&char>| c.is_some_and(|c| "<>=^".contains(*c));
    let mut rest = text;
    if is_align(chars.get(1)) {
        (spec.fill, spec.align) = (Some(chars[0]), Some(chars[1]));
        rest = &rest[chars[0].len_utf8() + 1..];
    } else if is_align(chars.first()) {
        spec.align = Some(chars[0]);
        rest = &rest[1..];
    }
    spec.sign = rest.chars().next().filter(|c| "+- ".contains(*c));
    rest = &rest[usize::from(spec.sign.is_some())..];
    spec.alternate = rest.starts_with('#');
    rest = &rest[usize::from(spec.alternate)..];
    if let Some(after) = rest.strip_prefix('0') {
        spec.fill.get_or_insert('\0');
        rest = after;
    }
    let (width, after) = leading_int(rest)?;
    (spec.width, rest) = (width.unwrap_or(0), after);
    spec.grouping = rest.chars().next().filter(|c| ",_".contains(*c));
    rest = &rest[usize::from(spec.grouping.is_some())..];
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = leading_int(after)?;
        (spec.precision, rest) =
            (Some(precision.ok_or_else(|| error("a format lacks its precision"))?), after);
    }
    let mut chars = rest.chars();
    spec.kind = chars.next();
    if chars.next().is_some() || spec.kind.is_some_and(|kind| !"bdoxXeEfFgG%scn".contains(kind)) {
        return Err(error(format!("the format {text} is not supported")));
    }
    Ok(spec)
}
