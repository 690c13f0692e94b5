//! Conversations longer than the context.

use crate::common;
use minke::engine::{ChatRequest, Engine, TextParts};
use minke::tokenizer::Special;
use serde_json::{Value, json};

const N_CTX: usize = 256;
const TURNS: usize = 30;

fn engine() -> Engine {
    let path = common::vectors_dir().join("refuse/control-qwen3.gguf");
    let text = TextParts::from_metadata(&common::header(&path).metadata).expect("a tokenizer");
    let model = common::load(&path, &common::options(), Some(N_CTX)).expect("a model");
    pollster::block_on(Engine::new(&model, text)).expect("a conversation")
}

fn prompt(engine: &Engine, messages: &[Value], overflow: &str, max_tokens: usize) -> minke::Result<Vec<u32>> {
    let fields = json!({ "messages": messages, "overflow": overflow, "max_tokens": max_tokens });
    let request = ChatRequest::from_json(fields.as_object().expect("an object").clone())?;
    let now = "2025-01-01T00:00:00".parse().expect("a time");
    Ok(engine.fitting_prompt(&request, now)?.tokens)
}

fn said(role: &str, content: &str) -> Value {
    json!({ "role": role, "content": content })
}

/// The turns whose numbers a prompt has.
fn turns(engine: &Engine, tokens: &[u32]) -> Vec<usize> {
    let text: String =
        tokens.iter().map(|id| String::from_utf8(engine.tokenizer.token_bytes(*id)).unwrap()).collect();
    assert!(text.contains("Be brief."), "{text}");
    let turns: Vec<usize> = (0..TURNS).filter(|turn| text.contains(&format!("[{turn}]"))).collect();
    let answers: Vec<usize> = (0..TURNS).filter(|turn| text.contains(&format!("({turn})"))).collect();
    assert_eq!(turns[..turns.len() - 1], answers, "whole turns: {text}");
    turns
}

#[test]
fn the_oldest_turns_or_those_after_the_first_are_left_out() {
    let engine = engine();
    for (overflow, room) in [("slide", 192), ("truncate-middle", 192), ("slide", 128)] {
        let mut messages = vec![said("system", "Be brief.")];
        let (mut before, mut changes, mut most): (Vec<u32>, _, _) = (vec![], 0, 0);
        for turn in 0..TURNS {
            messages.push(said("user", &format!("[{turn}] {}", "say ".repeat(1 + turn % 3))));
            let tokens = prompt(&engine, &messages, overflow, N_CTX - room).expect("a prompt");
            assert!(tokens.len() <= room, "turn {turn}: {} tokens", tokens.len());
            let kept = turns(&engine, &tokens);
            let first = usize::from(overflow == "truncate-middle");
            assert!(kept[first..].windows(2).all(|pair| pair[1] == pair[0] + 1), "{kept:?}");
            assert_eq!(kept[kept.len() - 1], turn);
            assert!(first == 0 || kept[0] == 0, "{kept:?}");
            let opening = engine.tokenizer.encode("<｜Assistant｜><think>\n", Special::Parse).unwrap().len();
            if !before.is_empty() && !tokens.starts_with(&before[..before.len() - opening]) {
                changes += 1;
            }
            most = most.max(tokens.len());
            before = tokens;
            messages.push(said("assistant", &format!("({turn})")));
        }
        println!("{overflow} to {room}: {changes} changes in {TURNS} turns, {most} tokens at most");
        assert!((2..=TURNS / 3).contains(&changes), "{changes} changes in {TURNS} turns");
        assert!(most > room * 3 / 4, "{most} of {room} are used");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let engine = engine();
    let long = said("user", &"so long ".repeat(60));
    let messages = [said("system", "Be brief."), said("user", "[0]"), said("assistant", "(0)"), long.clone()];
    let full = prompt(&engine, &messages, "error", 10).expect("all of it, which cannot be run");
    assert!(full.len() > N_CTX);
    for overflow in ["slide", "truncate-middle"] {
        common::assert_refused(prompt(&engine, &messages, overflow, 10), "context_full", &["256"]);
        common::assert_refused(
            prompt(&engine, std::slice::from_ref(&long), overflow, 10),
            "context_full",
            &["256"],
        );
    }
    // the last turn has less room for its reply than was asked for
    let wide = [said("user", "[0]"), said("assistant", "(0)"), said("user", &"so long ".repeat(30))];
    let last = prompt(&engine, &wide, "slide", 100).expect("the last turn alone");
    assert!(last.len() > N_CTX - 100 && last.len() < N_CTX, "{}", last.len());
}
