//! Python's `json.dumps`, with the defaults of transformers' `tojson`.

use super::arguments::{Arguments, flag, some};
use super::operators::Number;
use super::text::{Text, float_text};
use super::value::{Kind, Python, Result, error, iterate, type_name, view};
use minijinja::{State, Value};

struct Format {
    ascii: bool,
    sorted: bool,
    /// One level of it.
    indent: Option<String>,
    comma: String,
    colon: String,
}

/// `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
pub(super) fn dumps(state: &State, value: &Value, arguments: Arguments) -> Result<Value> {
    let [ascii, indent, separators, sorted] =
        arguments.bind(["ensure_ascii", "indent", "separators", "sort_keys"])?;
    let indent = match some(indent) {
        None => None,
        Some(indent) => Some(match (view(&indent), Number::of(&indent)) {
            (Python::Text(text), _) => text.to_owned(),
            (_, Some(Number::Int(width))) => {
                let width = usize::try_from(width.clamp(0, 1 << 31)).unwrap_or_default();
                super::value::charge(state, width)?;
                " ".repeat(width)
            }
            _ => return Err(error(format!("tojson has no indent of type {}", type_name(&indent)))),
        }),
    };
    let (comma, colon) = match some(separators) {
        None if indent.is_some() => (",".into(), ": ".into()),
        None => (", ".into(), ": ".into()),
        Some(separators) => match &iterate(state, &separators)?[..] {
            [comma, colon] => match (comma.as_str(), colon.as_str()) {
                (Some(comma), Some(colon)) => (comma.into(), colon.into()),
                _ => return Err(error("separators of tojson must be texts")),
            },
            _ => return Err(error("tojson has two separators")),
        },
    };
    let format = Format { ascii: flag(&ascii), sorted: flag(&sorted), indent, comma, colon };
    let mut out = Text::new(state);
    write(&mut out, &format, value, 1)?;
    Ok(out.text.into())
}

fn write(out: &mut Text, format: &Format, value: &Value, level: usize) -> Result<()> {
    out.step()?;
    match view(value) {
        Python::None => out.push("null"),
        Python::Bool(bool) => out.push(if bool { "true" } else { "false" }),
        Python::Int(int) => out.push(&int.to_string()),
        Python::Float(float) => out.push(&number(float)),
        Python::Text(text) => out.push(&quoted(text, format.ascii)),
        Python::Sequence(one) if matches!(one.kind, Kind::List | Kind::Tuple | Kind::Group) => {
            out.push("[")?;
            for (i, item) in one.items.iter().enumerate() {
                out.push(if i == 0 { "" } else { &format.comma })?;
                line(out, format, level)?;
                write(out, format, item, level + 1)?;
            }
            if !one.items.is_empty() {
                line(out, format, level - 1)?;
            }
            out.push("]")
        }
        Python::Dict(dict) => {
            let mut entries: Vec<&(Value, Value)> = dict.entries.iter().collect();
            if format.sorted {
                sort(&mut entries)?;
            }
            out.push("{")?;
            for (i, (name, value)) in entries.iter().enumerate() {
                out.push(if i == 0 { "" } else { &format.comma })?;
                line(out, format, level)?;
                out.push(&quoted(&key(name)?, format.ascii))?;
                out.push(&format.colon)?;
                write(out, format, value, level + 1)?;
            }
            if !entries.is_empty() {
                line(out, format, level - 1)?;
            }
            out.push("}")
        }
        _ => Err(error(format!("tojson has no form for {}", type_name(value)))),
    }
}

fn sort(entries: &mut [&(Value, Value)]) -> Result<()> {
    if entries.iter().all(|entry| entry.0.as_str().is_some()) {
        entries.sort_by(|a, b| a.0.as_str().cmp(&b.0.as_str()));
        return Ok(());
    }
    if !entries.iter().all(|entry| matches!(view(&entry.0), Python::Int(_))) {
        return Err(error("sort_keys of such keys is not supported"));
    }
    entries.sort_by_key(|entry| entry.0.as_i64());
    Ok(())
}

fn key(value: &Value) -> Result<String> {
    Ok(match view(value) {
        Python::Text(text) => text.into(),
        Python::Int(int) => int.to_string(),
        Python::Float(float) => number(float),
        Python::Bool(bool) => bool.to_string(),
        Python::None => "null".into(),
        _ => return Err(error(format!("tojson has no keys of type {}", type_name(value)))),
    })
}

fn number(float: f64) -> String {
    match float {
        f if f.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        _ => float_text(float),
    }
}

fn line(out: &mut Text, format: &Format, level: usize) -> Result<()> {
    let Some(indent) = &format.indent else { return Ok(()) };
    out.push("\n")?;
    (0..level).try_for_each(|_| out.push(indent))
}

fn quoted(text: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            '\x08' => out += "\\b",
            '\x0c' => out += "\\f",
            c if c < ' ' => out += &format!("\\u{:04x}", c as u32),
            c if ascii && (c > '~') => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out += &format!("\\u{unit:04x}"));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
