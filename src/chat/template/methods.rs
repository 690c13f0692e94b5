//! The methods of Python's strings, lists and dicts that change nothing.

use super::arguments::{Arguments, flag, int, required, some, text};
use super::items;
use super::letters::{is_case, letters};
use super::lexer::is_space;
use super::operators::equal;
use super::split::{lines, split, split_space, texts};
use super::text::{Text, is_printable};
use super::value::{
    ITEM, Kind, Python, Result, Sequence, charge, error, iterate, sequence, tuple, type_name, view,
};
use minijinja::{State, Value};

/// Calls a method. An error where the type has none of this name, or where it is not supported.
pub(super) fn call(state: &State, value: &Value, name: &str, arguments: &[Value]) -> Result<Value> {
    let arguments = Arguments::new(state, arguments)?;
    match view(value) {
        Python::Text(_) if value.is_safe() && is_escaping(name) => {
            Err(error(format!("the method {name} of a safe text is not supported")))
        }
        Python::Text(one) => {
            charge(state, one.len() + 64)?;
            for part in [parts, forms, places, tests] {
                if let Some(result) = part(state, one, name, &arguments)? {
                    return if value.is_safe() { safe(result) } else { Ok(result) };
                }
            }
            Err(missing(value, name))
        }
        Python::Dict(_) => dict(state, value, name, arguments),
        Python::Sequence(one) => list_method(state, one, value, name, arguments),
        _ => Err(missing(value, name)),
    }
}

/// Of a safe text these escape what they put into it.
fn is_escaping(name: &str) -> bool {
    matches!(name, "center" | "format" | "format_map" | "join" | "ljust" | "replace" | "rjust")
}

/// What a method of a safe text gives is safe, too.
fn safe(result: Value) -> Result<Value> {
    match view(&result) {
        Python::Text(text) => Ok(Value::from_safe_string(text.into())),
        Python::Sequence(one) => {
            sequence(one.kind, one.items.iter().cloned().map(safe).collect::<Result<_>>()?)
        }
        _ => Ok(result),
    }
}

fn missing(value: &Value, name: &str) -> minijinja::Error {
    error(format!("{} has no method {name}, or it is not supported", type_name(value)))
}

fn dict(state: &State, value: &Value, name: &str, arguments: Arguments) -> Result<Value> {
    let Python::Dict(dict) = view(value) else { return Err(missing(value, name)) };
    charge(state, dict.entries.len() * ITEM)?;
    let entries = dict.entries.iter();
    match name {
        "get" => {
            let [key, default] = arguments.place()?;
            let found = items::lookup(state, value, &required(key, "key")?)?;
            return Ok(found.or(default).unwrap_or_else(|| Value::from(())));
        }
        _ => arguments.place::<0>()?,
    };
    match name {
        "items" => {
            let pairs = entries.map(|(key, value)| tuple([key.clone(), value.clone()]));
            sequence(Kind::Items, pairs.collect::<Result<_>>()?)
        }
        "keys" => sequence(Kind::Keys, entries.map(|entry| entry.0.clone()).collect()),
        "values" => sequence(Kind::Values, entries.map(|entry| entry.1.clone()).collect()),
        "copy" => Ok(value.clone()),
        _ => Err(missing(value, name)),
    }
}

fn list_method(
    state: &State,
    one: &Sequence,
    value: &Value,
    name: &str,
    arguments: Arguments,
) -> Result<Value> {
    let is_view = matches!(one.kind, Kind::Keys | Kind::Values | Kind::Items);
    match name {
        "count" if !is_view => {
            let [item] = arguments.place()?;
            let item = required(item, "value")?;
            let found = one.items.iter().map(|other| equal(state, other, &item));
            Ok(found.collect::<Result<Vec<bool>>>()?.iter().filter(|same| **same).count().into())
        }
        "index" if !is_view => {
            let [item] = arguments.place()?;
            let item = required(item, "value")?;
            for (i, other) in one.items.iter().enumerate() {
                if equal(state, other, &item)? {
                    return Ok(i.into());
                }
            }
            Err(error("the list has no such item"))
        }
        "copy" if one.kind == Kind::List => {
            arguments.place::<0>()?;
            Ok(value.clone())
        }
        _ => Err(missing(value, name)),
    }
}

type Found = Result<Option<Value>>;

