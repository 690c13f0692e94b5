//! The filters that apply another filter or a test to each item.

use super::arguments::{Arguments, required, text};
use super::runtime;
use super::sequences::picked;
use super::tests;
use super::value::{Result, error, generator, iterate};
use minijinja::{State, Value};

/// `map`, `select`, `reject` and their like, which name a filter or a test.
pub(super) fn apply(
    state: &mut State,
    name: &str,
    value: &Value,
    arguments: &Arguments,
) -> Result<Option<Value>> {
    let by_attribute = matches!(name, "selectattr" | "rejectattr");
    if !by_attribute && !matches!(name, "map" | "select" | "reject") {
        return Ok(None);
    }
    let all = iterate(state, value)?;
    let mut arguments = arguments.clone();
    if name == "map" {
        return map(state, all, arguments).map(Some);
    }
    let attribute = match by_attribute {
        true if arguments.placed.is_empty() => return Err(error(format!("{name} needs an attribute"))),
        true => Some(arguments.placed.remove(0)),
        false => None,
    };
    let test =
        if arguments.placed.is_empty() { None } else { Some(text(&Some(arguments.placed.remove(0)), "")?) };
    let mut kept = Vec::new();
    for one in all {
        let subject = picked(state, &one, &attribute)?;
        let is = match &test {
            Some(test) => tests::test(state, test, &subject, arguments.clone())?,
            None => subject.is_true(),
        };
        if is == name.starts_with("select") {
            kept.push(one);
        }
    }
    generator(kept).map(Some)
}

fn map(state: &mut State, all: Vec<Value>, mut arguments: Arguments) -> Result<Value> {
    let is_attribute = arguments.placed.is_empty();
    if is_attribute {
        let [attribute, default] = arguments.bind(["attribute", "default"])?;
        let attribute = Some(required(attribute, "attribute")?);
        let picked = all.iter().map(|one| {
            let found = picked(state, one, &attribute)?;
            Ok(if found.is_undefined() { default.clone().unwrap_or(found) } else { found })
        });
        return generator(picked.collect::<Result<_>>()?);
    }
    let filter = text(&Some(arguments.placed.remove(0)), "")?;
    let mapped = all.iter().map(|one| runtime::filter(state, &filter, one, &arguments));
    generator(mapped.collect::<Result<_>>()?)
}
