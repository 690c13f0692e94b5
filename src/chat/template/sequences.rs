//! Jinja2's filters on lists, dicts and generators.

use super::arguments::{Arguments, flag, int, required, some, text};
use super::attributes::attribute_only;
use super::items::{check_key, item};
use super::operators::{calculate, equal, order};
use super::runtime::Group;
use super::text::{Text, like, string, to_text};
use super::value::{
    ITEM, Kind, Python, Result, charge, dict, error, generator, iterate, list, sequence, tuple, type_name,
    view,
};
use minijinja::{State, Value};
use std::cmp::Ordering;

/// These filters, by kind.
pub(super) const GROUPS: &[Group] = &[single, arranged, grouped];

/// Filters that give one value.
fn single(state: &State, name: &str, value: &Value, arguments: &Arguments) -> Result<Option<Value>> {
    let arguments = arguments.clone();
    Ok(Some(match name {
        "default" | "d" => {
            let [default, boolean] = arguments.bind(["default_value", "boolean"])?;
            let is_missing = value.is_undefined() || flag(&boolean) && !value.is_true();
            if is_missing { default.unwrap_or_else(|| "".into()) } else { value.clone() }
        }
        "length" | "count" => {
            arguments.place::<0>()?;
            length(value)?.into()
        }
        "first" => {
            arguments.place::<0>()?;
            match view(value) {
                Python::Generator(generator) => generator.next(),
                Python::Text(text) => text.chars().next().map(Value::from),
                _ => iterate(state, value)?.into_iter().next(),
            }
            .unwrap_or_default()
        }
        "last" => {
            arguments.place::<0>()?;
            if matches!(view(value), Python::Generator(_)) {
                return Err(error(format!("last of {} is not possible", type_name(value))));
            }
            iterate(state, value)?.pop().unwrap_or_default()
        }
        "list" => {
            arguments.place::<0>()?;
            list(iterate(state, value)?)?
        }
        "join" => {
            let [separator, attribute] = arguments.bind(["d", "attribute"])?;
            join(state, value, &separator, &attribute)?
        }
        "sum" => {
            let [attribute, start] = arguments.bind(["attribute", "start"])?;
            let start = start.unwrap_or_else(|| 0.into());
            if start.as_str().is_some() {
                return Err(error("sum does not join texts"));
            }
            let attribute = some(attribute);
            iterate(state, value)?.iter().try_fold(start, |sum, item| {
                calculate(state, &[sum, "+".into(), picked(state, item, &attribute)?])
            })?
        }
        "min" | "max" => {
            let [case, attribute] = arguments.bind(["case_sensitive", "attribute"])?;
            extreme(state, name, value, flag(&case), &some(attribute))?
        }
        "attr" => {
            let [key] = arguments.bind(["name"])?;
            let key = text(&Some(string(state, &required(key, "name")?)?), "")?;
            attribute_only(value, &key)?
        }
        _ => return Ok(None),
    }))
}

pub(super) fn length(value: &Value) -> Result<usize> {
    match view(value) {
        Python::Undefined => Ok(0),
        Python::Text(text) => Ok(text.chars().count()),
        Python::Sequence(one) => Ok(one.items.len()),
        Python::Dict(dict) => Ok(dict.entries.len()),
        _ => Err(error(format!("{} has no length", type_name(value)))),
    }
}

fn join(state: &State, value: &Value, separator: &Option<Value>, attribute: &Option<Value>) -> Result<Value> {
    let separator = match separator {
        Some(separator) => to_text(state, separator)?,
        None => String::new(),
    };
    let attribute = some(attribute.clone());
    let mut out = Text::new(state);
    for (i, item) in iterate(state, value)?.iter().enumerate() {
        out.push(if i == 0 { "" } else { &separator })?;
        out.value(&picked(state, item, &attribute)?)?;
    }
    Ok(out.text.into())
}

/// What an `attribute` argument picks of an item: `a.b`, or a number. The item itself without one.
pub(super) fn picked(state: &State, one: &Value, attribute: &Option<Value>) -> Result<Value> {
    let Some(attribute) = attribute else { return Ok(one.clone()) };
    charge(state, 64 + attribute.as_str().map_or(0, str::len))?;
    match view(attribute) {
        Python::Text(path) => path.split('.').try_fold(one.clone(), |value, part| {
            let is_index = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            let key = if is_index {
                part.parse::<i64>().map_or_else(|_| part.into(), Value::from)
            } else {
                part.into()
            };
            found(state, &value, &key)
        }),
        Python::Int(_) => found(state, one, attribute),
        _ => Err(error("attribute must be a text or a number")),
    }
}

