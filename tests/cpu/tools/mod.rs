//! Calls of tools, read out of answers.

mod grammar;
mod request;

use minke::chat::tools::{CallParser, Convention, Piece, Tool};
use serde_json::{Value, json};

const ALL: [Convention; 4] =
    [Convention::DeepSeekR1, Convention::DeepSeekV31, Convention::Hermes, Convention::Llama];

fn tool(name: &str, parameters: Value, strict: bool) -> Value {
    json!({ "type": "function", "function": { "name": name, "parameters": parameters, "strict": strict } })
}

fn tools() -> Vec<Tool> {
    let city =
        json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    Tool::read_all(&[tool("get_weather", city, false), tool("time", Value::Null, false)]).unwrap()
}

/// An answer put together again.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Call(String, String),
}

fn text(text: &str) -> Part {
    Part::Text(text.into())
}

fn call(name: &str, arguments: &str) -> Part {
    Part::Call(name.into(), arguments.into())
}

/// What a parser makes of an answer in pieces.
fn read<'p>(convention: Convention, pieces: impl IntoIterator<Item = &'p str>) -> Vec<Part> {
    let mut parser = CallParser::new(convention, &tools(), "call_x");
    let mut given: Vec<Piece> = pieces.into_iter().flat_map(|piece| parser.push(piece)).collect();
    given.extend(parser.finish());
    let mut parts = Vec::new();
    let mut n_calls = 0;
    for piece in given {
        match (piece, parts.last_mut()) {
            (Piece::Content(more), Some(Part::Text(text))) => *text += &more,
            (Piece::Content(text), _) => parts.push(Part::Text(text)),
            (Piece::Call { index, id, name }, _) => {
                assert_eq!((index, id), (n_calls, format!("call_x{n_calls}")));
                n_calls += 1;
                parts.push(Part::Call(name, String::new()));
            }
            (Piece::Arguments { index, text }, Some(Part::Call(_, arguments))) => {
                assert_eq!(index, n_calls - 1);
                assert!(!text.is_empty());
                *arguments += &text;
            }
            (piece, last) => panic!("{piece:?} behind {last:?}"),
        }
    }
    assert_eq!(parser.begun(), n_calls);
    parts
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// A text in pieces, some of them empty.
    fn pieces<'t>(&mut self, text: &'t str) -> Vec<&'t str> {
        let most = 1 + self.below(12);
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(self.below(most + 1).min(rest.len())));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}

/// What is wrong with how an answer is read: as a whole, in characters, and in pieces.
fn wrong(convention: Convention, answer: &str, expected: &[Part], random: &mut Random) -> Option<String> {
    let one_by_one: Vec<&str> = answer.split_inclusive(|_| true).collect();
    let ways = [vec![answer], one_by_one].into_iter().chain((0..200).map(|_| random.pieces(answer)));
    let mut reads = ways.map(|pieces| (read(convention, pieces.iter().copied()), pieces));
    let (parts, pieces) = reads.find(|(parts, _)| parts != expected)?;
    Some(format!("{convention:?} {pieces:?}\n gives {parts:?}\n  not {expected:?}"))
}

