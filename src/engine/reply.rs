//! The reply as it grows: whole characters, reasoning and answer apart, nothing after a stop string.

use crate::chat::reasoning::{Delta, ReasoningSplitter, Tag};
use crate::sampler;
use crate::tokenizer::{DecodeStream, Tokenizer};
use serde::Serialize;

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// The model ended it, or a stop string did.
    Stop,
    /// `max_tokens`, the context, or the memory that the device has for it did.
    Length,
}

/// A whole reply.
#[derive(Clone, Debug, Serialize)]
pub struct Completion {
    /// The prompt's ids.
    pub prompt_tokens: Vec<u32>,
    /// The generated ids, the end token included.
    pub tokens: Vec<u32>,
    /// The answer.
    pub text: String,
    /// What the model thought before it.
    pub reasoning: String,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// How many of `tokens` were reasoning.
    pub reasoning_tokens: usize,
    /// How many of `prompt_tokens` were still in the KV cache.
    pub cached_tokens: usize,
    /// Of the tokens that made text, where the request asked for it.
    #[serde(skip_serializing_if = "Logprobs::is_empty")]
    pub logprobs: Logprobs,
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

/// Gets each piece of text as soon as it is sure, with the log-probabilities of the tokens that came since the
/// last piece (none unless the request asked for them).
pub type OnDelta<'a> = dyn FnMut(Delta, Logprobs) + 'a;

/// The reply as it grows.
#[derive(Debug)]
pub struct Reply<'s> {
    bytes: DecodeStream,
    splitter: Option<ReasoningSplitter>,
    stop: Vec<&'s str>,
    /// Answer text that may be the start of a stop string.
    held: String,
    /// Log-probabilities of tokens whose text was not given out yet.
    unsent: Logprobs,
    /// A stop text has ended it.
    pub stopped: bool,
    /// The answer so far.
    pub text: String,
    /// What the model thought so far.
    pub reasoning: String,
    /// How many tokens were reasoning.
    pub reasoning_tokens: usize,
    /// Of the tokens whose text was given out.
    pub logprobs: Logprobs,
}

impl<'s> Reply<'s> {
    /// For a reply of plain text, or of two parts that `splitter` tells apart.
    pub fn new(splitter: Option<ReasoningSplitter>, stop: Vec<&'s str>) -> Self {
        Self {
            bytes: DecodeStream::default(),
            splitter,
            stop,
            held: String::new(),
            unsent: Logprobs::default(),
            stopped: false,
            text: String::new(),
            reasoning: String::new(),
            reasoning_tokens: 0,
            logprobs: Logprobs::default(),
        }
    }

    /// Takes a token that does not end the reply.
    pub fn push(
        &mut self,
        tokenizer: &Tokenizer,
        token: u32,
        logprob: Option<TokenLogprob>,
        on_delta: &mut OnDelta,
    ) {
        let tag = tokenizer.token(token).and_then(Tag::of);
        let bytes = if tokenizer.is_control(token) { Vec::new() } else { tokenizer.token_bytes(token) };
        let reasoning = self.splitter.as_ref().is_some_and(ReasoningSplitter::is_reasoning);
        self.reasoning_tokens += usize::from(reasoning);
        let part = if reasoning { &mut self.unsent.reasoning_content } else { &mut self.unsent.content };
        part.extend(logprob);
        let delta = match (&mut self.splitter, tag) {
            (Some(splitter), Some(tag)) => {
                let mut delta = splitter.push(&self.bytes.finish());
                delta += splitter.tag(tag);
                delta
            }
            (Some(splitter), None) => splitter.push(&self.bytes.push(&bytes)),
            (None, _) => Delta { content: self.bytes.push(&bytes), ..Delta::default() },
        };
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
            None => Delta { content: text, ..Delta::default() },
        };
        if let Some(splitter) = &mut self.splitter {
            delta += splitter.finish();
        }
        self.give(delta, true, on_delta);
    }

    /// Passes on what cannot belong to a stop string any more.
    fn give(&mut self, mut delta: Delta, last: bool, on_delta: &mut OnDelta) {
        self.held += &delta.content;
        let mut keep = if last { 0 } else { self.partial_stop() };
        let stop = self.stop.iter().filter_map(|stop| self.held.find(stop)).min();
        // another that begins before it may still be completed
        if let Some(at) = stop.filter(|at| *at <= self.held.len() - keep) {
            self.held.truncate(at);
            self.stopped = true;
            keep = 0;
        }
        let rest = self.held.split_off(self.held.len() - keep);
        delta.content = std::mem::replace(&mut self.held, rest);
        self.text += &delta.content;
        self.reasoning += &delta.reasoning;
        if !delta.is_empty() || (last && !self.unsent.is_empty()) {
            let logprobs = std::mem::take(&mut self.unsent);
            self.logprobs.append(&logprobs);
            on_delta(delta, logprobs);
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
