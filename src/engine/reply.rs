//! The reply as it grows: whole characters, reasoning, answer and calls apart, nothing after a stop string.

use super::thinking::ReasoningFinish;
use crate::chat::reasoning::{self, ReasoningSplitter, Tag};
use crate::chat::tools::{CallParser, Convention, Piece};
use crate::sampler;
use crate::tokenizer::{DecodeStream, Tokenizer};
use serde::Serialize;

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended it, or a stop string did.
    Stop,
    /// `max_tokens`, the context, or the memory that the device has for it did.
    Length,
    /// The model wants tools to be called.
    ToolCalls,
}

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Call {
    /// To be named by the tool's answer.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// JSON, as the model wrote it.
    pub arguments: String,
}

/// Most alternatives a request may ask for.
pub(super) const MAX_TOP_LOGPROBS: usize = 20;

/// How likely the model itself (before bias, penalties and temperature) held a token, in OpenAI's names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenLogprob {
    /// Its text; a part of a character becomes U+FFFD.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The likeliest tokens at this place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top_logprobs: Vec<TokenLogprob>,
}

/// Tokens of the answer and of the reasoning, in DeepSeek's names.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Logprobs {
    /// The answer's.
    pub content: Vec<TokenLogprob>,
    /// The reasoning's.
    pub reasoning_content: Vec<TokenLogprob>,
}

impl Logprobs {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.content.is_empty() && self.reasoning_content.is_empty()
    }

    fn append(&mut self, other: &Self) {
        self.content.extend_from_slice(&other.content);
        self.reasoning_content.extend_from_slice(&other.reasoning_content);
    }
}

impl TokenLogprob {
    /// The log-probability of `id` by `logits`, with the `top` likeliest beside it.
    pub(super) fn new(tokenizer: &Tokenizer, logits: &[f32], id: u32, top: usize) -> Self {
        let log_sum = sampler::log_sum_exp(logits);
        let one = |id: u32| {
            let bytes = tokenizer.token_bytes(id);
            let token = String::from_utf8_lossy(&bytes).into_owned();
            Self { token, logprob: logits[id as usize] - log_sum, bytes, top_logprobs: Vec::new() }
        };
        let top_logprobs = sampler::likeliest(logits, top).into_iter().map(one).collect();
        Self { top_logprobs, ..one(id) }
    }
}

/// A piece of the reply: text that is sure, and all else that came since the last piece.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// What the model thought.
    pub reasoning: String,
    /// What it answers.
    pub content: String,
    /// Calls that begin, and more of their arguments: never [`Piece::Content`].
    pub calls: Vec<Piece>,
    /// Of the tokens, where the request asked for it.
    pub logprobs: Logprobs,
    /// The tokens: given to another reply of the same request, this one goes on where it is now.
    pub tokens: Vec<u32>,
    /// Why the reasoning ended, once it has.
    pub reasoning_finish: Option<ReasoningFinish>,
}

impl Delta {
    fn has_text(&self) -> bool {
        !(self.reasoning.is_empty() && self.content.is_empty() && self.calls.is_empty())
    }
}

/// Gets each piece as soon as it is sure.
pub type OnDelta<'a> = dyn FnMut(Delta) + 'a;

/// The reply as it grows.
#[derive(Debug)]
pub struct Reply<'s> {
    bytes: DecodeStream,
    splitter: Option<ReasoningSplitter>,
    parser: Option<(Convention, CallParser)>,
    stop: Vec<&'s str>,
    /// Answer text that may be the start of a stop string.
    held: String,
    /// What was not given out yet.
    unsent: Delta,
    /// A stop text has ended it.
    pub stopped: bool,
    /// The answer so far.
    pub text: String,
    /// What the model thought so far.
    pub reasoning: String,
    /// The tools that it calls.
    pub calls: Vec<Call>,
    /// How many tokens were reasoning.
    pub reasoning_tokens: usize,
    /// Why the reasoning ended.
    pub reasoning_finish: Option<ReasoningFinish>,
    /// Of the tokens whose text was given out.
    pub logprobs: Logprobs,
}

impl<'s> Reply<'s> {
    /// For a reply of plain text, or of two parts that `splitter` tells apart, in whose answer `parser` finds calls.
    pub fn new(
        splitter: Option<ReasoningSplitter>,
        parser: Option<(Convention, CallParser)>,
        stop: Vec<&'s str>,
    ) -> Self {
        Self {
            bytes: DecodeStream::default(),
            splitter,
            parser,
            stop,
            held: String::new(),
            unsent: Delta::default(),
            stopped: false,
            text: String::new(),
            reasoning: String::new(),
            calls: Vec::new(),
            reasoning_tokens: 0,
            reasoning_finish: None,
            logprobs: Logprobs::default(),
        }
    }

    /// Whether the model is thinking.
    pub fn is_reasoning(&self) -> bool {
        self.splitter.as_ref().is_some_and(ReasoningSplitter::is_reasoning)
    }