fn found(state: &State, value: &Value, key: &Value) -> Result<Value> {
    match item(state, value, key)? {
        Some(found) => Ok(found),
        None => key.as_str().map_or(Ok(Value::UNDEFINED), |name| attribute_only(value, name)),
    }
}

/// A value to compare: texts without regard to case unless it counts.
fn sort_key(state: &State, one: &Value, attribute: &Option<Value>, case: bool) -> Result<Value> {
    let key = picked(state, one, attribute)?;
    Ok(match key.as_str() {
        Some(text) if !case => {
            charge(state, text.len())?;
            text.to_lowercase().into()
        }
        _ => key,
    })
}

fn extreme(state: &State, name: &str, value: &Value, case: bool, attribute: &Option<Value>) -> Result<Value> {
    let mut best: Option<(Value, Value)> = None;
    let wanted = if name == "min" { Ordering::Less } else { Ordering::Greater };
    for one in iterate(state, value)? {
        let key = sort_key(state, &one, attribute, case)?;
        let is_better = match &best {
            None => true,
            Some((best, _)) => order(state, &key, best)? == Some(wanted),
        };
        if is_better {
            best = Some((key, one));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |best| best.1))
}

/// Sorts by keys, all of which must have an order.
fn sort_by<T>(state: &State, mut keyed: Vec<(Vec<Value>, T)>, reverse: bool) -> Result<Vec<T>> {
    let mut failed = None;
    keyed.sort_by(|a, b| {
        if failed.is_some() {
            return Ordering::Equal;
        }
        let order = a.0.iter().zip(&b.0).try_fold(Ordering::Equal, |so_far, (a, b)| {
            if so_far != Ordering::Equal {
                return Ok(so_far);
            }
            let order = order(state, a, b)?;
            order.ok_or_else(|| error("the order of NaN is not supported"))
        });
        match order {
            Ok(order) => {
                if reverse {
                    order.reverse()
                } else {
                    order
                }
            }
            Err(error) => {
                failed = Some(error);
                Ordering::Equal
            }
        }
    });
    failed.map_or(Ok(keyed.into_iter().map(|pair| pair.1).collect()), Err)
}

/// Filters that give the same items in another order, or some of them.
fn arranged(state: &State, name: &str, value: &Value, arguments: &Arguments) -> Result<Option<Value>> {
    let arguments = arguments.clone();
    Ok(Some(match name {
        "sort" => {
            let [reverse, case, attribute] = arguments.bind(["reverse", "case_sensitive", "attribute"])?;
            let attributes: Vec<Option<Value>> = match some(attribute) {
                Some(path) if path.as_str().is_some_and(|path| path.contains(',')) => {
                    path.as_str().unwrap_or_default().split(',').map(|part| Some(part.into())).collect()
                }
                one => vec![one],
            };
            let keyed = iterate(state, value)?.into_iter().map(|one| {
                let keys = attributes.iter().map(|attribute| sort_key(state, &one, attribute, flag(&case)));
                Ok((keys.collect::<Result<Vec<_>>>()?, one))
            });
            list(sort_by(state, keyed.collect::<Result<_>>()?, flag(&reverse))?)?
        }
        "reverse" => {
            arguments.place::<0>()?;
            match view(value) {
                Python::Text(text) => like(value, text.chars().rev().collect()),
                _ => {
                    let mut items = iterate(state, value)?;
                    items.reverse();
                    if matches!(view(value), Python::Generator(_)) { list(items)? } else { generator(items)? }
                }
            }
        }
        "unique" => {
            let [case, attribute] = arguments.bind(["case_sensitive", "attribute"])?;
            let (mut seen, mut kept) = (Vec::<Value>::new(), Vec::new());
            for one in iterate(state, value)? {
                let key = sort_key(state, &one, &some(attribute.clone()), flag(&case))?;
                check_key(state, &key)?;
                let mut is_new = true;
                for other in &seen {
                    is_new &= !equal(state, other, &key)?;
                }
                if is_new {
                    seen.push(key);
                    kept.push(one);
                }
            }
            generator(kept)?
        }
        "items" => {
            arguments.place::<0>()?;
            match view(value) {
                Python::Undefined => generator(Vec::new())?,
                Python::Dict(dict) => {
                    charge(state, dict.entries.len() * ITEM * 4)?;
                    let pairs = dict.entries.iter().map(|(key, value)| tuple([key.clone(), value.clone()]));
                    generator(pairs.collect::<Result<_>>()?)?
                }
                _ => return Err(error(format!("items of {} is not possible", type_name(value)))),
            }
        }
        _ => return Ok(None),
    }))
}

