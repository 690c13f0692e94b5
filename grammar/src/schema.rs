//! What a JSON schema may say, checked before llguidance sees it: it takes keywords that it does not know for notes.

use serde_json::{Map, Number, Value};
use std::collections::BTreeSet;

/// Keywords that a reply is held to.
const KEYWORDS: [&str; 27] = [
    "$ref",
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "required",
    "type",
];

/// Keywords that say nothing about what is valid, or that only `$ref` leads to.
const NOTES: [&str; 14] = [
    "$comment",
    "$defs",
    "$id",
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "default",
    "definitions",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
    "writeOnly",
];

/// Most schemas within schemas, those that `$ref` leads to included: llguidance calls itself for each.
const MAX_DEPTH: usize = 256;
/// Most properties of an object, and most schemas in all: what it does then takes a second.
const MAX_PROPERTIES: usize = 1_000;
const MAX_SCHEMAS: usize = 5_000;
/// Largest product of all different `multipleOf`, each as an integer: llguidance counts remainders.
const MAX_MULTIPLE: u64 = 100_000;

/// To where all integers are numbers of JavaScript. Largest bound of a number.
pub const EXACT: f64 = (1u64 << 53) as f64;

struct Check<'a> {
    root: &'a Value,
    schemas: usize,
    /// Values of `multipleOf`.
    multiples: BTreeSet<String>,
    /// The references that were followed.
    seen: BTreeSet<&'a str>,
    /// References to follow.
    ahead: Vec<(&'a str, &'a Value)>,
}

/// Refuses, by name and place, what a reply would not be held to, and schemas that are nested too deep.
pub fn check(schema: &Value) -> Result<(), String> {
    let mut check = Check {
        root: schema,
        schemas: 0,
        multiples: BTreeSet::new(),
        seen: BTreeSet::new(),
        ahead: vec![("#", schema)],
    };
    let mut depth = 0;
    while let Some((place, schema)) = check.ahead.pop() {
        // each may lead to the next, whichever comes first
        depth += check.schema(schema, place)?;
        if depth > MAX_DEPTH {
            return Err(format!(
                "the schema is nested deeper than {MAX_DEPTH} (with what $ref leads to), at {place}"
            ));
        }
    }
    Ok(())
}

impl<'a> Check<'a> {
    /// How deep it is nested.
    fn schema(&mut self, schema: &'a Value, place: &str) -> Result<usize, String> {
        self.schemas += 1;
        if self.schemas > MAX_SCHEMAS {
            return Err(format!("the schema consists of more than {MAX_SCHEMAS}, at {place}"));
        }
        let schema = match schema {
            Value::Bool(_) => return Ok(1),
            Value::Object(schema) => schema,
            other => {
                return Err(format!("the schema at {place} is {other}: it must be an object or a boolean"));
            }
        };
        let mut depth = 0;
        for (keyword, value) in schema {
            let at = format!("{place}/{}", escaped(keyword));
            depth = depth.max(self.keyword(keyword, value, &at)?);
        }
        Ok(depth + 1)
    }

    /// How deep the schemas in a keyword's value are nested.
    fn keyword(&mut self, keyword: &str, value: &'a Value, at: &str) -> Result<usize, String> {
        match (keyword, value) {
            ("properties" | "patternProperties", Value::Object(schemas))
                if schemas.len() > MAX_PROPERTIES =>
            {
                Err(format!("{at} has {} properties: at most {MAX_PROPERTIES} are supported", schemas.len()))
            }
            ("properties" | "patternProperties", Value::Object(schemas)) => self.each(named(schemas), at),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(schemas)) => {
                self.each(schemas.iter().enumerate().map(|(index, schema)| (index.to_string(), schema)), at)
            }
            ("items" | "additionalItems" | "additionalProperties", schema) => self.schema(schema, at),
            ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", Value::Number(number))
                if number.as_f64().is_none_or(|bound| bound.abs() > EXACT) =>
            {
                Err(format!("{at} is {number}: bounds are supported to ±2^53, as far as integers are exact"))
            }
            ("multipleOf", Value::Number(number)) => self.multiple(number, at).map(|()| 0),
            ("$ref", Value::String(to)) => self.reference(to, at).map(|()| 0),
            _ if KEYWORDS.contains(&keyword) || NOTES.contains(&keyword) => Ok(0),
            _ => Err(format!("the schema's keyword {keyword:?} at {at} is not supported")),
        }
    }

    fn each(
        &mut self,
        schemas: impl Iterator<Item = (String, &'a Value)>,
        at: &str,
    ) -> Result<usize, String> {
        let mut depth = 0;
        for (name, schema) in schemas {
            depth = depth.max(self.schema(schema, &format!("{at}/{name}"))?);
        }
        Ok(depth)
    }

    fn multiple(&mut self, number: &Number, at: &str) -> Result<(), String> {
        self.multiples.insert(format!("{}", number.as_f64().unwrap_or_default()));
        let product = self.multiples.iter().map(|number| as_integer(number)).fold(1, u64::saturating_mul);
        if product <= MAX_MULTIPLE {
            Ok(())
        } else {
            Err(format!("{at}: {number} is too fine or too large to count with"))
        }
    }

    fn reference(&mut self, to: &'a str, at: &str) -> Result<(), String> {
        let pointer = to.strip_prefix('#').ok_or_else(|| {
            format!("{at} leads to {to:?}: only places in the same schema (#/…) are supported")
        })?;
        if !self.seen.insert(to) {
            return Ok(());
        }
        let schema =
            self.root.pointer(pointer).ok_or_else(|| format!("{at} leads to {to:?}, which is not there"))?;
        self.ahead.push((to, schema));
        Ok(())
    }
}

/// A decimal without its point, times ten for each place behind it: what there is to count to, whatever it is combined with.
fn as_integer(decimal: &str) -> u64 {
    let places = decimal.split_once('.').map_or(0, |(_, places)| places.len());
    let digits = decimal.replace('.', "").parse().unwrap_or(u64::MAX);
    digits.saturating_mul(10u64.saturating_pow(places as u32))
}

fn named(schemas: &Map<String, Value>) -> impl Iterator<Item = (String, &Value)> {
    schemas.iter().map(|(name, schema)| (escaped(name), schema))
}

/// A name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
