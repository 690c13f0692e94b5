//! The form of a reply as a caller writes it, made ready for llguidance.

use crate::schema::check;
use crate::tighten::tighten;
use llguidance::JsonCompileOptions;
use llguidance::api::{GrammarWithLexer, StopReason};
use serde::Deserialize;
use serde_json::{Deserializer, Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    JsonSchema(Value),
    JsonObject(bool),
    Regex(String),
    Lark(String),
}

/// Longest form. Larger ones take seconds.
const MAX_BYTES: usize = 1 << 20;

/// What stands between the parts of any object: nothing, a space, or a new line with its indentation. A model that may
/// write any whitespace can go on with it for ever.
const SPACE: &str = r" |\n[ \t]{0,40}";

/// See [`crate::Grammar::new`].
pub fn read(form: &str) -> Result<GrammarWithLexer, String> {
    if form.len() > MAX_BYTES {
        return Err(format!("the reply's form has {} bytes: at most {MAX_BYTES} are supported", form.len()));
    }
    let form =
        serde_json::from_str(form).map_err(|error| format!("the reply's form cannot be read: {error}"))?;
    Ok(match form {
        Form::JsonSchema(schema) => GrammarWithLexer::from_json_schema(ready(schema)?),
        Form::JsonObject(true) => GrammarWithLexer::from_json_schema(any_object()),
        Form::JsonObject(false) => return Err("json_object must be true".into()),
        Form::Regex(regex) => GrammarWithLexer::from_regex(&regex),
        Form::Lark(lark) => GrammarWithLexer::from_lark(with_schemas_ready(&lark)?),
    })
}

fn any_object() -> Value {
    let mut schema = json!({ "type": "object" });
    let options =
        JsonCompileOptions { whitespace_pattern: Some(SPACE.into()), ..JsonCompileOptions::default() };
    options.apply_to(&mut schema);
    schema
}

/// A schema that has passed the checks, with how JSON is spaced: as most libraries do, and with no choice, so that there is
/// more which the model need not be asked for.
fn ready(schema: Value) -> Result<Value, String> {
    let mut schema = match schema {
        Value::Bool(true) => json!({}),
        Value::Bool(false) => return Err("nothing is valid by the schema false".into()),
        schema => schema,
    };
    check(&schema)?;
    tighten(&mut schema);
    let options = JsonCompileOptions {
        whitespace_flexible: false,
        item_separator: ", ".into(),
        key_separator: ": ".into(),
        ..JsonCompileOptions::default()
    };
    options.apply_to(&mut schema);
    Ok(schema)
}

/// Most lines and brackets of a Lark grammar, schemas not counted: llguidance calls itself for each rule that another one
/// names, and for each bracket.
const MAX_LARK: usize = 600;

/// A Lark grammar whose schemas (`%json {…}`) are [`ready`].
fn with_schemas_ready(lark: &str) -> Result<String, String> {
    const SCHEMA: &str = "%json";
    let mut whole = String::new();
    let mut size = 0;
    for (index, part) in lark.split(SCHEMA).enumerate() {
        let (schema, rest) = if index == 0 { (String::new(), part) } else { leading_schema(part)? };
        size += rest.matches(['\n', '(', '[', '{']).count();
        let keyword = if index == 0 { "" } else { SCHEMA };
        whole += &[keyword, &schema, rest].concat();
    }
    if size > MAX_LARK {
        return Err(format!(
            "the Lark grammar has {size} lines and brackets: at most {MAX_LARK} are supported"
        ));
    }
    Ok(whole)
}

/// The schema that a text begins with, and what follows; none if that is not JSON, as llguidance will say.
fn leading_schema(text: &str) -> Result<(String, &str), String> {
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(schema)) => Ok((format!(" {}", ready(schema)?), &text[values.byte_offset()..])),
        _ => Ok((String::new(), text)),
    }
}

/// An error of llguidance for someone who has only the form to change.
pub fn words(error: &impl ToString) -> String {
    let text = error.to_string();
    if text.contains("coerce_one_of") {
        return "oneOf is supported where its alternatives differ in type or in a constant property: use anyOf".into();
    }
    if text == StopReason::NoExtensionBias.to_string() {
        return "the reply's form leaves nothing that could come next".into();
    }
    let without_state = text.split("\n<").next().unwrap_or_default();
    let lines = without_state.lines().take(12).map(|line| line.chars().take(200).collect());
    lines.collect::<Vec<String>>().join("\n")
}
