//! The order of the modules (ARCHITECTURE.md): imports run downwards only, and only some modules name wgpu or JavaScript.
//! And the size of files and functions.

use crate::common;
use minke::kernels::rope::Heads;
use minke::kv_type::KvTypes;
use minke::model::arch::dense::position_bytes;
use minke::model::kv_cache::KvCache;
use minke::tokenizer::Tokenizer;
use std::path::{Path, PathBuf};

/// Each module of src/ and what it imports, from the bottom up: a module may import those it names, and all that
/// lie below them.
const MODULES: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("quant", &["error"]),
    ("kv_type", &["error"]),
    ("reference", &["quant", "kv_type"]),
    ("gguf", &["quant"]),
    ("config", &["gguf"]),
    ("trie", &[]),
    ("tokenizer", &["gguf", "trie"]),
    ("sampler", &["error"]),
    ("chat", &["error", "trie"]),
    ("gpu", &["kv_type"]),
    ("kernels", &["gpu", "quant"]),
    ("model", &["kernels", "config", "reference", "sampler"]),
    ("store", &["model"]),
    ("context", &["model"]),
    ("engine", &["context", "chat", "tokenizer"]),
    ("web", &["engine", "store"]),
    ("bin", &["engine", "store"]),
];

/// Foreign crates that only these modules name.
const FOREIGN: &[(&str, &[&str])] = &[
    ("wgpu", &["gpu"]),
    ("js_sys", &["web"]),
    ("web_sys", &["web"]),
    ("wasm_bindgen", &["web"]),
    ("wasm_bindgen_futures", &["web"]),
    ("serde_wasm_bindgen", &["web"]),
];

fn imports(module: &str) -> Option<&'static [&'static str]> {
    MODULES.iter().find(|row| row.0 == module).map(|row| row.1)
}

fn may_import(module: &str, other: &str) -> bool {
    let below = imports(module).unwrap_or_default();
    module == other || below.iter().any(|next| may_import(next, other))
}

/// Identifiers, `::`, and other characters one by one; without comments.
fn tokens(source: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for line in source.lines() {
        let mut rest = line.split("//").next().unwrap_or_default();
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let length = if rest.starts_with("::") { 2 } else { word.max(first.len_utf8()) };
            let (token, after) = rest.split_at(length);
            tokens.extend(Some(token).filter(|t| !t.trim().is_empty()));
            rest = after;
        }
    }
    tokens
}

