//! What is fuzzed, and the rules that must hold.

use crate::{Random, shared, store};
use minke::chat::reasoning::{ReasoningSplitter, Tag};
use minke::chat::template::ChatTemplate;
use minke::config::ModelConfig;
use minke::engine::{ChatRequest, Delta, Reply, TextParts};
use minke::gguf::{Header, HeaderParser};
use minke::tokenizer::{Special, Tokenizer};
use serde_json::{Map, Value, json};

/// One run.
pub type Target = Box<dyn FnMut(&mut Random)>;

/// Reads the seeds.
type Make = fn() -> Target;

/// By name.
pub const ALL: &[(&str, Make)] = &[
    ("header", header),
    ("template", template),
    ("tokenizer", tokenizer),
    ("reply", reply),
    ("request", request),
    ("journal", store::journal),
    ("download", store::download),
];

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// A header of metadata alone; values as type and bytes.
fn file(entries: &[(&str, u32, Vec<u8>)]) -> Vec<u8> {
    let counts = [0, entries.len() as u64].map(u64::to_le_bytes).concat();
    let mut bytes = [b"GGUF", &3u32.to_le_bytes()[..], &counts].concat();
    for (key, kind, value) in entries {
        bytes.extend([string(key), kind.to_le_bytes().into(), value.clone()].concat());
    }
    bytes
}

fn array(kind: u32, items: impl ExactSizeIterator<Item = Vec<u8>>) -> Vec<u8> {
    let head = [&kind.to_le_bytes()[..], &(items.len() as u64).to_le_bytes()].concat();
    items.fold(head, |all, item| [all, item].concat())
}

/// A vocabulary whose entries have these types.
fn vocabulary(model: &str, tokens: &[(&str, i32)], merges: &[&str]) -> Vec<u8> {
    file(&[
        ("tokenizer.ggml.model", 8, string(model)),
        ("tokenizer.ggml.pre", 8, string("qwen2")),
        ("tokenizer.ggml.tokens", 9, array(8, tokens.iter().map(|token| string(token.0)))),
        ("tokenizer.ggml.token_type", 9, array(5, tokens.iter().map(|token| token.1.to_le_bytes().into()))),
        ("tokenizer.ggml.scores", 9, array(6, tokens.iter().map(|_| 0f32.to_le_bytes().into()))),
        ("tokenizer.ggml.merges", 9, array(8, merges.iter().map(|merge| string(merge)))),
    ])
}

fn parse(bytes: &[u8]) -> Option<Header> {
    HeaderParser::default().push(bytes).ok().flatten()
}

fn header() -> Target {
    let files =
        ["cases/headers", "cases/fuzz", "golden/refuse"].map(|folder| shared(folder, ".gguf")).concat();
    let mut seeds: Vec<Vec<u8>> = files
        .iter()
        .filter_map(|path| std::fs::read(path).ok())
        .filter(|bytes| bytes.len() < 1 << 17)
        .map(|mut bytes| {
            bytes.truncate(parse(&bytes).map_or(bytes.len(), |header| header.data_offset as usize));
            bytes
        })
        .collect();
    seeds.push(vocabulary("gpt2", &[("a", 1), ("b", 1), ("ab", 1), ("<x>", 3)], &["a b"]));
    Box::new(move |random| {
        let mut bytes = random.pick(&seeds).clone();
        for _ in 0..random.below(6) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = random.below(256) as u8,
                2 => bytes.truncate(at.max(1)),
                _ => _ = bytes.splice(at..at, [0, 0xff, 1].into_iter().take(random.below(4))).count(),
            }
        }
        let mut parser = HeaderParser::default();
        let mut at = 0;
        while at < bytes.len() {
            let end = bytes.len().min(at + 1 + random.below(bytes.len()));
            match parser.push(&bytes[at..end]) {
                Ok(None) => at = end,
                Ok(Some(header)) => {
                    let _ = ModelConfig::from_header(&header); // only panics count
                    let _ = TextParts::from_metadata(&header.metadata);
                    return;
                }
                Err(error) => return assert!(!error.to_string().is_empty()),
            }
        }
    })
}

