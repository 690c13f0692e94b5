//! Which convention a template has, and what a request says of tools.

use super::{tool, tools};
use crate::common;
use minke::Error;
use minke::chat::template::ChatTemplate;
use minke::chat::tools::{Choice, Convention, Tool};
use serde_json::json;

#[test]
fn the_template_tells_the_convention() {
    let of = |template: &str| Convention::of(&ChatTemplate::new(template));
    let header = common::header(&common::cached(common::DEEPSEEK_HEAD));
    let distilled = header.metadata.str("tokenizer.chat_template").unwrap().unwrap();
    assert_eq!(of(distilled), Some(Convention::DeepSeekR1));
    assert!(!ChatTemplate::new(distilled).mentions("tools")); // it writes calls, and tells of no tools
    let v31 = "{{'<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>'+ call.name + '<｜tool▁sep｜>' + call.arguments + '<｜tool▁call▁end｜>'}}";
    let qwen = r#"{{- '\n<tool_call>\n{"name": "' }}{{- call.name }}{{- '", "arguments": ' }}{{- call.arguments | tojson }}"#;
    let escaped = r#"{{- "<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>" }}"#;
    let coder = r#"{{- '\n<tool_call>\n<function=' + call.name + '>\n' }}{% for name, value in call.arguments | items %}"#;
    let llama = r#"{{- '<|start_header_id|>assistant' }}{{- '{"name": "' + call.name + '", ' }}{{- '"parameters": ' }}"#;
    let plain = "{% for message in messages %}{{ '<|start_header_id|>' + message.role + message.content }}{% endfor %}";
    for (template, convention) in [
        (v31, Some(Convention::DeepSeekV31)),
        (qwen, Some(Convention::Hermes)),
        (escaped, Some(Convention::Hermes)),
        (coder, None),
        (llama, Some(Convention::Llama)),
        (plain, None),
    ] {
        assert_eq!(of(template), convention, "{template}");
    }
}

/// Of control tokens only these reach the parser.
#[test]
fn marks_are_known_by_their_text() {
    for (convention, marks) in [
        (Convention::DeepSeekR1, &["<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"][..]),
        (Convention::Hermes, &["<tool_call>", "</tool_call>"]),
        (Convention::Llama, &["<|python_tag|>"]),
    ] {
        assert!(marks.iter().all(|mark| convention.is_marker(mark)));
        assert!(!convention.is_marker("<|im_end|>") && !convention.is_marker(""));
    }
    assert!(!Convention::Llama.is_marker("<tool_call>"));
}

fn refused<T: std::fmt::Debug>(result: minke::Result<T>, name: &str) {
    match result {
        Err(Error::InvalidRequest { param, .. }) => assert_eq!(param, name),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let good = tool("a", json!({}), false);
    for (bad, param) in [
        (json!({ "type": "web_search" }), ".type"),
        (json!({ "type": "function" }), ".function.name"),
        (tool("two words", json!({}), false), ".function.name"),
        (good.clone(), ".function.name"),
        (tool("b", json!([]), false), ".function.parameters"),
        (json!({ "type": "function", "function": { "name": "b", "strict": 1 } }), ".function.strict"),
    ] {
        refused(Tool::read_all(&[good.clone(), bad]), &format!("tools[1]{param}"));
    }
    let tools = tools();
    let of = |name: &str| json!({ "type": "function", "function": { "name": name } });
    assert_eq!(Choice::read(&json!("auto"), &[]).unwrap(), Choice::Auto);
    assert_eq!(Choice::read(&json!("required"), &tools).unwrap(), Choice::Required);
    assert_eq!(Choice::read(&of("time"), &tools).unwrap(), Choice::Function("time".into()));
    for (choice, tools) in [
        (json!("required"), &[][..]),
        (of("sing"), &tools),
        (json!("any"), &tools),
        (json!({ "name": "time" }), &tools),
    ] {
        refused(Choice::read(&choice, tools), "tool_choice");
    }
}
