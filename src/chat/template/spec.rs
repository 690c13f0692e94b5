//! How Python lays out one value: the part that `%` and `format` have in common.

use super::operators::Number;
use super::text::float_text;
use super::value::{Result, charge, error};
use minijinja::State;

/// Digits of a precision.
const MAX_PRECISION: usize = 1000;

/// What is asked of one value.
#[derive(Clone, Debug, Default)]
pub(super) struct Spec {
    pub fill: Option<char>,
    pub align: Option<char>,
    pub sign: Option<char>,
    pub alternate: bool,
    pub width: usize,
    pub grouping: Option<char>,
    pub precision: Option<usize>,
    pub kind: Option<char>,
}

impl Spec {
    /// Puts a text into the width. What is in front of the digits stands before zeros.
    pub fn pad(&self, state: &State, sign: &str, body: &str, default: char) -> Result<String> {
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

    pub fn number(&self, state: &State, number: Number) -> Result<String> {
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
pub(super) fn leading_int(text: &str) -> Result<(Option<usize>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 {
        return Ok((None, text));
    }
    let int = text[..end].parse().ok().filter(|int| *int < 1 << 31);
    Ok((Some(int.ok_or_else(|| error("a width is too large"))?), &text[end..]))
}

pub(super) fn checked_precision(precision: Option<usize>) -> Result<Option<usize>> {
    match precision {
        Some(digits) if digits > MAX_PRECISION => {
            Err(error(format!("a precision above {MAX_PRECISION} is not supported")))
        }
        _ => Ok(precision),
    }
}
