//! JSON schemas: whatever a model says within the masks parses and is valid.

use crate::common::{CONTROL_FROM, Random, grammar, text, walk};
use jsonschema::Validator;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Case {
    name: String,
    schema: Value,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../tests/schemas.json")).unwrap()
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

/// What is wrong with a reply.
fn judge(validator: &Validator, reply: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(reply).map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(text).map_err(|error| format!("{text}: {error}"))?;
    validator.validate(&value).map_err(|error| format!("{text}: {error}"))
}

#[test]
fn walks_are_valid() {
    let cases = cases();
    assert!(cases.len() >= 50);
    let mut problems = Vec::new();
    for Case { name, schema } in cases {
        let validator = validator(&schema);
        for seed in 0..5 {
            let outcome = grammar(&json!({ "json_schema": schema }))
                .and_then(|mut grammar| walk(&mut grammar, &mut Random(seed)))
                .and_then(|reply| judge(&validator, &reply));
            if let Err(problem) = outcome {
                problems.push(format!("{name}, seed {seed}: {problem}"));
                break;
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The judge is able to say no.
#[test]
fn walks_without_masks_are_not_valid() {
    for Case { name, schema } in cases() {
        let validator = validator(&schema);
        for seed in 0..5 {
            let mut random = Random(seed);
            let reply: Vec<u8> =
                (0..20).flat_map(|_| text(random.below(CONTROL_FROM as usize) as u32)).collect();
            assert!(judge(&validator, &reply).is_err(), "{name}: {}", String::from_utf8_lossy(&reply));
        }
    }
}
