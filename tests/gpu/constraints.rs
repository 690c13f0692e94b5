//! Answers in a form: what a constraint says is kept, where it counts.

use crate::common;
use crate::replies::{ENDS, FOR_EVER, Scripted, ask, streamed};
use minke::context::{Context, Request};
use minke::engine::{ChatRequest, Compile, Constraint, Control, Engine, FinishReason, ReasoningFinish};
use minke::sampler::SamplingParams;
use minke::{Error, Result};
use pollster::block_on;
use serde_json::{Value, json};

/// Digits and letters in turns, of which the third and fourth are `7x`.
pub struct Turns {
    said: Vec<u32>,
    n: usize,
    words: usize,
}

impl Turns {
    fn may(&self) -> &'static [u8] {
        match self.said.len() {
            2 => b"7",
            3 => b"x",
            n if n.is_multiple_of(2) => b"0123456789",
            _ => b"xyz",
        }
    }
}

impl Constraint for Turns {
    fn mask(&mut self) -> Result<Vec<u32>> {
        let mut mask = vec![0; self.words];
        self.may().iter().for_each(|id| mask[usize::from(*id) / 32] |= 1 << (id % 32));
        Ok(mask)
    }

    fn commit(&mut self, token: u32) -> Result<bool> {
        assert!(self.may().iter().any(|id| u32::from(*id) == token), "{token} after {:?}", self.said);
        self.said.push(token);
        Ok(self.said.len() == self.n)
    }

    fn forced(&mut self) -> Result<Vec<u32>> {
        Ok(if self.said.len() == 2 { vec![b'7'.into(), b'x'.into()] } else { vec![] })
    }
}

/// What makes them, of so many tokens.
pub fn turns(n: usize, n_vocab: usize) -> Box<Compile> {
    Box::new(move |format| {
        assert_eq!(format, json!({ "json_object": true }));
        let words = n_vocab.div_ceil(32);
        Box::pin(async move { Ok(Box::new(Turns { said: Vec::new(), n, words }) as Box<dyn Constraint>) })
    })
}

fn formed(fields: Value) -> Value {
    let mut fields = fields;
    fields["response_format"] = json!({ "type": "json_object" });
    fields
}

fn with_turns(engine: Engine) -> Engine {
    let n_vocab = engine.model().config.n_vocab;
    engine.with_grammars(turns(6, n_vocab))
}

#[test]
fn the_form_is_the_answers_and_not_the_thoughts() {
    let scripted = Scripted::new();
    let budget = json!({ "thinking": { "type": "enabled", "budget_tokens": 4 } });
    let off = json!({ "thinking": { "type": "disabled" } });
    let (spent, stop) = (Some(ReasoningFinish::Budget), Some(ReasoningFinish::Stop));
    for (end, fields, reasoning, finish) in [
        (FOR_EVER, budget.clone(), "hmsowaithm", spent),
        (FOR_EVER, off.clone(), "", None),
        (ENDS, json!({}), "one two", stop),
        ("X", json!({}), "", None),
        ("X", budget, "hmsowaithm", spent),
        ("Q", off, "", None),
    ] {
        let engine = with_turns(scripted.engine(end));
        let (done, got) = streamed(&engine, formed(fields.clone()), None, Control::new(0));
        assert_eq!((&*done.reasoning, done.reasoning_finish), (reasoning, finish), "{end} {fields}");
        assert_eq!((&*done.text, done.finish_reason), ("0x7x0x", FinishReason::Stop), "{end} {fields}");
        assert_eq!(got.content, done.text);
        // the next request is free again
        let plain = ask(&engine, fields);
        assert_eq!((&*plain.text, &*plain.reasoning), ("Answer", reasoning));
    }
    // a model that opens its thinking by itself may do so, and goes in a circle
    let done = ask(&with_turns(scripted.engine("Q")), formed(json!({})));
    assert_eq!((&*done.text, done.reasoning_finish), ("0x7x0x", Some(ReasoningFinish::Repetition)));
    // cut within what is forced; at a temperature; with log-probabilities, for which the CPU chooses
    let engine = with_turns(scripted.engine("X"));
    let cut = ask(&engine, formed(json!({ "max_tokens": 3 })));
    assert_eq!((&*cut.text, cut.finish_reason), ("0x7", FinishReason::Length));
    let hot = ask(&engine, formed(json!({ "temperature": 1.5, "seed": 3 })));
    assert_eq!((hot.text.len(), &hot.text[2..4]), (6, "7x"), "{}", hot.text);
    let told = ask(&engine, formed(json!({ "temperature": 1.5, "seed": 3, "logprobs": true })));
    assert_eq!(told.text, hot.text);
    refusals(&scripted);
}