/// What takes a text apart or puts it together.
fn parts(state: &State, one: &str, name: &str, arguments: &Arguments) -> Found {
    let arguments = arguments.clone();
    charge(state, if name.contains("split") { one.len() * ITEM } else { 0 })?;
    Ok(Some(match name {
        "split" | "rsplit" => {
            let [separator, most] = arguments.bind(["sep", "maxsplit"])?;
            let most = usize::try_from(int(&most, -1)?).unwrap_or(usize::MAX);
            match some(separator).map(|s| text(&Some(s), "")).transpose()? {
                Some(separator) if separator.is_empty() => return Err(error("an empty separator")),
                Some(separator) => split(one, &separator, most, name == "rsplit")?,
                None => split_space(one, most, name == "rsplit")?,
            }
        }
        "splitlines" => {
            let [keep] = arguments.bind(["keepends"])?;
            texts(lines(one, flag(&keep)))?
        }
        "partition" | "rpartition" => {
            let [separator] = arguments.place()?;
            let separator = text(&Some(required(separator, "sep")?), "")?;
            let is_first = name == "partition";
            match if is_first { one.split_once(&separator) } else { one.rsplit_once(&separator) } {
                _ if separator.is_empty() => return Err(error("an empty separator")),
                Some((before, after)) => tuple([before.into(), separator.into(), after.into()])?,
                None if is_first => tuple([one.into(), "".into(), "".into()])?,
                None => tuple(["".into(), "".into(), one.into()])?,
            }
        }
        "join" => {
            let [iterable] = arguments.place()?;
            let parts = iterate(state, &required(iterable, "iterable")?)?;
            let mut out = Text::new(state);
            for (i, part) in parts.iter().enumerate() {
                out.push(if i == 0 { "" } else { one })?;
                out.push(part.as_str().ok_or_else(|| error("join takes texts only"))?)?;
            }
            out.text.into()
        }
        "replace" => {
            let [old, new, count] = arguments.place()?;
            let (old, new) =
                (text(&Some(required(old, "old")?), "")?, text(&Some(required(new, "new")?), "")?);
            replace(state, one, &old, &new, int(&count, -1)?)?.into()
        }
        "format" => super::format::format(state, one, &arguments)?.into(),
        "format_map" => {
            let [mapping] = arguments.place()?;
            super::format::format_map(state, one, &required(mapping, "mapping")?)?.into()
        }
        _ => return Ok(None),
    }))
}

/// Python's `str.replace`: fails before too much is allocated.
pub(super) fn replace(state: &State, one: &str, old: &str, new: &str, count: i64) -> Result<String> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let places = if old.is_empty() { one.chars().count() + 1 } else { one.matches(old).count() };
    charge(state, one.len() + places.min(count).saturating_mul(new.len()))?;
    Ok(one.replacen(old, new, count))
}

/// The other forms of a text.
fn forms(state: &State, one: &str, name: &str, arguments: &Arguments) -> Found {
    let arguments = arguments.clone();
    let strip = |arguments: Arguments| -> Result<Box<dyn Fn(char) -> bool>> {
        let [chars] = arguments.place()?;
        Ok(match some(chars) {
            None => Box::new(is_space),
            chars => {
                let chars = text(&chars, "")?;
                Box::new(move |c| chars.contains(c))
            }
        })
    };
    let padded = matches!(name, "center" | "ljust" | "rjust" | "zfill");
    if padded {
        let [width, fill] = arguments.place()?;
        let width = int(&Some(required(width, "width")?), 0)?;
        return pad(state, one, name, width, &text(&fill, if name == "zfill" { "0" } else { " " })?)
            .map(Some);
    }
    let out = match name {
        "strip" => one.trim_matches(strip(arguments)?).to_owned(),
        "lstrip" => one.trim_start_matches(strip(arguments)?).to_owned(),
        "rstrip" => one.trim_end_matches(strip(arguments)?).to_owned(),
        "removeprefix" | "removesuffix" => {
            let [part] = arguments.place()?;
            let part = text(&Some(required(part, "text")?), "")?;
            let cut =
                if name == "removeprefix" { one.strip_prefix(&*part) } else { one.strip_suffix(&*part) };
            cut.unwrap_or(one).to_owned()
        }
        "expandtabs" => {
            let [size] = arguments.bind(["tabsize"])?;
            expand_tabs(state, one, usize::try_from(int(&size, 8)?).unwrap_or(0))?
        }
        "upper" | "lower" | "title" | "capitalize" | "swapcase" | "casefold" => {
            arguments.place::<0>()?;
            letters(one, name)?
        }
        _ => return Ok(None),
    };
    Ok(Some(out.into()))
}

fn expand_tabs(state: &State, one: &str, size: usize) -> Result<String> {
    charge(state, one.matches('\t').count().saturating_mul(size))?;
    let (mut out, mut column) = (String::new(), 0);
    for c in one.chars() {
        match c {
            '\t' if size > 0 => {
                let width = size - column % size;
                out += &" ".repeat(width);
                column += width;
            }
            '\t' => {}
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            _ => {
                out.push(c);
                column += 1;
            }
        }
    }
    Ok(out)
}