/// Pieces that templates are made of.
const JINJA: &[&str] = &[
    "{% for m in messages %}",
    "{% endfor %}",
    "{{ m.content }}",
    "{% if x is defined %}",
    "{% else %}",
    "{% endif %}",
    "{% set ns = namespace(a=[1]) %}",
    "{% set ns.a = ns.a + [ns.a] %}",
    "{% set ns.s = ns.a ~ ns.a %}",
    "{{ ns.a }}",
    "{{ messages | tojson(indent=2) }}",
    "{{ 'a' * 1000000000 }}",
    "{{ '%99999d' | format(1) }}",
    "{{ [1] * 9999999 }}",
    "{% macro f(x) %}",
    "{% endmacro %}",
    "{{ f(f(1)) }}",
    "{{ range(99999) | list }}",
    "{{ x[::-1] }}",
    "{{ -",
    "}}",
    "{%- ",
    " -%}",
    "{#",
    "#}",
    "+1",
    " ~ 'é'",
    "|length",
    "|join(', ')",
    "(",
    ")",
    "[",
    "]",
    "{",
    "'",
    "\n",
    " ",
    "{% generation %}",
    "{% endgeneration %}",
    "{% raw %}",
    "{{ '{:>9}'.format(3.5) }}",
    "{{ loop.index }}",
    "\u{fdd0}",
    "{% call f() %}",
    "{% filter upper %}",
    "{{ 1 // 0 }}",
    "{{ 2 ** 999 }}",
    "{{ messages[0].content.split('l') }}",
];

fn template() -> Target {
    let cases = shared("cases", "templates.json").into_iter().chain(shared("cases/fuzz", ".json"));
    let texts =
        cases.chain(shared("golden/chat", ".json")).filter_map(|path| std::fs::read_to_string(path).ok());
    let mut seeds: Vec<String> = texts
        .filter_map(|text| serde_json::from_str::<Value>(&text).ok())
        .flat_map(|file| match file {
            Value::Array(cases) => cases,
            file => vec![file],
        })
        .filter_map(|case| case.get("template")?.as_str().map(String::from))
        .filter(|template| template.len() < 1 << 14)
        .collect();
    seeds.push("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}".into());
    let now = "2025-01-01T00:00:00".parse().expect("a time");
    Box::new(move |random| {
        let mut source: Vec<char> = random.pick(&seeds).chars().collect();
        if random.below(2) == 0 {
            source = random.joined(JINJA, 12).chars().collect();
        }
        for _ in 0..random.below(5) {
            let at = random.below(source.len() + 1);
            let end = source.len().min(at + random.below(8));
            match random.below(3) {
                0 => drop(source.splice(at..at, random.pick(JINJA).chars())),
                1 => drop(source.drain(at..end)),
                _ => {
                    let copy = source[at..end].to_vec();
                    source.splice(at..at, copy.repeat(1 + random.below(40)));
                }
            }
        }
        let template = ChatTemplate::new(&source.iter().collect::<String>());
        let context = json!({ "messages": [{ "role": "user", "content": "hello <x>" }], "add_generation_prompt": true });
        let _ = template.render(context, ["<x>"].into_iter(), now); // only panics count
    })
}

fn tokenizer() -> Target {
    let spm = [
        ("<x>", 3),
        ("a", 1),
        ("b", 1),
        ("é", 1),
        ("ab", 1),
        ("aab", 1),
        ("<t>", 4),
        ("▁", 1),
        ("▁a", 1),
        ("<", 1),
        ("x", 1),
        (">", 1),
        ("t", 1),
        ("<|end|>", 1),
        ("|", 1),
        ("end", 1),
    ];
    let letters = ["a", "b", "ab", "<", "x", ">", "Ã", "©", "Ġ", "Ċ", "|"].map(|letter| (letter, 1));
    let bpe: Vec<_> =
        letters.into_iter().chain([("<x>", 3), ("aa", 3), ("<ab>", 4), ("<|x|>", 4), ("Ã©", 1)]).collect();
    let files = [vocabulary("llama", &spm, &[]), vocabulary("gpt2", &bpe, &["a b", "a a", "Ã ©"])];
    let tokenizers = files.map(|file| {
        let header = parse(&file).expect("a header");
        Tokenizer::from_metadata(&header.metadata).expect("a tokenizer")
    });
    let template = ChatTemplate::new("{{ messages }}");
    let now = "2025-01-01T00:00:00".parse().expect("a time");
    let pieces = [
        "a", "b", "é", "ab", "<x>", "<", ">", "x", " ", "\n", "aa", "<ab>", "<|end|>", "<|x|>", "|",
        "\u{fdd0}",
    ];
    Box::new(move |random| {
        let text = random.joined(&pieces, 24);
        for tokenizer in &tokenizers {
            let prompt = template
                .render(json!({ "messages": text }), tokenizer.control_tokens(), now)
                .expect("a prompt");
            assert_eq!(prompt.text(), text);
            let person = tokenizer.encode_marked(prompt.marked(), Special::Parse, prompt.mark).expect("ids");
            for ids in [person, tokenizer.encode(&text, Special::Text).expect("ids")] {
                assert!(!ids.iter().any(|id| tokenizer.is_control(*id)), "{text:?}: {ids:?}");
            }
            let ids = tokenizer.encode(&text, Special::Parse).expect("ids");
            assert!(
                ids.len() <= 4 * text.len() && tokenizer.decode(&ids).len() <= 4 * text.len(),
                "{text:?}"
            );
        }
    })
}