fn check(convention: Convention, cases: &[(&str, &[Part])]) {
    let mut random = Random(convention as u64);
    let faults: Vec<_> = cases
        .iter()
        .filter_map(|(answer, expected)| wrong(convention, answer, expected, &mut random))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

const R1: &str = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Paris\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>time\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>";
const V31: &str = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Paris\"}<｜tool▁call▁end｜><｜tool▁call▁begin｜>time<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>";
const HERMES: &str = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>";
const LLAMA: &str = "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}; {\"name\": \"time\", \"parameters\": {}}";

fn two_calls() -> [Part; 2] {
    [call("get_weather", "{\"city\": \"Paris\"}"), call("time", "{}")]
}

#[test]
fn each_convention_is_read() {
    for (convention, answer) in ALL.into_iter().zip([R1, V31, HERMES, LLAMA]) {
        check(convention, &[(answer, &two_calls()), (&format!("\n{answer}\n"), &two_calls())]);
        for (end, _) in answer.char_indices() {
            for (part, whole) in read(convention, [&answer[..end]]).iter().zip(two_calls()) {
                match (part, whole) {
                    (Part::Call(name, arguments), Part::Call(tool, whole)) => {
                        assert!(
                            *name == tool && whole.starts_with(arguments),
                            "{convention:?} {end}: {part:?}"
                        );
                    }
                    (Part::Text(text), _) => assert!(answer.contains(text), "{convention:?} {end}: {part:?}"),
                    (_, whole) => panic!("{whole:?}"),
                }
            }
        }
    }
    // either form of DeepSeek's, whichever the template writes
    check(Convention::DeepSeekR1, &[(V31, &two_calls())]);
    check(Convention::DeepSeekV31, &[(R1, &two_calls())]);
}

#[test]
fn text_around_calls_is_content() {
    for (convention, answer) in ALL.into_iter().zip([R1, V31, HERMES]) {
        let parts = [&[text("I'll look. ✓")], &two_calls()[..], &[text("Done.")]].concat();
        check(convention, &[(&format!("I'll look. ✓\n\n{answer}\nDone."), &parts)]);
    }
    let tagged = "<|python_tag|>{\"name\": \"time\", \"parameters\": {}}";
    check(
        Convention::Llama,
        &[
            (tagged, &[call("time", "{}")]),
            (
                &format!("Let me see. {tagged} Done."),
                &[text("Let me see."), call("time", "{}"), text("Done.")],
            ),
            (&format!("{tagged}\n{LLAMA}"), &[&[call("time", "{}")], &two_calls()[..]].concat()),
        ],
    );
}

#[test]
fn an_answer_without_calls_is_unchanged() {
    let answers = [
        "",
        " \n",
        "\n Hello.\n\n",
        "a < b, 1<tool, <｜tool▁call, <|python",
        "[1, 2]",
        "{",
        "{}",
        "{\"name\": \"Bob\", \"parameters\": {\"age\": 4}}",
        "{\"name\": \"time\"}",
        "{\"name\": [\"time\"], \"parameters\": {}}",
        "{\"parameters\": {\"city\": \"Rome\"}}\n",
        " {\"a\": {\"name\": \"time\", \"parameters\": {}}} ",
        "{\"a\\u12\": 1, \"name\": \"time\", \"parameters\": {}}",
        "{name: \"time\", parameters: {}}",
        "{\"parameters\": {\"city\": \"Ro",
        "fn f() { {\"name\": \"time\", \"parameters\": {}} }",
        "<tool_call>\nlook\n</tool_call>",
        "<tool_call>{\"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"two words\", \"arguments\": {}}</tool_call>",
        "<tool_call><function=time></function></tool_call>",
        "<tool_call>{\"arguments\": {\"a</tool_call>",
        "<｜tool▁calls▁begin｜>none<｜tool▁calls▁end｜>",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>time\n```python\nf()\n```<｜tool▁call▁end｜>",
        "<｜tool▁call▁begin｜>\nlist_dir\n<｜tool▁sep｜>path\ndocuments\n<｜tool▁call▁end｜>",
        "<|python_tag|>brave_search.call(query=\"weather {in} Paris\")",
    ];
    for convention in ALL {
        for answer in answers {
            let expected = [text(answer)];
            check(convention, &[(answer, if answer.is_empty() { &[] } else { &expected })]);
        }
    }
    let long_name = "<｜tool▁call▁begin｜>".to_owned() + &"x".repeat(1000) + "<｜tool▁sep｜>{}";
    check(Convention::DeepSeekV31, &[(&long_name, &[text(&long_name)])]);
}

#[test]
fn strings_may_have_anything_in_them() {
    let arguments = "{\"city\":  \"}{]</tool_call><tool_call><｜tool▁call▁end｜>\\\"\\\\ Zürich 東京 🙂 ```\",\n \"b\": [{\"c\": -1.5e3}, null]}";
    let expected = [call("time", arguments), call("get_weather", "{}")];
    for (convention, answer) in [
        (
            Convention::DeepSeekR1,
            format!(
                "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>time\n```json\n{arguments}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n{{}}<｜tool▁call▁end｜>"
            ),
        ),
        (
            Convention::Hermes,
            format!(
                "<tool_call>{{\"name\": \"time\",\"arguments\":{arguments}}}</tool_call><tool_call>{{\"arguments\": {{}}, \"id\": 1, \"name\": \"get_weather\"}}</tool_call>"
            ),
        ),
        (
            Convention::Llama,
            format!(
                "{{\"type\": \"function\", \"name\": \"t\\u0069me\", \"parameters\": {arguments} }};{{\"parameters\" : {{}}, \"name\":\"get_weather\"}}"
            ),
        ),
    ] {
        check(convention, &[(&answer, &expected)]);
    }
}

/// What a model gets wrong is passed on as far as it can be read.
#[test]
fn broken_objects_lose_no_text() {
    for (rest, arguments, after) in [
        // cut
        ("{\"city\": \"Pa", "{\"city\": \"Pa", ""),
        ("{}}\n</tool", "{}", ""),
        // a brace too few, two too few, and two too many
        ("{\"a\": 1}\n</tool_call>.", "{\"a\": 1}", "."),
        ("{\"a\": 1\n</tool_call>.", "{\"a\": 1\n", "."),
        ("{\"a\": 1}}}}\n</tool_call>.", "{\"a\": 1}", "."),
        // a string that never ends, with and without a line end, which no string has
        ("{\"a\": \"Pa\n</tool_call>.", "{\"a\": \"Pa\n", "."),
        ("{\"a\": \"b\nc<d\"}}</tool_call>.", "{\"a\": \"b\nc<d\"}", "."),
        ("{\"a\": \"Pa</tool_call>.", "{\"a\": \"Pa</tool_call>.", ""),
        // what is no object, and what does not belong there
        ("\"{}\"}</tool_call>", "\"{}\"", ""),
        ("null}</tool_call>.", "null", "."),
        ("{}, \"x\": [1], \"name\": \"y\"}</tool_call>", "{}", ""),
        ("{} and so on", "{}", "and so on"),
    ] {
        let answer = format!("<tool_call>{{\"name\": \"time\", \"arguments\": {rest}");
        let parts = [call("time", arguments), text(after)];
        check(Convention::Hermes, &[(&answer, if after.is_empty() { &parts[..1] } else { &parts })]);
    }
    let cut = "<tool_call>\n{\"name\": \"time\"";
    let unended = "<tool_call>oh <tool_call>{\"name\": \"time\", \"arguments\": {}}<tool_call>{\"name\": \"sing\", \"arguments\": {}}";
    check(
        Convention::Hermes,
        &[
            (cut, &[text(cut)]),
            ("<tool_call>{\"name\": \"time\"}</tool_call>", &[call("time", "{}")]),
            (unended, &[text("<tool_call>oh"), call("time", "{}"), call("sing", "{}")]),
        ],
    );
    let time = "{\"name\": \"time\", \"parameters\": {";
    check(
        Convention::Llama,
        &[
            (&format!("{time}\"a\": 1"), &[call("time", "{\"a\": 1")]),
            (&format!("{time}}}}} or {{}}"), &[call("time", "{}"), text("or {}")]),
            (&format!("{time}}}}}; {{\"a\": 1}}"), &[call("time", "{}"), text("{\"a\": 1}")]),
        ],
    );
}

#[test]
fn broken_calls_of_deepseek_lose_no_text() {
    let time = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>time\n```json\n";
    check(
        Convention::DeepSeekR1,
        &[
            (&format!("{time}{{\"a\": 1"), &[call("time", "{\"a\": 1")]),
            (
                &format!("{time}{{\"a\": 1\n```<｜tool▁call▁end｜>."),
                &[call("time", "{\"a\": 1\n```"), text(".")],
            ),
            ("<｜tool▁call▁begin｜>time<｜tool▁sep｜>{} and so on", &[call("time", "{}"), text("and so on")]),
        ],
    );
}

