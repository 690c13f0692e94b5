//! From a prompt to a reply: tokens are asked of the context, and what they mean is kept track of. Whatever changes what may
//! come next (the thinking is ended, the answer begins that has a grammar, a grammar leaves one way on) adds its tokens and
//! begins a generation anew, which the context's cache makes cheap.

use super::constraint::Constraint;
use super::reply::{FinishReason, OnDelta, Reply, TokenLogprob};
use super::request::GenerateOptions;
use super::thinking::{CLOSE, ReasoningFinish, goes_in_circles};
use super::{Completion, Timings};
use crate::context::Generation;
use crate::tokenizer::{Special, Tokenizer};
use crate::{Error, Result};

/// What the caller has to say of a reply, before and while it is made.
#[derive(Clone, Copy)]
pub struct Control<'c> {
    /// Seeds the sampler when the request has no seed.
    pub entropy: u64,
    /// Tokens of the reply that were made before. They are given out again.
    pub reply: &'c [u32],
    /// Why the reasoning ended in those, where the reply was told.
    pub reasoning_finish: Option<ReasoningFinish>,
    /// Whether to stop at once; asked between GPU submits.
    pub cancelled: &'c dyn Fn() -> bool,
    /// Whether to end the thinking and answer.
    pub answer_now: &'c dyn Fn() -> bool,
}

impl Control<'_> {
    /// A reply from its beginning to its end.
    pub fn new(entropy: u64) -> Self {
        Self { entropy, reply: &[], reasoning_finish: None, cancelled: &|| false, answer_now: &|| false }
    }

    /// Whether the caller wants the thinking to end after so many tokens, or wanted it there in what was made before.
    fn wants_answer(&self, tokens: usize, close: &[u32]) -> bool {
        let was_wanted = self.reasoning_finish == Some(ReasoningFinish::AnswerNow);
        match self.reply.get(tokens..).unwrap_or_default() {
            [] => was_wanted || (self.answer_now)(),
            rest => was_wanted && (rest.starts_with(close) || close.starts_with(rest)),
        }
    }
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("entropy", &self.entropy).finish_non_exhaustive()
    }
}

/// Who says a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Model,
    /// The only way on.
    Grammar,
    /// What ends the thinking, of which the end is no part of the answer, though it comes behind the tag.
    Close,
}

/// A reply in the making.
pub(super) struct Run<'r> {
    tokenizer: &'r Tokenizer,
    options: &'r GenerateOptions,
    pub reply: Reply<'r>,
    /// All tokens of the reply.
    pub tokens: Vec<u32>,
    /// Those of them that were reasoning.
    thoughts: Vec<u32>,
    /// What the answer must be.
    constraint: Option<Box<dyn Constraint>>,
    /// The token that begins the thinking, if the model has one and may use it.
    opens: Option<u32>,
    /// What ends the thinking.
    close: Vec<u32>,
    /// Most tokens.
    limit: usize,
    finish: Option<FinishReason>,
    now: fn() -> f64,
    /// When the first token came.
    first_token: Option<f64>,
}

impl<'r> Run<'r> {
    pub fn new(
        tokenizer: &'r Tokenizer,
        options: &'r GenerateOptions,
        reply: Reply<'r>,
        constraint: Option<Box<dyn Constraint>>,
        limit: usize,
        now: fn() -> f64,
    ) -> Result<Self> {
        let opens = reply.is_open() && !options.thinking.is_off();
        Ok(Self {
            tokenizer,
            options,
            reply,
            tokens: Vec::new(),
            thoughts: Vec::new(),
            constraint,
            opens: opens.then(|| tokenizer.id("<think>")).flatten(),
            limit,
            close: tokenizer.encode(CLOSE, Special::Parse)?,
            finish: None,
            now,
            first_token: None,
        })
    }

    /// Whether no more tokens are to come.
    pub fn is_over(&self) -> bool {
        self.finish.is_some() || self.tokens.len() >= self.limit
    }

    /// Whether the next token must be one of a mask.
    pub fn is_masked(&self) -> bool {
        self.constraint.is_some() && !self.reply.is_reasoning()
    }

    /// Takes what was made before, and adds what must come at this place.
    pub fn replay(&mut self, control: &Control, on_delta: &mut OnDelta) -> Result<()> {
        self.steer(control, on_delta)?;
        while let Some(token) = control.reply.get(self.tokens.len()).filter(|_| !self.is_over()) {
            self.take(*token, None, Origin::Model, on_delta)?;
            self.steer(control, on_delta)?;
        }
        Ok(())
    }

    /// The whole reply to `prompt`, of which the cache had `cached_tokens`; `known` tokens were made before, and the rest since
    /// `begun`.
    pub fn completion(self, prompt: Vec<u32>, cached_tokens: usize, known: usize, begun: f64) -> Completion {
        let rate = |tokens: usize, ms: f64| (tokens > 0 && ms > 0.0).then(|| tokens as f64 / ms * 1e3);
        let (run, made) = (prompt.len() - cached_tokens, self.tokens.len().saturating_sub(known + 1));
        let first = self.first_token;
        let has_called = !self.reply.calls.is_empty();
        let finish = self.finish.or(self.reply.stopped.then_some(FinishReason::Stop));
        let finish_reason = match finish {
            Some(FinishReason::Stop) if has_called => FinishReason::ToolCalls,
            finish => finish.unwrap_or(FinishReason::Length),
        };
        Completion {
            timings: Timings {
                time_to_first_token_ms: first.map(|first| first - begun),
                prefill_tokens_per_second: first.and_then(|first| rate(run, first - begun)),
                decode_tokens_per_second: first.and_then(|first| rate(made, (self.now)() - first)),
            },
            prompt_tokens: prompt,
            tokens: self.tokens,
            text: self.reply.text,
            reasoning: self.reply.reasoning,
            calls: self.reply.calls,
            finish_reason,
            reasoning_finish: self.reply.reasoning_finish,
            reasoning_tokens: self.reply.reasoning_tokens,
            cached_tokens,
            logprobs: self.reply.logprobs,
        }
    }