/// `center`, `ljust`, `rjust` and `zfill`.
pub(super) fn pad(state: &State, one: &str, form: &str, width: i64, fill: &str) -> Result<Value> {
    let mut chars = fill.chars();
    let (Some(fill), None) = (chars.next(), chars.next()) else {
        return Err(error("one character must fill"));
    };
    let length = one.chars().count();
    let room = usize::try_from(width).unwrap_or(0).saturating_sub(length);
    charge(state, room.saturating_mul(fill.len_utf8()))?;
    let fills = |count: usize| fill.to_string().repeat(count);
    Ok(match form {
        "center" => {
            let left = room / 2 + (room & usize::try_from(width).unwrap_or(0) & 1); // as CPython rounds
            fills(left) + one + &fills(room - left)
        }
        "ljust" => one.to_owned() + &fills(room),
        "zfill" => {
            let sign = if one.starts_with(['+', '-']) { 1 } else { 0 };
            one[..sign].to_owned() + &fills(room) + &one[sign..]
        }
        _ => fills(room) + one,
    }
    .into())
}

/// Where something stands in a text.
fn places(state: &State, one: &str, name: &str, arguments: &Arguments) -> Found {
    if !matches!(name, "find" | "rfind" | "index" | "rindex" | "count" | "startswith" | "endswith") {
        return Ok(None);
    }
    let [part, start, stop] = arguments.clone().place()?;
    let part = required(part, "text")?;
    let length = one.chars().count() as i64;
    let bound = |value: Option<Value>, default: i64| -> Result<i64> {
        let at = int(&some(value), default)?;
        Ok(if at < 0 { (at + length).max(0) } else { at })
    };
    let (start, stop) = (bound(start, 0)?, bound(stop, length)?.min(length));
    if start > length || start > stop {
        return match name {
            "find" | "rfind" => Ok(Some((-1).into())),
            "index" | "rindex" => Err(error("the text is not found")),
            "count" => Ok(Some(0.into())),
            _ => Ok(Some(false.into())),
        };
    }
    let byte = |at: i64| one.char_indices().nth(at as usize).map_or(one.len(), |(byte, _)| byte);
    let within = &one[byte(start)..byte(stop)];
    if matches!(name, "startswith" | "endswith") {
        let candidates = match view(&part) {
            Python::Sequence(parts) if parts.kind == Kind::Tuple => iterate(state, &part)?,
            _ => vec![part],
        };
        for candidate in candidates {
            let candidate = text(&Some(candidate), "")?;
            if if name == "endswith" { within.ends_with(&candidate) } else { within.starts_with(&candidate) }
            {
                return Ok(Some(true.into()));
            }
        }
        return Ok(Some(false.into()));
    }
    let part = text(&Some(part), "")?;
    if name == "count" {
        let count = if part.is_empty() { within.chars().count() + 1 } else { within.matches(&part).count() };
        return Ok(Some(count.into()));
    }
    let found = if name.starts_with('r') { within.rfind(&part) } else { within.find(&part) };
    match found {
        Some(at) => Ok(Some((start + within[..at].chars().count() as i64).into())),
        None if name.ends_with("find") => Ok(Some((-1).into())),
        None => Err(error("the text is not found")),
    }
}

/// Questions about the characters of a text.
fn tests(_: &State, one: &str, name: &str, arguments: &Arguments) -> Found {
    if !name.starts_with("is") {
        return Ok(None);
    }
    let all = |test: fn(char) -> bool| !one.is_empty() && one.chars().all(test);
    let beyond_ascii = || match one.is_ascii() {
        true => Ok(()),
        false => Err(error(format!("{name} of characters beyond ASCII is not supported"))),
    };
    let is = match name {
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(is_space),
        "isascii" => one.is_ascii(),
        "isprintable" => one.chars().all(is_printable),
        "islower" => is_case(one, false),
        "isupper" => is_case(one, true),
        "isdigit" | "isdecimal" | "isnumeric" => {
            beyond_ascii()?;
            all(|c| c.is_ascii_digit())
        }
        "isidentifier" => {
            beyond_ascii()?;
            all(|c| c == '_' || c.is_ascii_alphanumeric()) && !one.starts_with(|c: char| c.is_ascii_digit())
        }
        "istitle" => {
            one.chars().any(|c| c.is_uppercase() || c.is_lowercase()) && letters(one, "title")? == one
        }
        _ => return Ok(None),
    };
    arguments.clone().place::<0>()?;
    Ok(Some(is.into()))
}
