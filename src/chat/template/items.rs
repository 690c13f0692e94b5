//! Python's subscripts and slices, and how lists and dicts are made.

use super::operators::equal;
use super::text::like;
use super::value::{ITEM, Kind, Python, Result, charge, dict, error, list, sequence, tuple, type_name, view};
use minijinja::{State, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// The value of a key of a dict. An error where a key cannot be one.
pub(super) fn lookup(state: &State, dict: &Value, key: &Value) -> Result<Option<Value>> {
    let Python::Dict(dict) = view(dict) else { return Ok(None) };
    check_key(state, key)?;
    if let Some(key) = key.as_str() {
        charge(state, key.len())?;
        return Ok(dict.find(key).cloned());
    }
    for (name, value) in &dict.entries {
        if name.as_str().is_none() && equal(state, name, key)? {
            return Ok(Some(value.clone()));
        }
    }
    Ok(None)
}

/// Lists and dicts cannot be keys.
pub(super) fn check_key(state: &State, key: &Value) -> Result<()> {
    charge(state, 1)?;
    match view(key) {
        Python::Dict(_) => Err(error("a dict cannot be a key")),
        Python::Sequence(sequence) if !matches!(sequence.kind, Kind::Tuple | Kind::Group) => {
            Err(error("a list cannot be a key"))
        }
        Python::Sequence(sequence) => sequence.items.iter().try_for_each(|item| check_key(state, item)),
        Python::Callable(_) | Python::Other => Err(error("such an object as key is not supported")),
        _ => Ok(()),
    }
}

/// The place of `index` among `length` items.
fn place(index: i128, length: usize) -> Option<usize> {
    usize::try_from(if index < 0 { index + length as i128 } else { index }).ok().filter(|at| *at < length)
}

/// `value[key]`, None where there is no such item.
pub(super) fn item(state: &State, value: &Value, key: &Value) -> Result<Option<Value>> {
    let index = match view(key) {
        Python::Int(int) => Some(int),
        Python::Bool(bool) => Some(bool.into()),
        _ => None,
    };
    match (view(value), index) {
        (Python::Undefined, _) => Err(error("an undefined value has no items")),
        (Python::Dict(_), _) => {
            Ok(if check_key(state, key).is_ok() { lookup(state, value, key)? } else { None })
        }
        (Python::Sequence(one), Some(index))
            if matches!(one.kind, Kind::List | Kind::Tuple | Kind::Group | Kind::Range(..)) =>
        {
            Ok(place(index, one.items.len()).map(|at| one.items[at].clone()))
        }
        (Python::Text(text), Some(index)) => {
            charge(state, text.len())?;
            let at = place(index, text.chars().count());
            Ok(at.and_then(|at| text.chars().nth(at)).map(|c| like(value, c.into())))
        }
        _ => Ok(None),
    }
}

/// `value[start:stop:step]`.
pub(super) fn slice(state: &State, arguments: &[Value]) -> Result<Value> {
    let [value, bounds @ ..] = arguments else { return Err(error("nothing to slice")) };
    let bound = |i: usize| match bounds.get(i).map(|bound| (bound, view(bound))) {
        None | Some((_, Python::None)) => Ok(None),
        Some((_, Python::Int(int))) => Ok(Some(int)),
        Some((_, Python::Bool(bool))) => Ok(Some(bool.into())),
        Some((bound, _)) => Err(error(format!("a bound of a slice is an int, not {}", type_name(bound)))),
    };
    let (start, stop, step) = (bound(0)?, bound(1)?, bound(2)?.unwrap_or(1));
    match view(value) {
        Python::Text(text) => {
            charge(state, text.len() * ITEM)?;
            let chars: Vec<char> = text.chars().collect();
            let slice = Slice::new(start, stop, step, chars.len())?;
            Ok(like(value, slice.places().map(|at| chars[at]).collect()))
        }
        Python::Sequence(one)
            if matches!(one.kind, Kind::List | Kind::Tuple | Kind::Group | Kind::Range(..)) =>
        {
            charge(state, one.items.len() * ITEM)?;
            let slice = Slice::new(start, stop, step, one.items.len())?;
            let kind = match one.kind {
                Kind::Range(first, _, step) => {
                    Kind::Range(first + slice.start * step, first + slice.stop * step, step * slice.step)
                }
                Kind::Group => Kind::Tuple,
                kind => kind,
            };
            sequence(kind, slice.places().map(|at| one.items[at].clone()).collect())
        }
        _ => Err(error(format!("{} has no slices", type_name(value)))),
    }
}

/// A slice whose bounds lie within what is sliced.
struct Slice {
    start: i128,
    stop: i128,
    step: i128,
}

impl Slice {
    fn new(start: Option<i128>, stop: Option<i128>, step: i128, length: usize) -> Result<Self> {
        if step == 0 {
            return Err(error("a slice has no step of zero"));
        }
        let length = length as i128;
        let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
        let clamp = |at: i128| if at < 0 { at.saturating_add(length) } else { at }.clamp(lowest, highest);
        let (first, last) = if step > 0 { (lowest, highest) } else { (highest, lowest) };
        let (start, stop) = (start.map_or(first, clamp), stop.map_or(last, clamp));
        Ok(Self { start, stop, step: step.clamp(-length - 1, length + 1) })
    }

    fn places(&self) -> impl Iterator<Item = usize> {
        let (stop, step) = (self.stop, self.step);
        std::iter::successors(Some(self.start), move |at| Some(at + step))
            .take_while(move |at| if step > 0 { *at < stop } else { *at > stop })
            .filter_map(|at| usize::try_from(at).ok())
    }
}

/// `list` and `tuple` of literals.
pub(super) fn literal(state: &State, arguments: &[Value], is_tuple: bool) -> Result<Value> {
    charge(state, arguments.len() * ITEM)?;
    if is_tuple { tuple(&arguments[1..]) } else { list(arguments[1..].to_vec()) }
}

/// A dict of keys and values; of equal keys the first stays, with the last value.
pub(super) fn dict_of(state: &State, pairs: impl Iterator<Item = (Value, Value)>) -> Result<Value> {
    let mut entries: Vec<(Value, Value)> = Vec::new();
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    for (key, value) in pairs {
        check_key(state, &key)?;
        charge(state, 8 * ITEM + key.as_str().map_or(0, str::len))?;
        let mut same = None;
        if let Some(text) = key.to_str() {
            same = places.get(&text).copied();
            places.entry(text).or_insert(entries.len());
        } else {
            for (place, entry) in entries.iter().enumerate() {
                if entry.0.as_str().is_none() && equal(state, &entry.0, &key)? {
                    same = Some(place);
                    break;
                }
            }
        }
        match same {
            Some(place) => entries[place].1 = value,
            None => entries.push((key, value)),
        }
    }
    dict(entries)
}