    /// Whether it may begin to think with its next token.
    pub fn is_open(&self) -> bool {
        self.splitter.as_ref().is_some_and(ReasoningSplitter::is_open)
    }

    /// How many calls are complete.
    pub fn calls_ended(&self) -> usize {
        self.parser.as_ref().map_or(0, |(_, parser)| parser.ended())
    }

    /// Takes a token that does not end the reply: the model's, or one that was put into its mouth (`forced`).
    pub fn push(
        &mut self,
        tokenizer: &Tokenizer,
        token: u32,
        logprob: Option<TokenLogprob>,
        forced: bool,
        on_delta: &mut OnDelta,
    ) {
        let text = tokenizer.token(token).unwrap_or_default();
        let is_marker = self.parser.as_ref().is_some_and(|(convention, _)| convention.is_marker(text));
        let is_silent = tokenizer.is_control(token) && !is_marker;
        let bytes = if is_silent { Vec::new() } else { tokenizer.token_bytes(token) };
        let reasoning = self.is_reasoning();
        self.reasoning_tokens += usize::from(reasoning && !forced);
        self.unsent.tokens.push(token);
        let logprobs = &mut self.unsent.logprobs;
        let part = if reasoning { &mut logprobs.reasoning_content } else { &mut logprobs.content };
        part.extend(logprob);
        let delta = match (&mut self.splitter, Tag::of(text)) {
            (Some(splitter), Some(tag)) => {
                let mut delta = splitter.push(&self.bytes.finish());
                delta += splitter.tag(tag);
                delta
            }
            (Some(splitter), None) => splitter.push(&self.bytes.push(&bytes)),
            (None, _) => reasoning::Delta { content: self.bytes.push(&bytes), ..Default::default() },
        };
        if reasoning && !self.is_reasoning() {
            self.reasoning_finish.get_or_insert(ReasoningFinish::Stop);
        }
        self.give(delta, false, on_delta);
    }

    /// Gives out what was held back, unless a stop string has ended the reply.
    pub fn finish(&mut self, on_delta: &mut OnDelta) {
        if self.stopped {
            return;
        }
        let text = self.bytes.finish();
        let mut delta = match &mut self.splitter {
            Some(splitter) => splitter.push(&text),
            None => reasoning::Delta { content: text, ..Default::default() },
        };
        if let Some(splitter) = &mut self.splitter {
            delta += splitter.finish();
        }
        self.give(delta, true, on_delta);
    }

    /// Passes on what cannot belong to a stop string any more.
    fn give(&mut self, delta: reasoning::Delta, last: bool, on_delta: &mut OnDelta) {
        self.unsent.reasoning += &delta.reasoning;
        self.reasoning += &delta.reasoning;
        self.take_answer(&delta.content, last);
        let mut keep = if last { 0 } else { self.partial_stop() };
        let stop = self.stop.iter().filter_map(|stop| self.held.find(stop)).min();
        // another that begins before it may still be completed
        if let Some(at) = stop.filter(|at| *at <= self.held.len() - keep) {
            self.held.truncate(at);
            self.stopped = true;
            keep = 0;
        }
        let rest = self.held.split_off(self.held.len() - keep);
        let content = std::mem::replace(&mut self.held, rest);
        self.text += &content;
        self.unsent.content += &content;
        if self.unsent.has_text() || last || self.stopped {
            let delta = Delta { reasoning_finish: self.reasoning_finish, ..std::mem::take(&mut self.unsent) };
            self.logprobs.append(&delta.logprobs);
            if delta.has_text() || !delta.tokens.is_empty() {
                on_delta(delta);
            }
        }
    }

    /// Tells calls from text, which goes to `held`.
    fn take_answer(&mut self, text: &str, last: bool) {
        let pieces = match &mut self.parser {
            None => vec![Piece::Content(text.into())],
            Some((_, parser)) => {
                let mut pieces = parser.push(text);
                pieces.extend(if last { parser.finish() } else { Vec::new() });
                pieces
            }
        };
        for piece in pieces {
            match &piece {
                Piece::Content(text) => {
                    self.held += text;
                    continue;
                }
                Piece::Call { id, name, .. } => {
                    self.calls.push(Call { id: id.clone(), name: name.clone(), ..Call::default() });
                }
                Piece::Arguments { index, text } => {
                    self.calls.get_mut(*index).into_iter().for_each(|call| call.arguments += text);
                }
            }
            self.unsent.calls.push(piece);
        }
    }

    /// Bytes at the end of `held` that a stop string may start with.
    fn partial_stop(&self) -> usize {
        let starts = |stop: &&str| {
            let prefixes = stop.char_indices().map(|(i, _)| i).skip(1);
            prefixes.filter(|n| self.held.ends_with(&stop[..*n])).max().unwrap_or(0)
        };
        self.stop.iter().map(starts).max().unwrap_or(0)
    }
}
