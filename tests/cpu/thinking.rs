//! How long a model thinks, which turns are left out, and what a text's vector is.

use minke::engine::{ChatRequest, CompletionRequest, Overflow, Pooling, Thinking, Turns, goes_in_circles};
use serde_json::{Value, json};

/// Random numbers, the same again each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

/// The same by trying every length of a round.
fn circles(tokens: &[u32]) -> bool {
    (1..=1024).any(|period| {
        let whole = (4 * period).max(256);
        let end = tokens.len().checked_sub(whole).map(|start| &tokens[start..]);
        end.is_some_and(|end| (period..whole).all(|i| end[i] == end[i - period]))
    })
}

fn repeated(passage: &[u32], rounds: usize) -> Vec<u32> {
    passage.repeat(rounds)
}

#[test]
fn a_passage_that_comes_again_and_again_is_a_circle() {
    let passage: Vec<u32> = (0..100).collect();
    let behind = |mut tokens: Vec<u32>, more: &[u32]| {
        tokens.extend(more);
        tokens
    };
    for (tokens, is_circle) in [
        (repeated(&passage, 4), true),
        (behind(vec![7; 9], &repeated(&passage, 4)), true),
        (repeated(&passage, 4)[1..].to_vec(), false),
        (repeated(&passage, 3), false),
        (behind(repeated(&passage, 4), &passage[..50]), true),
        (behind(repeated(&passage, 9), &[500]), false),
        (repeated(&[3], 256), true),
        (repeated(&[3], 255), false),
        (repeated(&[3, 4, 5], 86), true),
        (repeated(&(0..1024).collect::<Vec<_>>(), 4), true),
        (repeated(&(0..1025).collect::<Vec<_>>(), 5), false), // longer than what is looked at
        ((0..5000).collect(), false),
        // a list: "1, 2, 3", with the same marks between numbers
        ((0..900).flat_map(|n| [n + 10, 1, 2]).collect(), false),
        (vec![], false),
    ] {
        assert_eq!(goes_in_circles(&tokens), is_circle, "{} tokens", tokens.len());
        assert_eq!(circles(&tokens), is_circle, "the slow way: {} tokens", tokens.len());
    }
}

#[test]
fn circles_are_those_of_the_slow_way() {
    let mut random = Random(1);
    let mut found = 0;
    for case in 0..2000 {
        let kinds = 1 + random.below(4);
        let mut some = |most: usize| -> Vec<u32> {
            let n = random.below(most);
            (0..n).map(|_| random.below(kinds) as u32).collect()
        };
        let (before, passage, behind) = (some(100), some(120), some(3));
        let rounds = 1 + random.below(9);
        let mut tokens = [before, passage.repeat(rounds), behind].concat();
        if random.below(4) == 0 && !tokens.is_empty() {
            let at = random.below(tokens.len());
            tokens[at] = 9;
        }
        assert_eq!(goes_in_circles(&tokens), circles(&tokens), "case {case}: {tokens:?}");
        found += usize::from(circles(&tokens));
    }
    assert!((200..1800).contains(&found), "{found} circles");
}

fn said(role: &str, content: &str) -> Value {
    json!({ "role": role, "content": content })
}

/// A system's word and so many turns, of which one calls a tool.
fn conversation(turns: usize) -> Vec<Value> {
    let mut messages = vec![said("system", "s"), said("developer", "d")];
    for turn in 0..turns {
        messages.push(said("user", &format!("u{turn}")));
        if turn == 1 {
            messages.extend([said("assistant", "call"), said("tool", "result")]);
        }
        messages.push(said("assistant", &format!("a{turn}")));
    }
    messages
}

fn contents(messages: &[Value]) -> String {
    messages.iter().map(|m| m["content"].as_str().expect("a text")).collect::<Vec<_>>().join(" ")
}

#[test]
fn whole_turns_are_left_out() {
    let messages = conversation(4);
    let turns = Turns::of(&messages);
    assert_eq!(turns.most(), 3);
    let left = |out, overflow| contents(&turns.without(out, overflow));
    assert_eq!(left(0, Overflow::Slide), "s d u0 a0 u1 call result a1 u2 a2 u3 a3");
    assert_eq!(left(1, Overflow::Slide), "s d u1 call result a1 u2 a2 u3 a3");
    assert_eq!(left(2, Overflow::Slide), "s d u2 a2 u3 a3");
    assert_eq!(left(3, Overflow::Slide), "s d u3 a3");
    assert_eq!(left(1, Overflow::TruncateMiddle), "s d u0 a0 u2 a2 u3 a3");
    assert_eq!(left(2, Overflow::TruncateMiddle), "s d u0 a0 u3 a3");
    assert_eq!(left(3, Overflow::TruncateMiddle), "s d u3 a3", "the last turn before the first");
    // an assistant may speak first, and somebody may say nothing but what the system says
    let greeted = [said("assistant", "hi"), said("user", "u"), said("assistant", "a")];
    assert_eq!(contents(&Turns::of(&greeted).without(1, Overflow::Slide)), "u a");
    let alone = [said("system", "s")];
    assert_eq!((Turns::of(&alone).most(), Turns::of(&[]).most()), (0, 0));
    assert_eq!(contents(&Turns::of(&alone).without(0, Overflow::Slide)), "s");
}

