//! One conversation's timeline: which tokens the KV cache holds, and how it grows.

use crate::model::{MAX_IN_FLIGHT, Model, PendingToken};
use crate::sampler::{Sampler, SamplingParams};
use crate::{Error, Result};
use std::collections::VecDeque;

/// Milliseconds of work that the GPU has ahead of the token that is read next, so that it never waits for the host.
const AHEAD_MS: f64 = 20.0;

/// A model and the tokens whose keys and values are in its cache.
#[derive(Debug)]
pub struct Session {
    model: Model,
    tokens: Vec<u32>,
    /// Tokens that the GPU was asked for and that were not read yet; a generation that was dropped leaves some.
    in_flight: VecDeque<PendingToken>,
    /// Milliseconds between the last two tokens that were read.
    interval: f64,
}

/// What to generate after a prompt.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    /// Token ids, at least one.
    pub prompt: &'r [u32],
    /// How to choose.
    pub sampling: &'r SamplingParams,
    /// Seeds the sampler when the parameters have no seed.
    pub entropy: u64,
    /// Most tokens to generate; the context must hold them.
    pub limit: usize,
    /// Whether the logits are wanted: then the CPU chooses, one token at a time.
    pub logits: bool,
}

/// Tokens after a prompt, one by one.
#[derive(Debug)]
pub struct Generation<'s> {
    session: &'s mut Session,
    /// Tokens that may still be asked of the model.
    left: usize,
    chooser: Chooser,
}

#[derive(Debug)]
enum Chooser {
    /// With the time when the last token was read.
    Gpu {
        read: Option<f64>,
    },
    Cpu {
        sampler: Sampler,
        last: Last,
    },
}

/// What the CPU's next token follows.
#[derive(Debug)]
enum Last {
    /// The prompt, whose logits these are.
    Prompt(Vec<f32>),
    Token(u32),
}