/// What tokens make of a reply: reasoning, answer, and whether a stop text ended it.
fn replied(
    tokenizer: &Tokenizer,
    tokens: &[u32],
    stop: &[&str],
    thinking: Option<bool>,
) -> (String, String, bool) {
    let splitter = thinking.map(|thinking| ReasoningSplitter::new(thinking, vec![Tag::Open, Tag::Close]));
    let mut reply = Reply::new(splitter, None, stop.to_vec());
    let (mut reasoning, mut content) = (String::new(), String::new());
    let mut show = |delta: Delta| {
        reasoning += &delta.reasoning;
        content += &delta.content;
    };
    for token in tokens {
        reply.push(tokenizer, *token, None, false, &mut show);
        if reply.stopped {
            break;
        }
    }
    reply.finish(&mut show);
    assert_eq!((&content, &reasoning), (&reply.text, &reply.reasoning));
    (reply.reasoning, reply.text, reply.stopped)
}

/// The same text in tokens of one letter and in longer ones is the same reply, and holds no stop text.
fn reply() -> Target {
    let tokens = [("a", 1), ("b", 1), ("c", 1), ("Ġ", 1), ("Ċ", 1), ("<think>", 4), ("</think>", 3)];
    let long = [("ab", 1), ("bc", 1), ("abc", 1), ("Ċa", 1), ("Ġb", 1), ("cc", 1)];
    let file = vocabulary("gpt2", &[&tokens[..], &long].concat(), &[]);
    let tokenizer = Tokenizer::from_metadata(&parse(&file).expect("a header").metadata).expect("a tokenizer");
    let id = |text: &str| (0..13).find(|id| tokenizer.token(*id) == Some(text)).expect("an entry");
    let letters: Vec<Vec<u32>> = (0..13u32)
        .map(|token| match tokenizer.token(token).expect("an entry") {
            tag if tag.starts_with('<') => vec![token],
            text => text.chars().map(|letter| id(&letter.to_string())).collect(),
        })
        .collect();
    Box::new(move |random| {
        let tokens: Vec<u32> = (0..random.below(12)).map(|_| random.below(13) as u32).collect();
        let one_by_one: Vec<u32> = tokens.iter().flat_map(|token| letters[*token as usize].clone()).collect();
        let stop: Vec<String> =
            (0..random.below(4)).map(|_| random.joined(&["a", "b", "c", " ", "\n"], 3)).collect();
        let stop: Vec<&str> = stop.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        let thinking = *random.pick(&[None, Some(false), Some(true)]);
        let whole = replied(&tokenizer, &tokens, &stop, thinking);
        assert_eq!(
            whole,
            replied(&tokenizer, &one_by_one, &stop, thinking),
            "{tokens:?} {stop:?} {thinking:?}"
        );
        assert!(!stop.iter().any(|text| whole.1.contains(text)), "{whole:?} {stop:?}");
    })
}

fn request() -> Target {
    let fields = [
        "messages",
        "temperature",
        "top_k",
        "seed",
        "stop",
        "tools",
        "n",
        "logit_bias",
        "max_tokens",
        "modle",
        "response_format",
        "tool_choice",
        "chat_template_kwargs",
        "logprobs",
        "user",
        "max_completion_tokens",
        "é",
    ];
    let values = [
        json!(null),
        json!(1),
        json!(-1),
        json!(1e300),
        json!("a"),
        json!([]),
        json!([{}]),
        json!({ "1": 2 }),
        json!({ "a": "b" }),
        json!(u64::MAX),
        json!(true),
        json!([{ "role": "user", "content": null }]),
        json!({ "type": "text" }),
        json!([{ "role": "assistant", "content": [{ "type": "text", "text": "<x>" }], "tool_calls": [{ "function": { "arguments": "{\"a\": 1}" } }] }]),
        json!([{ "role": "developer" }, 3]),
        json!({ "messages": 1 }),
    ];
    let file = vocabulary("llama", &[("<x>", 3), ("a", 1)], &[]);
    let tokenizer = Tokenizer::from_metadata(&parse(&file).expect("a header").metadata).expect("a tokenizer");
    let template =
        ChatTemplate::new("{% for m in messages %}{{ m.content }}{{ m | tojson }}{% endfor %}{{ tools }}");
    let parts = TextParts { tokenizer, template: Some(template) };
    let now = "2025-01-01T00:00:00".parse().expect("a time");
    Box::new(move |random| {
        let field = |random: &mut Random| ((*random.pick(&fields)).to_owned(), random.pick(&values).clone());
        let request: Map<String, Value> = (0..random.below(6)).map(|_| field(random)).collect();
        let told = |error: minke::Error| assert!(error.to_string().len() > 5, "{error:?}");
        match ChatRequest::from_json(request) {
            Ok(request) => drop(parts.render(&request.chat, true, now).map_err(told)),
            Err(error) => told(error),
        }
    })
}
