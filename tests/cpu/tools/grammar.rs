//! Grammars of calls.

use super::tool;
use minke::chat::tools::{Choice, Convention, Tool, grammar};
use serde_json::{Value, json};

/// Tokens from 1 on.
const MARKS: [&str; 8] = [
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁calls▁end｜>",
    "<tool_call>",
    "</tool_call>",
    "<|python_tag|>",
];

/// That these grammars let pass what they should, and nothing else, was tried with llguidance 1.9.1.
#[test]
fn the_grammar_forces_what_was_chosen() {
    let city = json!({ "description": "50 %", "type": "object", "properties": { "city": {} } });
    let tools = Tool::read_all(&[tool("weather", city, true), tool("time", Value::Null, false)]).unwrap();
    let id = |text: &str| MARKS.iter().position(|mark| *mark == text).map(|at| at as u32 + 1);
    let no_id = |_: &str| None;
    let schema = r#"%json {"description":"50 \u0025","type":"object","properties":{"city":{}}}"#;
    let any = r#"%json {"type":"object"}"#;
    let time = Choice::Function("time".into());
    let of =
        |convention, choice: &Choice, parallel| grammar(convention, &tools, choice, parallel, id).unwrap();
    let text =
        |convention, choice: &Choice, parallel| grammar(convention, &tools, choice, parallel, no_id).unwrap();
    for (found, expected) in [
        (
            of(Convention::DeepSeekR1, &time, false),
            format!(
                "start: <[1]> <[2]> calls\ncalls: call <[5]>\ncall: \"function\" <[3]> \"time\\n```json\\n\" {any} \"\\n```\" <[4]>\n"
            ),
        ),
        (
            of(Convention::DeepSeekV31, &time, true),
            format!(
                "start: <[1]> <[2]> calls\nmore: <[2]> call\ncalls: call more* <[5]>\ncall: \"time\" <[3]> {any} <[4]>\n"
            ),
        ),
        (
            of(Convention::Hermes, &Choice::Auto, true),
            format!(
                "start: TEXT | TEXT <[6]> calls\nTEXT: /(?s:.*)/\nmore: \"\\n\" <[6]> call\ncalls: call more*\ncall: \"\\n{{\\\"name\\\": \\\"weather\\\", \\\"arguments\\\": \" {schema} \"}}\\n\" <[7]>\n  | \"\\n{{\\\"name\\\": \\\"time\\\", \\\"arguments\\\": \" {any} \"}}\\n\" <[7]>\n"
            ),
        ),
        (
            text(Convention::DeepSeekV31, &Choice::Auto, false),
            format!(
                "start: TEXT | open \"<｜tool▁call▁begin｜>\" calls\nopen[lazy]: TEXT \"<｜tool▁calls▁begin｜>\"\nTEXT: /(?s:.*)/\ncalls: call \"<｜tool▁calls▁end｜>\"\ncall: \"weather<｜tool▁sep｜>\" {schema} \"<｜tool▁call▁end｜>\"\n  | \"time<｜tool▁sep｜>\" {any} \"<｜tool▁call▁end｜>\"\n"
            ),
        ),
        (
            text(Convention::Llama, &time, false),
            format!(
                "start: calls\ncalls: call\ncall: \"{{\\\"name\\\": \\\"time\\\", \\\"parameters\\\": \" {any} \"}}\"\n"
            ),
        ),
    ] {
        assert_eq!(found, expected);
    }
    assert!(
        of(Convention::Llama, &Choice::Auto, false).starts_with("start: TEXT | calls | TEXT <[8]> calls\n")
    );
    assert_eq!(grammar(Convention::Hermes, &tools[1..], &Choice::Auto, true, id), None);
}