/// A grammar that goes nowhere.
struct Nothing;

impl Constraint for Nothing {
    fn mask(&mut self) -> Result<Vec<u32>> {
        Ok(vec![0; 20])
    }

    fn commit(&mut self, _: u32) -> Result<bool> {
        Ok(false)
    }

    fn forced(&mut self) -> Result<Vec<u32>> {
        Ok(vec![])
    }
}

fn refusals(scripted: &Scripted) {
    let request = |engine: &Engine| {
        let off = json!({ "type": "disabled" });
        let fields = formed(json!({ "messages": [{ "role": "user", "content": "hi" }], "thinking": off }));
        let request =
            ChatRequest::from_json(fields.as_object().expect("an object").clone()).expect("a request");
        let now = "2025-01-01T00:00:00".parse().expect("a time");
        block_on(engine.chat(&request, now, Control::new(0), &mut |_| {}))
    };
    let without = scripted.engine("X");
    common::assert_refused(request(&without), "unsupported", &["response_format"]);
    let refuse: Box<Compile> = Box::new(|_| {
        let problem = "it is no grammar".into();
        Box::pin(async { Err(Error::InvalidRequest { param: "response_format".into(), problem }) })
    });
    let refused = scripted.engine("X").with_grammars(refuse);
    common::assert_refused(request(&refused), "invalid_request", &["it is no grammar"]);
    let nothing: Box<Compile> =
        Box::new(|_| Box::pin(async { Ok(Box::new(Nothing) as Box<dyn Constraint>) }));
    let nowhere = scripted.engine("X").with_grammars(nothing);
    common::assert_refused(request(&nowhere), "invalid_request", &["no token of this model can go on"]);
    assert_eq!(ask(&nowhere, json!({})).text, "Answer", "and goes on");
}

/// Each position has a mask of its own.
fn mask(position: usize, n_vocab: usize) -> Vec<u32> {
    (0..n_vocab.div_ceil(32)).map(|word| 0x1248_8421u32.rotate_left((5 * position + word) as u32)).collect()
}

fn masked(context: &mut Context, sampling: &SamplingParams, logits: bool) -> Vec<u32> {
    let n_vocab = context.model().config.n_vocab;
    let prompt = [1, 5, 9, 2, 7];
    let request =
        Request { prompt: &prompt, reply: &[8, 8], sampling, entropy: 1, limit: 30, logits, masked: true };
    let mut generation = block_on(context.generate(request, &|| false)).expect("a generation");
    let mut tokens = Vec::new();
    loop {
        let mut allowed = || Ok(mask(tokens.len(), n_vocab));
        let Some((token, _)) = block_on(generation.next_of(&mut allowed)).expect("a token") else { break };
        let word = mask(tokens.len(), n_vocab)[token as usize / 32];
        assert_eq!(word >> (token % 32) & 1, 1, "{token} was not allowed");
        tokens.push(token);
    }
    tokens
}

#[test]
fn masked_tokens_are_the_same_on_gpu_and_cpu() {
    let path = common::vectors_dir().join("refuse/control-qwen3.gguf");
    let mut context = common::context(common::load(&path, &common::options(), Some(64)).expect("a model"));
    let greedy = SamplingParams { temperature: 0.0, ..SamplingParams::default() };
    for sampling in [
        greedy.clone(),
        SamplingParams { repetition_penalty: 2.0, presence_penalty: 1.0, ..greedy },
        SamplingParams { temperature: 1.5, top_k: 50, seed: Some(9), ..SamplingParams::default() },
    ] {
        let cpu = masked(&mut context, &sampling, true);
        assert_eq!(cpu.len(), 30);
        assert_eq!(masked(&mut context, &sampling, false), cpu, "{sampling:?}");
    }
}