/// The first names of the paths after a root: of `a::b` that is `a`, of `{a::b, c::{d, e}}` `a` and `c`.
fn heads<'s>(path: &[&'s str]) -> Vec<&'s str> {
    let mut depth = 0;
    let mut heads = Vec::new();
    for (i, token) in path.iter().enumerate() {
        match *token {
            "{" => depth += 1,
            "}" => depth -= 1,
            name if depth == 0 || (depth == 1 && matches!(path[i - 1], "{" | ",")) => heads.push(name),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

/// What a file of `module` must not name.
fn violations(module: &str, source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let mut wrong = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        if FOREIGN.iter().any(|(name, modules)| name == token && !modules.contains(&module)) {
            wrong.push((*token).to_owned());
        }
        if matches!(*token, "crate" | "minke" | "super") && tokens.get(i + 1) == Some(&"::") {
            let named = heads(&tokens[i + 2..]).into_iter();
            let upward = named.filter(|name| imports(name).is_some() && !may_import(module, name));
            wrong.extend(upward.map(String::from));
        }
    }
    wrong
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn imports_run_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = std::collections::BTreeSet::new();
    for file in files(&src) {
        let path = file.strip_prefix(&src).expect("a path in src/").with_extension("");
        let module = path.iter().next().and_then(|name| name.to_str()).expect("a name").to_owned();
        if module == "lib" {
            continue; // the crate's root declares the modules
        }
        assert!(
            imports(&module).is_some(),
            "src/{module} is no module yet: give it its place in tests/cpu/house.rs"
        );
        let source = std::fs::read_to_string(&file).expect("a readable file");
        let wrong = violations(&module, &source);
        assert!(wrong.is_empty(), "{}: {module} must not name {}", file.display(), wrong.join(", "));
        seen.insert(module);
    }
    assert_eq!(seen.len(), MODULES.len(), "{seen:?}");
}

#[test]
fn each_module_stands_on_those_before_it() {
    for (i, (module, below)) in MODULES.iter().enumerate() {
        let before = |name: &&str| MODULES[..i].iter().any(|row| row.0 == *name);
        assert!(below.iter().all(before), "{module}");
    }
}

#[test]
fn the_checker_sees_what_is_forbidden() {
    for (module, source, named) in [
        ("context", "use crate::engine::Engine;", "engine"),
        ("context", "use crate::chat::template::ChatTemplate;", "chat"),
        ("model", "use crate::{Error, gguf::{Header, Value}, web::{engine, source}};", "web"),
        ("model", "use crate::{\n    context::{self, Context},\n    Result,\n};", "context"),
        ("gguf", "fn f() -> crate::config::Rope {}", "config"),
        ("quant", "use super::gguf::Header; // of src/quant.rs: the crate's root", "gguf"),
        ("chat", "let t = crate::tokenizer::Special::Text;", "tokenizer"),
        ("bin", "use minke::web;", "web"),
        ("kernels", "pub x: wgpu::Buffer,", "wgpu"),
        ("engine", "#[wasm_bindgen]", "wasm_bindgen"),
        ("context", "use js_sys::Date;", "js_sys"),
        ("gpu", "use web_sys::Window;", "web_sys"),
    ] {
        assert_eq!(violations(module, source), [named], "{module}: {source}");
    }
}

#[test]
fn the_checker_lets_the_rest_pass() {
    for (module, source) in [
        ("context", "use crate::model::{MAX_BATCH, Model};\nuse crate::{Error, Result};"),
        ("model", "use super::weights::{engine, web};\nuse crate::gpu::{Buffer, Gpu};"),
        ("tokenizer", "/// See [`crate::chat::template::Rendered`].\npub(crate) fn f() {}"),
        ("gpu", "use crate::kv_type::KvType;\nfn f(x: &wgpu::Buffer) {}"),
        ("web", "use crate::tokenizer::Special;\nuse wasm_bindgen::prelude::*;"),
        ("bin", "use crate::source::load;\nuse minke::{Error, gguf::Header};"),
    ] {
        assert!(violations(module, source).is_empty(), "{module}: {:?}", violations(module, source));
    }
}

/// Lines of the longest function of a Rust source as rustfmt leaves it, and its first line.
fn longest_function(source: &str) -> (usize, &str) {
    let lines: Vec<_> = source.lines().collect();
    let is_function = |line: &str| {
        let before = line.split("fn ").next().unwrap_or_default();
        line.contains("fn ") && before.split_whitespace().all(|word| word.starts_with(char::is_lowercase))
    };
    let length = |first: usize| {
        let indent = " ".repeat(lines[first].len() - lines[first].trim_start().len());
        let (body_end, declaration_end) = (format!("{indent}}}"), format!("{indent})"));
        let is_last = |i: usize, line: &str| {
            line.starts_with(&body_end)
                || i == first && line.ends_with(['}', ';'])
                || line.starts_with(&declaration_end) && line.ends_with(';')
        };
        (first..lines.len()).find(|i| is_last(*i, lines[*i])).map_or(0, |last| last + 1 - first)
    };
    let functions = (0..lines.len()).filter(|i| is_function(lines[*i]));
    functions.map(|first| (length(first), lines[first])).max().unwrap_or((0, ""))
}

#[test]
fn files_and_functions_are_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, most) in [("src", 400), ("tests", 400), ("shaders", 200)] {
        for file in files(&root.join(folder)) {
            let extension = file.extension().and_then(|extension| extension.to_str());
            if !matches!(extension, Some("rs" | "wgsl")) {
                continue;
            }
            let source = std::fs::read_to_string(&file).expect("a readable file");
            let lines = source.lines().count();
            assert!(lines <= most, "{} has {lines} lines", file.display());
            let (lines, function) = longest_function(&source);
            assert!(
                extension == Some("wgsl") || lines <= 60,
                "{}: {lines} lines: {function}",
                file.display()
            );
        }
    }
}

