//! Forms one by one: what may come where.

use crate::common::{CONTROL, CONTROL_FROM, ENDS, Random, VOCABULARY, allowed, grammar, text, walk};
use minke_grammar::{Grammar, Vocabulary};
use serde_json::{Value, json};

/// The id of a control token.
fn control(name: &str) -> u32 {
    CONTROL_FROM + CONTROL.iter().position(|control| *control == name).unwrap() as u32
}

fn open(form: Value) -> Grammar {
    grammar(&form).unwrap()
}

/// Commits a text byte by byte; whether the reply is finished.
fn say(grammar: &mut Grammar, text: &str) -> bool {
    text.bytes().map(|byte| grammar.commit(byte.into()).unwrap()).last().unwrap()
}

/// The single bytes and end tokens that may come next; an end as `$`.
fn next(grammar: &mut Grammar) -> String {
    let tokens = allowed(&grammar.mask().unwrap());
    let ends: Vec<_> = tokens.iter().filter(|token| ENDS.contains(token)).collect();
    assert!(ends.is_empty() || ends.len() == ENDS.len(), "all end tokens or none");
    let bytes: String =
        tokens.iter().filter(|token| **token < 128).map(|token| char::from(*token as u8)).collect();
    if ends.is_empty() { bytes } else { bytes + "$" }
}

/// The longest tokens first, as a simple tokenizer has it.
fn tokenize(mut bytes: &[u8]) -> Vec<u32> {
    let mut tokens = Vec::new();
    while !bytes.is_empty() {
        let fits = (0..CONTROL_FROM).filter(|token| bytes.starts_with(&text(*token)));
        let longest = fits.max_by_key(|token| text(*token).len()).unwrap();
        bytes = &bytes[text(longest).len()..];
        tokens.push(longest);
    }
    tokens
}

#[test]
fn a_regular_expression_holds_from_end_to_end() {
    let mut grammar = open(json!({ "regex": "a[bc]d?" }));
    assert_eq!(next(&mut grammar), "a");
    assert!(!say(&mut grammar, "a"));
    assert_eq!(next(&mut grammar), "bc");
    assert!(!say(&mut grammar, "b"));
    assert_eq!(next(&mut grammar), "d$");
    assert!(say(&mut grammar, "d"));
    assert_eq!(next(&mut grammar), "$");
    assert!(grammar.commit(b'd'.into()).unwrap_err().contains("finished"));
    assert!(grammar.commit(ENDS[1]).unwrap());
}

#[test]
fn what_a_mask_does_not_allow_is_refused() {
    let mut grammar = open(json!({ "regex": "a" }));
    assert!(grammar.commit(b'b'.into()).is_err());
}

#[test]
fn an_object_has_spaces_but_not_without_end() {
    let mut grammar = open(json!({ "json_object": true }));
    assert_eq!(next(&mut grammar), "{");
    say(&mut grammar, "{");
    assert_eq!(next(&mut grammar), "\n \"}");
    say(&mut grammar, "\n");
    say(&mut grammar, &" ".repeat(40));
    assert_eq!(next(&mut grammar), "\"}");
    assert!(say(&mut grammar, "}"), "nothing follows the object, not even a space");
    for seed in 0..20 {
        let reply = walk(&mut open(json!({ "json_object": true })), &mut Random(seed)).unwrap();
        assert!(serde_json::from_slice::<Value>(&reply).unwrap().is_object());
    }
}

#[test]
fn integers_stop_where_they_are_no_longer_exact() {
    let mut grammar = open(json!({ "json_schema": { "type": "integer" } }));
    say(&mut grammar, "900719925474099");
    assert_eq!(next(&mut grammar), "012$");
    assert!(say(&mut grammar, "2"));
}

#[test]
fn control_tokens_come_only_where_they_are_named() {
    let text = open(json!({ "regex": "(?s:.*)" })).mask().unwrap();
    let others: Vec<_> = allowed(&text).into_iter().filter(|token| *token >= CONTROL_FROM).collect();
    assert_eq!(others, ENDS);

    let schema =
        r#"{"type": "object", "properties": {"city": {"enum": ["Rome", "Paris"]}}, "required": ["city"]}"#;
    let lark = format!(
        "start: <｜tool▁calls▁begin｜> \"weather\" <｜tool▁sep｜> arguments\narguments: %json {schema}"
    );
    let mut grammar = open(json!({ "lark": lark }));
    assert_eq!(allowed(&grammar.mask().unwrap()), [control("<｜tool▁calls▁begin｜>")]);
    let forced = grammar.forced(tokenize);
    let expected =
        [tokenize(b"weather"), vec![control("<｜tool▁sep｜>")], tokenize(b"{\"city\": \"")].concat();
    assert_eq!(forced[0], control("<｜tool▁calls▁begin｜>"));
    assert_eq!(forced[1..], expected);
    assert!(forced.iter().all(|token| !grammar.commit(*token).unwrap()));
    assert_eq!(next(&mut grammar), "PR");
    assert!(grammar.forced(tokenize).is_empty());
    say(&mut grammar, "P");
    assert_eq!(
        grammar.forced(tokenize),
        tokenize(b"aris"),
        "the model chooses how the quote and the brace are written"
    );
}