/// As a conversation grows, what is left out stays left out for many turns, so that the cache still has the beginning.
#[test]
fn what_is_left_out_changes_seldom() {
    let mut random = Random(5);
    for overflow in [Overflow::Slide, Overflow::TruncateMiddle] {
        let sizes: Vec<usize> =
            (0..200).map(|turn| if turn == 0 { 300 } else { 5 + random.below(40) }).collect();
        let (room, mut changes, mut before) = (1000, 0, 0);
        for n in 1..=sizes.len() {
            let messages: Vec<Value> = (0..n).map(|turn| said("user", &turn.to_string())).collect();
            let turns = Turns::of(&messages);
            let out = turns.to_leave_out(&sizes[..n], room, overflow);
            assert!(out >= before && out <= turns.most(), "{n} turns: {out} after {before}");
            let kept = turns.without(out, overflow);
            let size: usize =
                kept.iter().map(|m| sizes[m["content"].as_str().unwrap().parse::<usize>().unwrap()]).sum();
            assert!(size <= room, "{n} turns: {size}");
            assert_eq!(kept[0]["content"] == "0", out == 0 || overflow == Overflow::TruncateMiddle);
            changes += usize::from(out != before);
            before = out;
        }
        assert!((3..20).contains(&changes), "{changes} changes in 200 turns of {overflow:?}");
    }
}

#[test]
fn pooled_vectors_have_length_1() {
    let hidden = [vec![1.0, 2.0, 2.0], vec![5.0, 2.0, -2.0]];
    let near = |got: Vec<f32>, want: [f64; 3]| {
        got.len() == 3 && got.iter().zip(want).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6)
    };
    let sqrt = |n: f64| n.sqrt();
    assert!(near(Pooling::Last.of(&hidden), [5.0, 2.0, -2.0].map(|v| v / sqrt(33.0))));
    assert!(near(Pooling::Mean.of(&hidden), [6.0, 4.0, 0.0].map(|v| v / sqrt(52.0))));
    assert!(near(Pooling::Mean.of(&hidden[..1]), [1.0, 2.0, 2.0].map(|v| v / 3.0)));
    assert!(!near(Pooling::Mean.of(&hidden), [5.0, 2.0, -2.0].map(|v| v / sqrt(33.0))), "the test can fail");
    assert_eq!(Pooling::Mean.of(&[vec![0.0, 0.0]]), [0.0, 0.0]);
    for (name, pooling) in [("mean", Pooling::Mean), ("last", Pooling::Last)] {
        assert_eq!(serde_json::from_value::<Pooling>(json!(name)).unwrap(), pooling);
    }
    assert!(serde_json::from_value::<Pooling>(json!("cls")).is_err());
}

fn chat(fields: Value) -> minke::Result<ChatRequest> {
    ChatRequest::from_json(fields.as_object().expect("an object").clone())
}

fn completion(fields: Value) -> minke::Result<CompletionRequest> {
    CompletionRequest::from_json(fields.as_object().expect("an object").clone())
}

#[test]
fn requests_say_how_long_to_think() {
    let thinking = |enabled, budget| Thinking { enabled, budget };
    for (fields, want) in [
        (json!({}), thinking(None, None)),
        (json!({ "thinking": null, "reasoning_effort": null }), thinking(None, None)),
        (json!({ "thinking": { "type": "enabled" } }), thinking(Some(true), None)),
        (json!({ "thinking": { "type": "enabled", "budget_tokens": 7 } }), thinking(Some(true), Some(7))),
        (json!({ "thinking": { "type": "disabled", "budget_tokens": null } }), thinking(Some(false), None)),
        (json!({ "reasoning_effort": "none" }), thinking(Some(false), None)),
        (json!({ "reasoning_effort": "minimal" }), thinking(None, Some(512))),
        (json!({ "reasoning_effort": "low" }), thinking(None, Some(1024))),
        (json!({ "reasoning_effort": "medium" }), thinking(None, Some(4096))),
        (json!({ "reasoning_effort": "high" }), thinking(None, None)),
        // what thinking says counts, in whichever order the two come
        (
            json!({ "reasoning_effort": "low", "thinking": { "type": "enabled" } }),
            thinking(Some(true), Some(1024)),
        ),
        (
            json!({ "reasoning_effort": "none", "thinking": { "type": "enabled", "budget_tokens": 9 } }),
            thinking(Some(true), Some(9)),
        ),
        (
            json!({ "thinking": { "type": "disabled" }, "reasoning_effort": "low" }),
            thinking(Some(false), Some(1024)),
        ),
    ] {
        let read = chat(fields.clone()).unwrap_or_else(|e| panic!("{fields}: {e}")).options.thinking;
        assert_eq!(read, want, "{fields}");
    }
    assert!(thinking(Some(false), Some(5)).is_off() && thinking(None, Some(0)).is_off());
    assert!(!thinking(Some(true), Some(5)).is_off() && !thinking(None, None).is_off());
}

