//! A reply, token by token, with some on their way on the GPU where nothing has to be known of one before the next.

use super::{Batch, Context, MAX_IN_FLIGHT, PendingToken, extent};
use crate::gpu::Extent;
use crate::model::gpu_sampler::token_at;
use crate::sampler::{Sampler, SamplingParams};
use crate::{Error, Result};

/// Milliseconds of work that the GPU has ahead of the token that is read next, so that it never waits for the host.
pub(super) const AHEAD_MS: f64 = 20.0;

/// What to generate after a prompt.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    /// Token ids, at least one.
    pub prompt: &'r [u32],
    /// Tokens that the reply has already: the same seed goes on after them as it would have.
    pub reply: &'r [u32],
    /// How to choose.
    pub sampling: &'r SamplingParams,
    /// Seeds the sampler when the parameters have no seed.
    pub entropy: u64,
    /// Most tokens to generate; the context must hold them.
    pub limit: usize,
    /// Whether the logits are wanted: then the CPU chooses, one token at a time.
    pub logits: bool,
    /// Whether each token is one of a mask: then [`Generation::next_of`] makes it, one at a time.
    pub masked: bool,
}

/// Gives the mask of the next token, as [`Sampler::sample`] takes it, while the GPU works on the logits.
pub type Mask<'m> = &'m mut dyn FnMut() -> Result<Vec<u32>>;

