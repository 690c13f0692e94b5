//! Where llguidance would let more through than JSON Schema does.

use crate::schema::EXACT;
use serde_json::{Map, Value, json};

/// What a format asks of a text besides llguidance's expression for it. Of names of hosts: labels of at most 63 letters, of which
/// the third and fourth are no hyphens (RFC 5891), and 253 in all.
const FORMATS: [(&str, &str); 4] = [
    ("date-time", NO_LEAP_SECOND),
    ("time", NO_LEAP_SECOND),
    ("email", r"^[^@]{1,64}@([^@.\-]{1,30}(-[^@.\-]{1,30})?\.){0,2}[^@.\-]{1,30}(-[^@.\-]{1,30})?$"),
    ("hostname", r"^([^.\-]{1,30}(-[^.\-]{1,30})?\.){0,3}[^.\-]{1,30}(-[^.\-]{1,30})?$"),
];

/// There is one only at midnight UTC.
const NO_LEAP_SECOND: &str = r":[0-5][0-9](\.[0-9]+)?([zZ]|[+\-][0-9]{2}:[0-9]{2})$";

/// Makes a schema, and those in it, ask for what JSON Schema means.
pub fn tighten(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    for (keyword, value) in keywords.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                named.values_mut().for_each(tighten)
            }
            ("patternProperties", Value::Object(named)) => {
                let renamed = std::mem::take(named).into_iter();
                *named = renamed.map(|(name, schema)| (expression(&name), schema)).collect();
                named.values_mut().for_each(tighten);
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(tighten)
            }
            ("items" | "additionalItems" | "additionalProperties", schema) => tighten(schema),
            ("pattern", Value::String(pattern)) => *pattern = expression(pattern),
            _ => {}
        }
    }
    format(keywords);
    bounds(keywords);
}

fn format(keywords: &mut Map<String, Value>) {
    let Some(Value::String(format)) = keywords.get("format") else { return };
    let Some((_, pattern)) = FORMATS.iter().find(|(name, _)| name == format) else { return };
    if let Value::Array(all) = keywords.entry("allOf").or_insert_with(|| json!([])) {
        all.push(json!({ "pattern": pattern }));
    }
}

/// Integers and multiples are bound to where they are exact, as whoever reads JSON would round others.
fn bounds(keywords: &mut Map<String, Value>) {
    let is_integer = match keywords.get("type") {
        Some(Value::Array(types)) => types.contains(&json!("integer")),
        one => one == Some(&json!("integer")),
    };
    if !is_integer && !keywords.contains_key("multipleOf") {
        return;
    }
    for (bound, exclusive, exact) in
        [("minimum", "exclusiveMinimum", -EXACT), ("maximum", "exclusiveMaximum", EXACT)]
    {
        if !keywords.contains_key(exclusive) {
            keywords.entry(bound).or_insert_with(|| json!(exact));
        }
    }
}

/// An expression of ECMAScript as one of Rust's that matches no more: they differ in what is a space and in what ends a
/// line. (llguidance sees to digits and words.)
fn expression(ecmascript: &str) -> String {
    let mut rust = String::new();
    let mut in_class = false;
    let mut characters = ecmascript.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('s') => rust += r"[\s--\x{85}]",
                Some('S') => rust += r"[^\s\x{FEFF}]",
                Some(escaped) => rust.extend(['\\', escaped]),
                None => rust.push('\\'),
            },
            '.' if !in_class => rust += r"[^\n\r\x{2028}\x{2029}]",
            other => {
                in_class = (in_class || other == '[') && other != ']';
                rust.push(other);
            }
        }
    }
    rust
}