#[test]
fn a_control_token_can_be_named_by_its_id() {
    let think = control("<think>");
    let mut grammar = open(json!({ "lark": format!("start: <[{think}]> \"x\"") }));
    assert_eq!(allowed(&grammar.mask().unwrap()), [think]);
}

/// `forced` says nothing that a model could still say otherwise, and misses nothing but open ends.
#[test]
fn forced_tokens_are_those_that_masks_force() {
    let schema = json!({ "type": "object", "properties": { "a name": { "const": "ä" }, "n": { "type": "integer" } }, "required": ["a name", "n"] });
    let mut grammar = open(json!({ "json_schema": schema }));
    let forced = grammar.forced(tokenize);
    let written: Vec<u8> = forced.iter().flat_map(|token| text(*token)).collect();
    assert_eq!(String::from_utf8(written).unwrap(), "{\"a name\": \"ä\", \"n\": ");
    forced.iter().for_each(|token| assert!(!grammar.commit(*token).unwrap()));
    assert_eq!(next(&mut grammar), "-0123456789");
}

#[test]
fn a_tokenizer_that_changes_text_forces_nothing() {
    let mut grammar = open(json!({ "regex": "abc" }));
    assert!(grammar.forced(|_| vec![b'x'.into()]).is_empty());
    assert_eq!(grammar.forced(tokenize), tokenize(b"abc"));
}

#[test]
fn vocabularies_that_cannot_be_used_are_refused() {
    let none: [(&[u8], bool); 0] = [];
    let refusal =
        |tokens: &[(&[u8], bool)], ends: &[u32]| Vocabulary::new(tokens.iter().copied(), ends).err().unwrap();
    assert!(refusal(&none, &[]).contains("no token that ends a reply"));
    assert!(refusal(&[(b"a", false)], &[1]).contains("token 1"));
    let long = vec![b'a'; 512];
    assert!(refusal(&vec![(&long[..], false); 10_000], &[0]).contains("bytes"));
}

/// Tokens without text, as some vocabularies have them, and one that is longer than llguidance can take.
#[test]
fn odd_tokens_are_never_allowed() {
    let long = vec![b'a'; 100_000];
    let tokens: [(&[u8], bool); 5] =
        [(b"a", false), (b"", false), (&long, false), (b"", true), (b"<end>", false)];
    let vocabulary = Vocabulary::new(tokens.into_iter(), &[4]).unwrap();
    let mut grammar = Grammar::new(&vocabulary, r#"{"regex": "a*"}"#).unwrap();
    assert_eq!(allowed(&grammar.mask().unwrap()), [0, 4]);
}

#[test]
fn errors_name_what_is_wrong() {
    let cases = [
        (json!({ "xml": "" }), "`xml`"),
        (json!({ "json_object": false }), "json_object"),
        (json!({ "json_schema": 3 }), "# is 3"),
        (json!({ "json_schema": false }), "false"),
        (
            json!({ "json_schema": { "properties": { "a/b": { "not": {} } } } }),
            "\"not\" at #/properties/a~1b/not",
        ),
        (json!({ "json_schema": { "minLenght": 1 } }), "\"minLenght\" at #/minLenght"),
        (json!({ "json_schema": { "x-guidance": { "lenient": true } } }), "x-guidance"),
        (json!({ "json_schema": { "items": [{ "uniqueItems": true }] } }), "#/items/0/uniqueItems"),
        (
            json!({ "json_schema": { "$ref": "#/$defs/a", "$defs": { "a": { "if": {} } } } }),
            "\"if\" at #/$defs/a/if",
        ),
        (json!({ "json_schema": { "$ref": "#/$defs/a" } }), "#/$defs/a"),
        (json!({ "json_schema": { "$ref": "https://example.com" } }), "https://example.com"),
        (json!({ "json_schema": { "minimum": -1e300 } }), "#/minimum is -1e+300"),
        (json!({ "json_schema": { "type": "text" } }), "text"),
        (json!({ "json_schema": { "format": "iri" } }), "iri"),
        (json!({ "json_schema": { "type": "string", "pattern": "a(" } }), "a("),
        (json!({ "json_schema": { "type": "string", "pattern": "a(?!b)" } }), "look-around"),
        (json!({ "json_schema": { "type": "string", "minLength": 3, "maxLength": 2 } }), "minLength (3)"),
        (json!({ "json_schema": { "oneOf": [{ "type": "string" }, { "minLength": 3 }] } }), "oneOf"),
        (json!({ "json_schema": { "enum": [] } }), "anyOf is empty"),
        (json!({ "regex": "a(" }), "unclosed group"),
        (json!({ "lark": "" }), "start"),
        (json!({ "lark": "start: other" }), "other"),
        (json!({ "lark": "start: <nothing>" }), "<nothing>"),
        (json!({ "lark": "start: <[999999]>" }), "999999"),
        (json!({ "lark": "start: \"a\" %json {\"not\": {}}" }), "\"not\" at #/not"),
        (json!({ "lark": "start: %json {" }), "json"),
    ];
    for (form, expected) in cases {
        match Grammar::new(&VOCABULARY, &form.to_string()) {
            Ok(_) => panic!("accepted: {form}"),
            Err(error) => assert!(error.contains(expected), "{form}: {error}"),
        }
    }
}