/// Tokens after a prompt, one by one.
#[derive(Debug)]
pub struct Generation<'c> {
    context: &'c mut Context,
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
    /// With the token that is to be run before a mask is asked for, and whether it was chosen, and so is the batch.
    Masked {
        token: u32,
        chosen: bool,
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

impl Context {
    /// Runs what of the prompt the cache does not hold yet, in batches, and begins to generate.
    ///
    /// `cancelled` is asked between submits ([`Error::Aborted`]; batches that were run stay usable).
    pub async fn generate(
        &mut self,
        request: Request<'_>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Generation<'_>> {
        let Request { prompt, reply, sampling, entropy, limit, logits, masked } = request;
        if prompt.is_empty() {
            return Err(Error::InvalidRequest { param: "prompt".into(), problem: "it is empty".into() });
        }
        let tokens = [prompt, reply].concat();
        self.check_fits(tokens.len() + limit)?;
        let sampler = Sampler::new(sampling.clone(), entropy, reply)?;
        let last = self.run_all_but_last(&tokens, cancelled).await?;
        let chooser = if logits {
            let logits = self.extend(last, &[tokens.len() - 1], cancelled).await?.concat();
            Chooser::Cpu { sampler, last: Last::Prompt(logits) }
        } else {
            self.state.sampler.start(self.model.gpu(), sampling, sampler.seed(), reply);
            if let Some((token, before)) = last.split_last().filter(|_| masked) {
                self.extend(before, &[], cancelled).await?;
                Chooser::Masked { token: *token, chosen: false }
            } else {
                let first = self.sample_after(last, cancelled).await?;
                self.in_flight.push_back(first);
                Chooser::Gpu { read: None }
            }
        };
        Ok(Generation { context: self, left: limit.saturating_sub(1), chooser })
    }

    /// Has the cache hold `tokens` but for the last batch of them, which is returned.
    async fn run_all_but_last<'t>(
        &mut self,
        tokens: &'t [u32],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<&'t [u32]> {
        while let Some(token) = self.in_flight.front_mut() {
            self.model.gpu().receive(&mut token.read).await?; // nobody wants it any more
            self.in_flight.pop_front();
        }
        self.reserve(tokens.len()).await?;
        self.truncate(self.common(tokens));
        loop {
            let (left, size) = (&tokens[self.len()..], self.batch_size());
            if left.len() <= size {
                return Ok(left);
            }
            self.extend(&left[..size], &[], cancelled).await?;
        }
    }

    /// Runs `tokens` and chooses the token after them.
    async fn sample_after(&mut self, tokens: &[u32], cancelled: &dyn Fn() -> bool) -> Result<PendingToken> {
        let model = self.model.clone();
        let _lock = model.lock_scratch()?;
        let batch = Batch::Tokens(tokens);
        let extent = self.begin(batch, &[tokens.len().saturating_sub(1)], cancelled).await?;
        let token = self.submit_sampling(extent);
        self.note(batch);
        Ok(token)
    }

    /// Runs the token that was chosen last, whatever it is, and chooses the one at `position` after it.
    async fn sample_next(&mut self, position: usize) -> Result<PendingToken> {
        let model = self.model.clone();
        let _lock = model.lock_scratch()?;
        self.reserve(position).await?;
        Ok(self.submit_sampling(Extent { tokens: 1, positions: position as u32 }))
    }

    /// Runs `token`, which is the batch if it was `chosen`, and chooses the one after it of those that `mask` then says.
    async fn sample_masked(
        &mut self,
        token: u32,
        chosen: bool,
        mask: Option<Mask<'_>>,
    ) -> Result<PendingToken> {
        let model = self.model.clone();
        let _lock = model.lock_scratch()?;
        let gpu = model.gpu();
        let batch = Batch::Tokens(&[token]);
        if chosen {
            self.reserve(self.len() + 1).await?;
        } else {
            self.write(batch, &[0]).await?;
        }
        let extent = extent(self.len(), 1);
        gpu.submit(self.layers_of_one(extent, true).iter().chain(&self.program.head), extent);
        self.note(batch);
        if let Some(mask) = mask {
            self.state.sampler.allow(gpu, &mask()?);
        }
        let ring = &self.state.sampler.sampled;
        let read = gpu.submit_and_read(&self.program.sample, extent, ring, ring.size());
        Ok(PendingToken { read, position: extent.positions as usize })
    }

    fn submit_sampling(&self, extent: Extent) -> PendingToken {
        let layers = self.layers_of_one(extent, true);
        let dispatches = layers.iter().chain(&self.program.head).chain(&self.program.sample);
        let ring = &self.state.sampler.sampled;
        let read = self.model.gpu().submit_and_read(dispatches, extent, ring, ring.size());
        PendingToken { read, position: extent.positions as usize }
    }
}

impl Generation<'_> {
    /// The conversation.
    pub fn context(&self) -> &Context {
        self.context
    }

    /// The next token, with its logits if they were wanted; None after `limit` tokens, or where the device has no
    /// memory for a larger KV cache. An error where the logits were not finite.
    ///
    /// The timeline gets all tokens but the last, which the model need not run. Dropped early, also while this waits,
    /// the generation leaves no trace of what was in flight.
    pub async fn next(&mut self) -> Result<Option<(u32, Vec<f32>)>> {
        self.advance(None).await
    }

    /// The same, of the tokens that `mask` says; not where tokens are chosen ahead ([`Request::masked`]).
    pub async fn next_of(&mut self, mask: Mask<'_>) -> Result<Option<(u32, Vec<f32>)>> {
        self.advance(Some(mask)).await
    }

    async fn advance(&mut self, mask: Option<Mask<'_>>) -> Result<Option<(u32, Vec<f32>)>> {
        let context = &mut *self.context;
        match &mut self.chooser {
            Chooser::Gpu { read } => {
                let token = next_in_flight(context, &mut self.left, read).await?;
                Ok(token.map(|token| (token, Vec::new())))
            }
            Chooser::Masked { chosen: true, .. } if self.left == 0 => Ok(None),
            Chooser::Masked { token, chosen } => {
                self.left -= usize::from(*chosen);
                let sampled = context.sample_masked(*token, *chosen, mask).await;
                let Some(sampled) = unless_out_of_memory(sampled)? else { return Ok(None) };
                context.in_flight.push_back(sampled);
                let Some(next) = first_in_flight(context).await? else { return Ok(None) };
                (*token, *chosen) = (next, true);
                Ok(Some((next, Vec::new())))
            }
            Chooser::Cpu { sampler, last } => {
                let logits = match last {
                    Last::Prompt(logits) => std::mem::take(logits),
                    Last::Token(_) if self.left == 0 => return Ok(None),
                    Last::Token(token) => {
                        self.left -= 1;
                        match unless_out_of_memory(context.decode(*token).await)? {
                            Some(logits) => logits,
                            None => return Ok(None),
                        }
                    }
                };
                let mask = mask.map(|mask| mask()).transpose()?;
                let position = context.len() as u32;
                let token = sampler.sample(&mut logits.clone(), position, mask.as_deref())?;
                *last = Last::Token(token);
                Ok(Some((token, logits)))
            }
        }
    }
}

/// Asks for as many tokens as should be on their way, of at most `left`, and waits for the first.
async fn next_in_flight(
    context: &mut Context,
    left: &mut usize,
    read: &mut Option<f64>,
) -> Result<Option<u32>> {
    let ahead = (AHEAD_MS / context.interval).ceil() as usize;
    while context.in_flight.len() < ahead.clamp(2, MAX_IN_FLIGHT) && *left > 0 {
        let position = context.len() + context.in_flight.len();
        match unless_out_of_memory(context.sample_next(position).await)? {
            Some(token) => {
                context.in_flight.push_back(token);
                *left -= 1;
            }
            None => *left = 0,
        }
    }
    let Some(token) = first_in_flight(context).await? else { return Ok(None) };
    let now = (context.model.now)();
    if let Some(before) = read.replace(now) {
        context.interval = now - before;
    }
    if !context.in_flight.is_empty() {
        context.timeline.push(Some(token)); // it is being run
    }
    Ok(Some(token))
}

/// Waits for the first token that is on its way.
async fn first_in_flight(context: &mut Context) -> Result<Option<u32>> {
    let Some(first) = context.in_flight.front_mut() else { return Ok(None) };
    let bytes = context.model.gpu().receive(&mut first.read).await;
    let token = bytes.and_then(|bytes| token_at(&bytes, first.position));
    context.in_flight.pop_front();
    token.map(Some)
}

fn unless_out_of_memory<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Error::OutOfMemory { .. }) => Ok(None),
        other => other.map(Some),
    }
}