#[test]
fn the_length_of_a_function_is_seen() {
    let body = "    let a = 1;\n".repeat(70);
    let source = format!(
        "mod a {{\n    fn short() {{}}\n    pub async fn long(\n        a: u8,\n    ) {{\n{body}    }}\n}}\n"
    );
    let (lines, function) = longest_function(&source);
    assert!(lines > 60 && function.contains("long"), "{lines}: {function}");
    assert_eq!(longest_function("// fn of words\nconst A: u8 = 1;\n").0, 0);
}

/// What the row `| name | ... |` of a README's table says.
fn row<'r>(readme: &'r str, name: &str) -> &'r str {
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|')?.split_once('|'));
    rows.map(|(key, text)| (key.trim(), text.trim())).find(|row| row.0 == name).expect(name).1
}

/// A list without what stands in parentheses: `a (b, c), d` is a and d.
fn names(text: &str) -> Vec<&str> {
    let outside = text.split('(').map(|part| part.split_once(')').map_or(part, |(_, after)| after));
    outside.flat_map(|part| part.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect()
}

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("README.md")
}

/// The list in the error that refuses a file of the vectors.
fn supported<T: std::fmt::Debug>(file: &str, read: fn(&minke::gguf::Header) -> minke::Result<T>) -> String {
    let header = common::header(&common::vectors_dir().join("refuse").join(file));
    match read(&header) {
        Err(minke::Error::Unsupported { supported: Some(list), .. }) => list,
        other => panic!("{file}: {other:?}"),
    }
}

#[test]
fn readme_lists_what_the_code_supports() {
    let readme = readme();
    let formats: Vec<_> = minke::quant::GgmlType::supported().map(|ty| ty.name()).collect();
    assert_eq!(names(row(&readme, "Formats")), formats);
    let architectures = supported("gemma2.gguf", minke::config::ModelConfig::from_header);
    assert_eq!(names(row(&readme, "Architectures")), names(&architectures));
    let pre_tokenizers = supported("pre-unknown.gguf", |header| Tokenizer::from_metadata(&header.metadata));
    let (bpe, other) = row(&readme, "Tokenizers").split_once(';').expect("BPE; SentencePiece");
    assert_eq!(bpe, format!("byte-level BPE with the pre-tokenizers {pre_tokenizers}"));
    assert_eq!(other, " SentencePiece (`llama`)");
    let (tiers, _) = row(&readme, "Tiers").split_once(':').expect("words: what they mean");
    assert_eq!(tiers, "subgroups no or yes; limits adapter or default");
}

/// R1-Distill-Qwen-1.5B has 28 layers with two key heads of 128 elements.
#[test]
fn readme_tells_what_a_position_takes() {
    let readme = readme();
    for name in ["f32", "f32,f16", "f32,q8_0", "f16", "f16,q8_0", "q8_0"] {
        let kv: KvTypes = name.parse().expect("types");
        let heads = Heads { n_head: 12, n_kv_head: 2, head_dim: 128, kv };
        let (bytes, _) = row(&readme, &format!("`{name}`")).split_once('|').expect("bytes | divergence");
        assert_eq!(bytes.trim(), KvCache::bytes(&[position_bytes(heads); 28], 1).to_string(), "{name}");
    }
}

#[test]
fn rows_are_read_as_they_stand() {
    assert_eq!(names(row("x\n| Formats | F32, Q9_Z |\n", "Formats")), ["F32", "Q9_Z"]);
    assert_eq!(names("llama (R1, 3.1), qwen2 (R1)"), ["llama", "qwen2"]);
    assert!(std::panic::catch_unwind(|| row("| Formats | F32 |", "Tiers")).is_err());
}
