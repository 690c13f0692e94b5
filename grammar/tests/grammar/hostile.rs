//! Forms that would cost too much, or that lead nowhere: refused in words, or cheap enough.

use crate::common::{Random, VOCABULARY, walk};
use minke_grammar::Grammar;
use serde_json::{Map, Value, json};

/// A definition for each of `n` names that leads to the next, by `link`.
fn chain(n: usize, link: impl Fn(Value) -> Value) -> Value {
    let next = |index| link(json!({ "$ref": format!("#/$defs/{}", index + 1) }));
    let mut definitions: Map<_, _> = (0..n).map(|index| (index.to_string(), next(index))).collect();
    definitions.insert(n.to_string(), json!({ "type": "null" }));
    json!({ "json_schema": { "$defs": definitions, "$ref": "#/$defs/0" } })
}

fn optional_properties(n: usize) -> Value {
    let properties: Map<_, _> =
        (0..n).map(|index| (format!("p{index}"), json!({ "type": "null" }))).collect();
    json!({ "json_schema": { "type": "object", "properties": properties, "additionalProperties": false } })
}

/// Rules that each name the next, on `n` lines and one.
fn chain_of_rules(n: usize) -> String {
    let rules: String = (1..n).map(|index| format!("r{index}: r{}\n", index + 1)).collect();
    format!("start: r1\n{rules}r{n}: \"x\"")
}

#[test]
fn what_costs_too_much_is_refused() {
    let any =
        |_| json!({ "anyOf": [{ "properties": { "a": { "type": "integer" } } }, { "required": ["b"] }] });
    let multiples = |values: &[f64]| {
        let each = values.iter().map(|value| json!({ "multipleOf": value }));
        json!({ "json_schema": { "type": "integer", "allOf": Value::from_iter(each) } })
    };
    let alternatives = (0..5_000).map(|index| json!({ "const": index }));
    let cases = [
        (
            format!(r#"{{"json_schema":{}{{}}{}}}"#, r#"{"items":"#.repeat(10_000), "}".repeat(10_000)),
            "recursion limit",
        ),
        (chain(300, |next| next).to_string(), "nested deeper than 256"),
        (chain(130, |next| json!({ "properties": { "a": next } })).to_string(), "nested deeper than 256"),
        (
            json!({ "json_schema": { "allOf": Value::from_iter((0..16).map(any)) } }).to_string(),
            "schema too large",
        ),
        (json!({ "json_schema": { "oneOf": Value::from_iter(alternatives) } }).to_string(), "more than 5000"),
        (optional_properties(1_001).to_string(), "1001 properties"),
        (multiples(&[999_999_937.0]).to_string(), "999999937"),
        (multiples(&[1_009.0, 1_013.0]).to_string(), "to count with"),
        (multiples(&[1e-12]).to_string(), "1e-12"),
        (json!({ "regex": format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000)) }).to_string(), "nest"),
        (
            json!({ "lark": format!("start: {}\"a\"{}", "(".repeat(500), ")".repeat(500)) }).to_string(),
            "nested",
        ),
        (json!({ "lark": chain_of_rules(601) }).to_string(), "lines and brackets"),
        (json!({ "lark": format!("start: {}", "\"a\" ".repeat(70_000)) }).to_string(), "grammar size"),
        (json!({ "lark": "x".repeat(1 << 20) }).to_string(), "1048587 bytes"),
    ];
    for (form, expected) in cases {
        let shown: String = form.chars().take(200).collect();
        match Grammar::new(&VOCABULARY, &form) {
            Ok(_) => panic!("accepted: {shown}"),
            Err(error) => assert!(error.contains(expected), "{shown}: {error}"),
        }
    }
}

#[test]
fn what_looks_expensive_but_is_not_works() {
    let array = |keyword: &str, n: u64| json!({ "json_schema": { "type": "array", "items": { "type": "null" }, keyword: n } });
    let cases = [
        chain(120, |next| json!({ "properties": { "a": next } })),
        chain(60, |next| json!({ "allOf": [{ "anyOf": [next, { "type": "boolean" }] }] })),
        optional_properties(1_000),
        array("maxItems", 1 << 53),
        json!({ "json_schema": { "enum": Value::from_iter((0..5_000).map(|index| format!("word {index}"))) } }),
        json!({ "json_schema": { "type": "string", "maxLength": 1_000_000 } }),
        json!({ "json_schema": { "type": "integer", "multipleOf": 1_000, "maximum": 1e15 } }),
        json!({ "regex": "(a+)+b" }),
        json!({ "regex": "(a|b)*a(a|b){40}" }),
        json!({ "lark": chain_of_rules(600) }),
        json!({ "lark": "start: start start | \"a\" |" }),
    ];
    for form in cases {
        let mut grammar = Grammar::new(&VOCABULARY, &form.to_string()).unwrap();
        walk(&mut grammar, &mut Random(0)).unwrap();
    }
}

/// What has no end has a beginning; then the limit on the reply's length ends it.
#[test]
fn what_never_ends_goes_on() {
    let itself = json!({ "type": "object", "properties": { "a": { "$ref": "#" } }, "required": ["a"] });
    for form in [
        json!({ "json_schema": itself }),
        json!({ "json_schema": { "type": "array", "items": { "type": "null" }, "minItems": 4_000_000_000u64 } }),
        json!({ "json_schema": { "type": "string", "minLength": 4_000_000_000u64 } }),
        json!({ "regex": "((((a{1000}){1000}){1000}){1000}){1000}" }),
        json!({ "lark": "start: (\"a\" | \"b\"){1000000}" }),
    ] {
        let mut grammar = Grammar::new(&VOCABULARY, &form.to_string()).unwrap();
        assert!(walk(&mut grammar, &mut Random(0)).unwrap_err().starts_with("no end within"));
    }
}

/// References in a circle, which say nothing.
#[test]
fn circles_are_refused() {
    let circles = [
        (json!({ "$ref": "#" }), "nothing that could come next"),
        (
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } } }),
            "nothing",
        ),
        (json!({ "allOf": [{ "$ref": "#" }], "type": "object" }), "circular references"),
    ];
    for (schema, expected) in circles {
        let error = Grammar::new(&VOCABULARY, &json!({ "json_schema": schema }).to_string()).err().unwrap();
        assert!(error.contains(expected), "{schema}: {error}");
    }
}