impl Session {
    /// An empty timeline.
    pub fn new(model: Model) -> Self {
        Self { model, tokens: Vec::new(), in_flight: VecDeque::new(), interval: AHEAD_MS }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How many of `prompt`'s first tokens need not be run again: at least its last one must, for its logits.
    pub fn common(&self, prompt: &[u32]) -> usize {
        let common = self.tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        common.min(prompt.len().saturating_sub(1))
    }

    /// Runs what of the prompt the timeline does not hold yet, in batches, and begins to generate.
    ///
    /// `cancelled` is asked between submits ([`Error::Aborted`]; batches that were run stay usable).
    pub async fn generate(
        &mut self,
        request: Request<'_>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Generation<'_>> {
        let Request { prompt, sampling, entropy, limit, logits } = request;
        if prompt.is_empty() {
            return Err(Error::InvalidRequest { param: "prompt".into(), problem: "it is empty".into() });
        }
        self.room_for(prompt.len() + limit)?;
        let sampler = Sampler::new(sampling.clone(), entropy)?;
        while let Some(token) = self.in_flight.front_mut() {
            self.model.discard(token).await?;
            self.in_flight.pop_front();
        }
        self.model.reserve(prompt.len()).await?;
        self.tokens.truncate(self.common(prompt));
        loop {
            let (left, size) = (&prompt[self.tokens.len()..], self.model.batch_size(self.tokens.len()));
            if left.len() <= size {
                break;
            }
            self.extend(&left[..size], &[], cancelled).await?;
        }
        let last = &prompt[self.tokens.len()..];
        let chooser = if logits {
            let logits = self.extend(last, &[prompt.len() - 1], cancelled).await?.concat();
            Chooser::Cpu { sampler, last: Last::Prompt(logits) }
        } else {
            self.model.start_sampling(sampling, sampler.seed());
            let first = self.model.sample_after(last, self.tokens.len(), cancelled).await?;
            self.tokens.extend(last);
            self.in_flight.push_back(first);
            Chooser::Gpu { read: None }
        };
        Ok(Generation { session: self, left: limit.saturating_sub(1), chooser })
    }

    /// Appends one token and returns the logits after it.
    pub async fn decode(&mut self, token: u32) -> Result<Vec<f32>> {
        let logits = self.model.forward(&[token], self.tokens.len(), &[0], &|| false).await?;
        self.tokens.push(token);
        Ok(logits.concat())
    }

    /// Runs `tokens` on a fresh timeline; the logits after each of `positions` (ascending).
    pub async fn logits(&mut self, tokens: &[u32], positions: &[usize]) -> Result<Vec<Vec<f32>>> {
        self.tokens.clear();
        self.room_for(tokens.len())?;
        self.extend(tokens, positions, &|| false).await
    }

    fn room_for(&self, needed: usize) -> Result<()> {
        let n_ctx = self.model.n_ctx;
        if needed > n_ctx { Err(Error::ContextFull { needed, n_ctx }) } else { Ok(()) }
    }

    async fn extend(
        &mut self,
        tokens: &[u32],
        positions: &[usize],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Vec<f32>>> {
        let mut logits = Vec::new();
        let mut rest = tokens;
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(self.model.batch_size(self.tokens.len()).min(rest.len()));
            let pos = self.tokens.len();
            let here = |p: &&usize| (pos..pos + batch.len()).contains(*p);
            let wanted: Vec<_> = positions.iter().filter(here).map(|p| p - pos).collect();
            logits.extend(self.model.forward(batch, pos, &wanted, cancelled).await?);
            self.tokens.extend(batch);
            rest = later;
        }
        Ok(logits)
    }
}

impl Generation<'_> {
    /// The model.
    pub fn model(&self) -> &Model {
        &self.session.model
    }

    /// The next token, with its logits if they were wanted; None after `limit` tokens, or where the device has no
    /// memory for a larger KV cache.
    ///
    /// The timeline gets all tokens but the last, which the model need not run. Dropped early, also while this waits,
    /// the generation leaves no trace of what was in flight.
    pub async fn next(&mut self) -> Result<Option<(u32, Vec<f32>)>> {
        let session = &mut *self.session;
        match &mut self.chooser {
            Chooser::Gpu { read } => {
                let ahead = (AHEAD_MS / session.interval).ceil() as usize;
                while session.in_flight.len() < ahead.clamp(2, MAX_IN_FLIGHT) && self.left > 0 {
                    let position = session.tokens.len() + session.in_flight.len();
                    match unless_out_of_memory(session.model.sample_next(position).await)? {
                        Some(token) => {
                            session.in_flight.push_back(token);
                            self.left -= 1;
                        }
                        None => self.left = 0,
                    }
                }
                let Some(first) = session.in_flight.front_mut() else { return Ok(None) };
                let token = session.model.receive(first).await;
                session.in_flight.pop_front();
                let token = token?;
                let now = session.model.now();
                if let Some(before) = read.replace(now) {
                    session.interval = now - before;
                }
                if !session.in_flight.is_empty() {
                    session.tokens.push(token); // it is being run
                }
                Ok(Some((token, Vec::new())))
            }
            Chooser::Cpu { sampler, last } => {
                let logits = match last {
                    Last::Prompt(logits) => std::mem::take(logits),
                    Last::Token(_) if self.left == 0 => return Ok(None),
                    Last::Token(token) => {
                        self.left -= 1;
                        match unless_out_of_memory(session.decode(*token).await)? {
                            Some(logits) => logits,
                            None => return Ok(None),
                        }
                    }
                };
                let token = sampler.sample(&mut logits.clone(), session.tokens.len() as u32)?;
                *last = Last::Token(token);
                Ok(Some((token, logits)))
            }
        }
    }
}

fn unless_out_of_memory<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Error::OutOfMemory { .. }) => Ok(None),
        other => other.map(Some),
    }
}
