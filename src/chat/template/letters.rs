//! Upper, lower and title case as Python has them.

use super::value::{Result, error};

/// Upper and lower case.
pub(super) fn letters(one: &str, form: &str) -> Result<String> {
    Ok(match form {
        "upper" => one.to_uppercase(),
        "lower" => one.to_lowercase(),
        "casefold" if one.is_ascii() => one.to_lowercase(),
        "capitalize" | "title" | "swapcase" if one.contains('Σ') => {
            return Err(error(format!("{form} of a Σ is not supported")));
        }
        "capitalize" => {
            let mut chars = one.chars();
            let first = chars.next().map_or(Ok(String::new()), title_case)?;
            first + &one[one.len() - chars.as_str().len()..].to_lowercase()
        }
        "title" => {
            let mut after_letter = false;
            let mut out = String::with_capacity(one.len());
            for c in one.chars() {
                if after_letter {
                    out.extend(c.to_lowercase())
                } else {
                    out += &title_case(c)?
                }
                after_letter = c.is_lowercase() || c.is_uppercase() || is_title(c);
            }
            out
        }
        "swapcase" => {
            let swap = |c: char| -> String {
                if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
            };
            one.chars().map(swap).collect()
        }
        _ => return Err(error(format!("{form} of letters beyond ASCII is not supported"))),
    })
}

/// One of the four letters that have a form of their own in title case: Dž, Lj, Nj and Dz.
fn is_title(c: char) -> bool {
    matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

/// A letter that begins a word.
fn title_case(c: char) -> Result<String> {
    let upper: String = c.to_uppercase().collect();
    Ok(match c {
        'Ǆ' | 'ǅ' | 'ǆ' => "ǅ".into(),
        'Ǉ' | 'ǈ' | 'ǉ' => "ǈ".into(),
        'Ǌ' | 'ǋ' | 'ǌ' => "ǋ".into(),
        'Ǳ' | 'ǲ' | 'ǳ' => "ǲ".into(),
        'ß' => "Ss".into(),
        '\u{10d0}'..='\u{10ff}' => c.into(), // Georgian has capitals, but not for this
        _ if upper.chars().count() > 1 => {
            return Err(error(format!("the title case of {c} is not supported")));
        }
        _ => upper,
    })
}

/// `isupper` or `islower`.
pub(super) fn is_case(one: &str, upper: bool) -> bool {
    let is = |c: char| if upper { c.is_uppercase() } else { c.is_lowercase() };
    let is_other = |c: char| if upper { c.is_lowercase() } else { c.is_uppercase() };
    one.chars().any(is) && !one.chars().any(is_other)
}
