//! Python's two ways to format: `'%s' % value` and `'{}'.format(value)`.

use super::arguments::Arguments;
use super::operators::{Number, item, lookup};
use super::value::{Kind, Python, Result, Text, charge, error, float_text, text, type_name, view};
use minijinja::{State, Value};

/// Digits of a precision.
const MAX_PRECISION: usize = 1000;

/// What is asked of one value.
#[derive(Clone, Debug, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Spec {
    /// Puts a text into the width. What is in front of the digits stands before zeros.
    fn pad(&self, state: &State, sign: &str, body: &str, default: char) -> Result<String> {
        let length = sign.chars().count() + body.chars().count();
        let room = self.width.saturating_sub(length);
        let fill = self.fill.unwrap_or(' ');
        charge(state, room.saturating_mul(fill.len_utf8()) + body.len())?;
        let fills = |count: usize| fill.to_string().repeat(count);
        Ok(match self.align.unwrap_or(default) {
            '<' => format!("{sign}{body}{}", fills(room)),
            '^' => format!("{}{sign}{body}{}", fills(room / 2), fills(room - room / 2)),
            '=' => format!("{sign}{}{body}", fills(room)),
            _ => format!("{}{sign}{body}", fills(room)),
        })
    }

    fn number(&self, state: &State, number: Number) -> Result<String> {
        let is_negative = match number {
            Number::Int(int) => int < 0,
            Number::Float(float) => float.is_sign_negative() && !float.is_nan(),
        };
        let sign = if is_negative {
            "-".into()
        } else {
            self.sign.filter(|c| *c != '-').map_or(String::new(), String::from)
        };
        let (prefix, digits) = match (number, self.kind) {
            (Number::Int(int), None | Some('d' | 'b' | 'o' | 'x' | 'X')) => {
                if self.precision.is_some() {
                    return Err(error("an int has no precision"));
                }
                self.int(int.unsigned_abs())
            }
            (_, Some('d' | 'b' | 'o' | 'x' | 'X')) => {
                return Err(error("a float cannot be formatted as an int"));
            }
            _ => (String::new(), self.float(number.float().abs())?),
        };
        if self.grouping.is_some() && self.fill == Some('0') && self.align == Some('=') {
            return Err(error("zeros with groups of digits are not supported"));
        }
        self.pad(state, &(sign + &prefix), &digits, '>')
    }

    fn int(&self, int: u128) -> (String, String) {
        let (prefix, digits) = match self.kind {
            Some('b') => ("0b", format!("{int:b}")),
            Some('o') => ("0o", format!("{int:o}")),
            Some('x') => ("0x", format!("{int:x}")),
            Some('X') => ("0X", format!("{int:X}")),
            _ => ("", int.to_string()),
        };
        let size = if prefix.is_empty() { 3 } else { 4 };
        (if self.alternate { prefix.into() } else { String::new() }, self.group(&digits, size))
    }

    fn group(&self, digits: &str, size: usize) -> String {
        let Some(separator) = self.grouping else { return digits.into() };
        let mut out = String::new();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(size) {
                out.push(separator);
            }
            out.push(digit);
        }
        out
    }

    /// A float without sign.
    fn float(&self, float: f64) -> Result<String> {
        let kind = self.kind.unwrap_or('r');
        let precision = self.precision.unwrap_or(6);
        if !float.is_finite() {
            let text = float_text(float);
            return Ok(if kind.is_ascii_uppercase() { text.to_uppercase() } else { text }
                + if kind == '%' { "%" } else { "" });
        }
        let digits = match kind.to_ascii_lowercase() {
            'e' => exponent(float, precision, self.alternate),
            'f' => fixed(float, precision, self.alternate),
            '%' => fixed(float * 100.0, precision, self.alternate) + "%",
            'g' => self.general(float, precision.max(1), 0),
            'r' if self.precision.is_some() => {
                let digits = self.general(float, precision.max(1), 1);
                if digits.contains(['.', 'e']) { digits } else { digits + ".0" }
            }
            'r' => float_text(float),
            other => return Err(error(format!("the format {other} is not supported"))),
        };
        let whole = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let digits = self.group(&digits[..whole], 3) + &digits[whole..];
        Ok(if kind.is_ascii_uppercase() { digits.to_uppercase() } else { digits })
    }

    /// The shorter of the two forms. `reserved` digits stay free for a fraction.
    fn general(&self, float: f64, precision: usize, reserved: i32) -> String {
        let scientific = exponent(float, precision - 1, self.alternate);
        let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = power.parse().unwrap_or_default();
        let trimmed = |digits: &str| match digits.contains('.') && !self.alternate {
            true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => digits.to_owned(),
        };
        if (-4..precision as i32 - reserved).contains(&exponent) {
            let places = usize::try_from(precision as i32 - 1 - exponent).unwrap_or_default();
            trimmed(&fixed(float, places, self.alternate))
        } else {
            format!("{}e{power}", trimmed(mantissa))
        }
    }
}

fn fixed(float: f64, precision: usize, point: bool) -> String {
    format!("{float:.precision$}") + if point && precision == 0 { "." } else { "" }
}

fn exponent(float: f64, precision: usize, point: bool) -> String {
    let text = format!("{float:.precision$e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or_default();
    let point = if point && precision == 0 { "." } else { "" };
    format!("{mantissa}{point}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

/// Digits at the start of `text`, and what follows.
fn leading_int(text: &str) -> Result<(Option<usize>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 {
        return Ok((None, text));
    }
    let int = text[..end].parse().ok().filter(|int| *int < 1 << 31);
    Ok((Some(int.ok_or_else(|| error("a width is too large"))?), &text[end..]))
}

fn checked_precision(precision: Option<usize>) -> Result<Option<usize>> {
    match precision {
        Some(digits) if digits > MAX_PRECISION => {
            Err(error(format!("a precision above {MAX_PRECISION} is not supported")))
        }
        _ => Ok(precision),
    }
}

/// `format % values`: a tuple's items in turn, a dict's by name, or one value.
pub(super) fn printf(state: &State, format: &str, values: &Value) -> Result<String> {
    let (placed, is_dict) = match view(values) {
        Python::Sequence(one) if one.kind == Kind::Tuple => (one.items.clone(), false),
        Python::Dict(_) => (vec![values.clone()], true),
        _ => (vec![values.clone()], false),
    };
    let count = placed.len();
    let mut placed = placed.into_iter();
    let mut next = || placed.next().ok_or_else(|| error("not enough values for the format"));
    let mut out = Text::new(state);
    let (mut rest, mut named) = (format, false);
    while let Some(at) = rest.find('%') {
        out.push(&rest[..at])?;
        rest = &rest[at + 1..];
        let mut value = None;
        if let Some((key, after)) = rest.strip_prefix('(').and_then(|name| name.split_once(')')) {
            if !is_dict {
                return Err(error("a format with names needs a dict"));
            }
            value = Some(
                lookup(state, values, &key.into())?.ok_or_else(|| error(format!("no value for {key}")))?,
            );
            (rest, named) = (after, true);
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
    if !named && !is_dict && placed.next().is_some() || is_dict && !named && count == 0 {
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
            's' => text(state, value)?,
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
            Some("s") => text(state, &one)?.into(),
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
        out = out + before + &text(state, &value(field)?)?;
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
                if super::expression::METHODS.contains(&format!(" {} ", &name[..end])) {
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
        return text(state, value);
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