    /// Takes tokens of `generation` until the reply is over or another generation has to go on. Whether the model could have
    /// gone on, had the device had the room.
    pub async fn follow(
        &mut self,
        generation: &mut Generation<'_>,
        control: &Control<'_>,
        on_delta: &mut OnDelta<'_>,
    ) -> Result<bool> {
        loop {
            let is_masked = self.is_masked();
            let next = match &mut self.constraint {
                Some(constraint) if is_masked => {
                    let opens = self.opens.filter(|_| self.reply.is_open());
                    let mut mask = || mask(constraint.as_mut(), opens);
                    generation.next_of(&mut mask).await?
                }
                _ => generation.next().await?,
            };
            let Some((token, logits)) = next else { return Ok(!self.is_over()) };
            self.first_token.get_or_insert_with(self.now);
            if (control.cancelled)() {
                return Err(Error::Aborted);
            }
            let logprob = (self.options.logprobs)
                .then(|| TokenLogprob::new(self.tokenizer, &logits, token, self.options.top_logprobs));
            self.take(token, logprob, Origin::Model, on_delta)?;
            if self.steer(control, on_delta)? || self.is_over() || self.is_masked() != is_masked {
                return Ok(false);
            }
        }
    }

    /// Takes a token of the reply.
    fn take(
        &mut self,
        token: u32,
        logprob: Option<TokenLogprob>,
        origin: Origin,
        on_delta: &mut OnDelta,
    ) -> Result<()> {
        self.tokens.push(token);
        if self.options.end_at(self.tokenizer, token) {
            self.finish = Some(FinishReason::Stop);
            return Ok(());
        }
        if self.reply.is_reasoning() {
            self.thoughts.push(token);
        }
        let is_around = origin == Origin::Close || (self.reply.is_open() && Some(token) == self.opens);
        let is_answer = self.is_masked() && !is_around;
        let is_complete = match &mut self.constraint {
            Some(constraint) if is_answer => constraint.commit(token)?,
            _ => false,
        };
        self.reply.push(self.tokenizer, token, logprob, origin != Origin::Model, on_delta);
        if self.reply.stopped || is_complete || self.has_called() {
            self.finish = Some(FinishReason::Stop);
        }
        Ok(())
    }

    /// Whether the one call that there may be is complete.
    fn has_called(&self) -> bool {
        self.options.one_call && self.reply.calls_ended() > 0
    }

    /// Adds tokens that are not the model's choice; whether there were any.
    fn steer(&mut self, control: &Control, on_delta: &mut OnDelta) -> Result<bool> {
        if self.is_over() {
            return Ok(false);
        }
        if self.reply.is_reasoning() {
            self.reply.reasoning_finish = self.end_of_thinking(control);
            if self.reply.reasoning_finish.is_none() {
                return Ok(false);
            }
            return self.force(&self.close.clone(), Origin::Close, on_delta);
        }
        let is_masked = self.is_masked() && !self.reply.is_open();
        match &mut self.constraint {
            Some(constraint) if is_masked => match &constraint.forced()?[..] {
                // to run one by itself is no cheaper than to have it chosen
                [] | [_] => Ok(false),
                forced => self.force(forced, Origin::Grammar, on_delta),
            },
            _ => Ok(false),
        }
    }

    fn force(&mut self, tokens: &[u32], origin: Origin, on_delta: &mut OnDelta) -> Result<bool> {
        for token in tokens {
            if !self.is_over() {
                self.take(*token, None, origin, on_delta)?;
            }
        }
        Ok(true)
    }

    /// Why the thinking is to end here, if it is.
    fn end_of_thinking(&self, control: &Control) -> Option<ReasoningFinish> {
        let n = self.thoughts.len();
        if self.options.thinking.budget.is_some_and(|budget| n >= budget) {
            Some(ReasoningFinish::Budget)
        } else if control.wants_answer(self.tokens.len(), &self.close) {
            Some(ReasoningFinish::AnswerNow)
        } else if n.is_multiple_of(CHECK) && goes_in_circles(&self.thoughts) {
            Some(ReasoningFinish::Repetition)
        } else {
            None
        }
    }
}

/// How many tokens of reasoning come between two looks for circles in it.
const CHECK: usize = 32;

/// The tokens that may come next, with `opens`, which begins the thinking.
fn mask(constraint: &mut dyn Constraint, opens: Option<u32>) -> Result<Vec<u32>> {
    let mut mask = constraint.mask()?;
    if let Some(id) = opens
        && let Some(word) = mask.get_mut(id as usize / 32)
    {
        *word |= 1 << (id % 32);
    }
    if mask.iter().all(|word| *word == 0) {
        let problem = "no token of this model can go on in this grammar".into();
        return Err(Error::InvalidRequest { param: "response_format".into(), problem });
    }
    Ok(mask)
}