#[test]
fn requests_say_what_form_an_answer_has() {
    let schema = json!({ "type": "object" });
    for (format, want) in [
        (json!(null), None),
        (json!({ "type": "text" }), None),
        (json!({ "type": "json_object" }), Some(json!({ "json_object": true }))),
        (
            json!({ "type": "json_schema", "json_schema": { "name": "n", "strict": true, "schema": schema } }),
            Some(json!({ "json_schema": schema })),
        ),
        (
            json!({ "type": "json_schema", "json_schema": { "schema": true } }),
            Some(json!({ "json_schema": true })),
        ),
        (
            json!({ "type": "grammar", "grammar": { "syntax": "regex", "definition": "[0-9]+" } }),
            Some(json!({ "regex": "[0-9]+" })),
        ),
        (
            json!({ "type": "grammar", "grammar": { "syntax": "lark", "definition": "start: \"a\"" } }),
            Some(json!({ "lark": "start: \"a\"" })),
        ),
    ] {
        let read = chat(json!({ "response_format": format })).unwrap_or_else(|e| panic!("{format}: {e}"));
        assert_eq!(read.options.format, want, "{format}");
    }
    for (name, overflow) in [
        ("error", Overflow::Error),
        ("slide", Overflow::Slide),
        ("truncate-middle", Overflow::TruncateMiddle),
    ] {
        assert_eq!(chat(json!({ "overflow": name })).unwrap().overflow, overflow);
    }
    assert_eq!(chat(json!({ "prompt_cache_key": "k" })).unwrap().options.cache_key.as_deref(), Some("k"));
    assert!(chat(json!({ "parallel_tool_calls": false })).unwrap().options.one_call);
    assert!(!chat(json!({ "parallel_tool_calls": true })).unwrap().options.one_call);
}

#[test]
fn completions_are_read_in_openai_names() {
    let read = completion(json!({
        "prompt": "Once", "max_tokens": 5, "logprobs": 3, "stop": ["a", "b"], "response_format": { "type": "text" },
    }));
    let CompletionRequest { prompt, options } = read.unwrap();
    assert_eq!((prompt.as_str(), options.max_tokens, options.stop.len()), ("Once", Some(5), 2));
    assert_eq!((options.logprobs, options.top_logprobs), (true, 3));
    let CompletionRequest { options, .. } = completion(json!({ "prompt": "", "logprobs": 0 })).unwrap();
    assert_eq!((options.logprobs, options.top_logprobs), (true, 0));
    let CompletionRequest { options, .. } = completion(json!({ "prompt": "", "logprobs": null })).unwrap();
    assert!(!options.logprobs);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    for (fields, words) in [
        (json!({ "thinking": "on" }), "thinking: it must be an object"),
        (json!({ "thinking": { "budget_tokens": 5 } }), "thinking: its type must be"),
        (
            json!({ "thinking": { "type": "enabled", "budget_tokens": -1 } }),
            "thinking: budget_tokens: invalid value",
        ),
        (
            json!({ "thinking": { "type": "enabled", "budget_tokens": "5" } }),
            "thinking: budget_tokens: invalid type",
        ),
        (json!({ "reasoning_effort": 3 }), "reasoning_effort: 3 is not none"),
        (json!({ "response_format": "json" }), "response_format: \"json\" has no type"),
        (
            json!({ "response_format": { "type": "json_schema", "json_schema": { "schema": "s" } } }),
            "response_format: json_schema.schema must be",
        ),
        (
            json!({ "response_format": { "type": "grammar", "grammar": { "syntax": "ebnf", "definition": "" } } }),
            "response_format: grammar must be",
        ),
        (json!({ "prompt_cache_key": 5 }), "prompt_cache_key: invalid type"),
        (json!({ "parallel_tool_calls": "no" }), "parallel_tool_calls: invalid type"),
    ] {
        let error = chat(fields).expect_err(words);
        assert!(error.to_string().starts_with(words) && error.code() == "invalid_request", "{error}");
    }
    for (fields, words) in [
        (json!({}), "prompt: it must be a text"),
        (json!({ "prompt": ["a"] }), "prompt: it must be a text"),
        (json!({ "prompt": "a", "messages": [] }), "messages: only a chat has it"),
        (json!({ "prompt": "a", "tools": [{}] }), "tools: only a chat has it"),
        (json!({ "prompt": "a", "thinking": { "type": "enabled" } }), "thinking: only a chat has it"),
        (json!({ "prompt": "a", "overflow": "slide" }), "overflow: only a chat has it"),
        (json!({ "prompt": "a", "logprobs": true }), "top_logprobs: invalid type"),
        (
            json!({ "prompt": "a", "max_token": 1 }),
            "max_token: there is no such field; did you mean max_tokens?",
        ),
    ] {
        let error = completion(fields).expect_err(words);
        assert!(error.to_string().starts_with(words) && error.code() == "invalid_request", "{error}");
    }
}
