//! Files from public bug reports, and vocabularies that fuzzing found (../shared/cases).

use crate::common;
use minke::chat::template::ChatTemplate;
use minke::tokenizer::{Special, Tokenizer};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

#[derive(Clone, Deserialize)]
struct Case {
    name: String,
    file: String,
    command: String,
    /// A boolean, or `either`.
    loads: Value,
    #[serde(default)]
    must_say: Vec<String>,
    text: Option<String>,
    ids: Option<Vec<u32>>,
}

/// What is wrong with an outcome: ids (none of `inspect`), or the words of a refusal.
fn wrong(case: &Case, outcome: &Result<Option<Vec<u32>>, String>) -> Option<String> {
    match (outcome, case.loads.as_bool()) {
        (Ok(_), Some(false)) => Some("it was taken".into()),
        (Ok(ids), _) => (*ids != case.ids).then(|| format!("{ids:?}")),
        (Err(words), Some(true)) => Some(words.clone()),
        (Err(words), _) => {
            let words = words.to_lowercase();
            let said = |entry: &String| entry.to_lowercase().split('|').any(|word| words.contains(word));
            (!case.must_say.iter().all(said)).then_some(words)
        }
    }
}

fn outcome(dir: &Path, case: &Case) -> Result<Option<Vec<u32>>, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_minke"));
    command.arg(&case.command).arg(dir.join(&case.file));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut minke = command.spawn().expect("the command");
    let input = json!([case.text]).to_string();
    let _ = minke.stdin.take().expect("a pipe").write_all(input.as_bytes()); // a refusal reads nothing
    let output = minke.wait_with_output().expect("an end");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let ids = || serde_json::from_slice::<Vec<Vec<u32>>>(&output.stdout).expect("ids").swap_remove(0);
    Ok(case.ids.as_ref().map(|_| ids()))
}

#[test]
fn odd_files_are_taken_or_refused_in_words() {
    let Some(dir) = common::cases_dir("odd files") else { return };
    let cases: Vec<Case> = common::json(&dir.join("headers.json"));
    assert!(cases.len() > 15, "{}", cases.len());
    let faults: Vec<_> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, wrong(case, &outcome(&dir, case))?)))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_comparator_rejects_what_is_wrong() {
    let case = Case {
        name: "part".into(),
        file: String::new(),
        command: "inspect".into(),
        loads: json!(false),
        must_say: vec!["split|part".into(), "two".into()],
        text: None,
        ids: None,
    };
    assert_eq!(wrong(&case, &Err("Part two".into())), None);
    assert!(wrong(&case, &Err("part".into())).is_some());
    assert!(wrong(&case, &Ok(None)).is_some());
    let taken = Case { loads: json!("either"), ids: Some(vec![1]), ..case };
    assert_eq!(wrong(&taken, &Ok(Some(vec![1]))), None);
    assert!(wrong(&taken, &Ok(Some(vec![2]))).is_some());
    assert!(wrong(&Case { loads: json!(true), ..taken }, &Err("split two".into())).is_some());
}

/// Whatever the vocabulary: not by itself, and not in a template's prompt.
#[test]
fn what_a_person_writes_is_no_control_token() {
    let Some(dir) = common::cases_dir("hostile vocabularies") else { return };
    for name in ["k1-control-ignore-merges", "k2-control-duplicate", "k3-control-merge", "k4-control-mark"] {
        let header = common::header(&dir.join(format!("fuzz/{name}.gguf")));
        let tokenizer = Tokenizer::from_metadata(&header.metadata).unwrap();
        let control: Vec<&str> = tokenizer.control_tokens().collect();
        assert!(!control.is_empty(), "{name}");
        let template = ChatTemplate::new("{{ messages[0].content }}");
        for text in
            control.iter().flat_map(|token| [token.to_string(), token.repeat(5), format!("x{token}y")])
        {
            let context = json!({ "messages": [{ "role": "user", "content": text }] });
            let now = "2025-01-01T00:00:00".parse().unwrap();
            let prompt = template.render(context, tokenizer.control_tokens(), now).unwrap();
            let in_prompt = tokenizer.encode_marked(prompt.marked(), Special::Parse, prompt.mark).unwrap();
            for ids in [in_prompt, tokenizer.encode(&text, Special::Text).unwrap()] {
                assert!(!ids.iter().any(|id| tokenizer.is_control(*id)), "{name} {text:?}: {ids:?}");
                assert_eq!(tokenizer.decode(&ids), text, "{name}");
            }
        }
    }
}

#[test]
fn a_special_token_of_a_million_letters_takes_no_time() {
    let Some(dir) = common::cases_dir("a long special token") else { return };
    let header = common::header(&dir.join("fuzz/k5-finder-quadratic.gguf"));
    let texts: Vec<String> = common::json(&dir.join("fuzz/k5-input.json"));
    let start = Instant::now();
    match Tokenizer::from_metadata(&header.metadata) {
        Ok(tokenizer) => texts.iter().for_each(|text| drop(tokenizer.encode(text, Special::Text).unwrap())),
        Err(error) => assert_eq!(error.code(), "too_large"),
    }
    assert!(start.elapsed().as_secs() < 1, "{:?}", start.elapsed());
}