/// Filters that put items together.
fn grouped(state: &State, name: &str, value: &Value, arguments: &Arguments) -> Result<Option<Value>> {
    let arguments = arguments.clone();
    Ok(Some(match name {
        "batch" => {
            let [size, fill] = arguments.bind(["linecount", "fill_with"])?;
            let size = int(&Some(required(size, "linecount")?), 1)?;
            let size = usize::try_from(size)
                .ok()
                .filter(|size| *size > 0)
                .ok_or_else(|| error("batch of no items"))?;
            let mut rows: Vec<Vec<Value>> = iterate(state, value)?.chunks(size).map(<[_]>::to_vec).collect();
            if let (Some(fill), Some(last)) = (some(fill), rows.last_mut()) {
                charge(state, size.saturating_mul(ITEM))?;
                last.resize(size, fill);
            }
            generator(rows.into_iter().map(list).collect::<Result<_>>()?)?
        }
        "slice" => {
            let [count, fill] = arguments.bind(["slices", "fill_with"])?;
            let count = int(&Some(required(count, "slices")?), 1)?;
            let count =
                usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| error("no slices"))?;
            generator(slices(state, iterate(state, value)?, count, some(fill))?)?
        }
        "groupby" => {
            let [attribute, default, case] = arguments.bind(["attribute", "default", "case_sensitive"])?;
            let attribute = Some(required(attribute, "attribute")?);
            group_by(state, iterate(state, value)?, &attribute, some(default), flag(&case))?
        }
        "dictsort" => {
            let [case, by, reverse] = arguments.bind(["case_sensitive", "by", "reverse"])?;
            let Python::Dict(dict) = view(value) else {
                return Err(error(format!("dictsort of {} is not possible", type_name(value))));
            };
            let place = match text(&by, "key")?.as_str() {
                "key" => 0,
                "value" => 1,
                _ => return Err(error("dictsort sorts by key or value")),
            };
            charge(state, dict.entries.len() * ITEM * 4)?;
            let keyed = dict.entries.iter().map(|(key, value)| {
                let by = sort_key(state, [key, value][place], &None, flag(&case))?;
                Ok((vec![by], tuple([key.clone(), value.clone()])?))
            });
            list(sort_by(state, keyed.collect::<Result<_>>()?, flag(&reverse))?)?
        }
        _ => return Ok(None),
    }))
}

fn slices(state: &State, items: Vec<Value>, count: usize, fill: Option<Value>) -> Result<Vec<Value>> {
    charge(state, count.saturating_mul(ITEM))?;
    let (size, extra) = (items.len() / count, items.len() % count);
    let mut rest = items.into_iter();
    let slice = |i: usize| {
        let mut slice: Vec<Value> = rest.by_ref().take(size + usize::from(i < extra)).collect();
        slice.extend(fill.clone().filter(|_| i >= extra));
        list(slice)
    };
    (0..count).map(slice).collect()
}

fn group_by(
    state: &State,
    all: Vec<Value>,
    attribute: &Option<Value>,
    default: Option<Value>,
    case: bool,
) -> Result<Value> {
    let keyed = all.into_iter().map(|one| {
        let mut found = picked(state, &one, attribute)?;
        if found.is_undefined()
            && let Some(default) = &default
        {
            found = default.clone();
        }
        let key = sort_key(state, &found, &None, case)?;
        Ok((vec![key.clone()], (key, found, one)))
    });
    let sorted = sort_by(state, keyed.collect::<Result<_>>()?, false)?;
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for (key, found, one) in sorted {
        match groups.last_mut() {
            Some(group) if equal(state, &group.0, &key)? => group.2.push(one),
            _ => groups.push((key, found, vec![one])),
        }
    }
    let groups =
        groups.into_iter().map(|(_, found, members)| sequence(Kind::Group, vec![found, list(members)?]));
    list(groups.collect::<Result<_>>()?)
}

/// The keyword arguments of a mapping.
pub(super) fn keywords(value: &Value) -> Result<Value> {
    match view(value) {
        Python::Dict(one) => dict(one.entries.clone()),
        _ => Err(error(format!("{} has no keyword arguments", type_name(value)))),
    }
}