#[test]
fn deep_and_long_answers_are_read() {
    let deep = "{\"a\":".repeat(100_000);
    for arguments in [deep.clone(), format!("{deep}1{}", "}".repeat(100_000)), "[".repeat(100_000)] {
        let answer = format!("<tool_call>{{\"name\": \"time\", \"arguments\": {arguments}");
        assert_eq!(read(Convention::Hermes, answer.split_inclusive(':')), [call("time", &arguments)]);
        let early = format!("<tool_call>{{\"arguments\": {arguments}");
        assert_eq!(read(Convention::Hermes, early.split_inclusive(':')), [text(&early)]);
    }
    let start = std::time::Instant::now();
    let many = "<tool_call>{\"arguments\": {\"".repeat(20_000);
    assert_eq!(read(Convention::Hermes, many.split_inclusive(':')), [text(&many)]);
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

const FRAGMENTS: &[&str] = &[
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁calls▁end｜>",
    "<tool_call>",
    "</tool_call>",
    "<|python_tag|>",
    "function",
    "time",
    "\n```json\n",
    "\n```",
    "\"name\": \"time\"",
    "\"arguments\": {",
    "\"parameters\": ",
    "{",
    "}",
    "\"",
    ":",
    ", ",
    "\\",
    "\n",
    " ",
    "é",
    "🙂",
    "1",
    "[",
    "]",
    ";",
    "<",
];

/// An answer with calls, with anything in front, within and behind.
fn random_answer(answer: &str, random: &mut Random) -> String {
    let (start, end) = answer.split_at(answer.floor_char_boundary(random.below(answer.len() + 1)));
    let mut some =
        |most| (0..random.below(most)).map(|_| FRAGMENTS[random.below(FRAGMENTS.len())]).collect::<String>();
    some(6) + start + &some(20) + end + &some(4)
}

/// Whatever comes: in which pieces it comes does not matter, and nothing is made up.
#[test]
fn random_answers_are_read_alike_in_all_pieces() {
    let answers = [R1, V31, HERMES, LLAMA];
    let mut random = Random(19);
    let mut n_calls = 0;
    for i in 0..10_000 {
        let convention = ALL[i % 4];
        let answer = random_answer(answers[i % 4], &mut random);
        let whole = read(convention, [answer.as_str()]);
        let pieces = random.pieces(&answer);
        assert_eq!(read(convention, pieces.iter().copied()), whole, "{convention:?} {pieces:?}");
        let calls = whole.iter().filter(|part| matches!(part, Part::Call(..))).count();
        n_calls += calls;
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Call(name, arguments) => name.clone() + arguments.strip_suffix("{}").unwrap_or(arguments),
        };
        let all: String = whole.iter().map(text).collect();
        assert!(calls > 0 || all == answer, "{convention:?} {answer}\n{all}");
        let mut rest = answer.chars();
        assert!(all.chars().all(|c| rest.any(|other| other == c)), "{convention:?} {answer}\n{all}");
    }
    assert!(n_calls > 5_000, "{n_calls}");
}

#[test]
fn the_comparator_rejects_what_is_wrong() {
    let mut random = Random(1);
    let mut wrong = |expected: &[Part]| wrong(Convention::Hermes, HERMES, expected, &mut random);
    assert_eq!(wrong(&two_calls()), None);
    assert!(wrong(&two_calls()[..1]).is_some());
    assert!(wrong(&[call("get_weather", "{\"city\":\"Paris\"}"), call("time", "{}")]).is_some());
    assert!(wrong(&[text(HERMES)]).is_some());
}
