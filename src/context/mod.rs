//! One conversation: which tokens its KV cache holds, and what is submitted to run more.

mod fork;
mod generation;
pub mod pace;

pub use generation::{Generation, Mask, Request};

use crate::gpu::{Dispatch, Extent, PendingRead};
use crate::model::kv_cache::KvCache;
use crate::model::program::{MAX_ROWS, Program, State};
use crate::model::{MAX_BATCH, Model};
use crate::{Error, Result};
use generation::AHEAD_MS;
use pace::{Pace, Piece};
use std::collections::VecDeque;
use std::rc::Rc;

/// Tokens of the first batch, before anything was timed: as many as a workgroup of matmul takes.
const FIRST_BATCH: usize = 64;
/// Tokens of a batch on the slowest device.
const MIN_BATCH: usize = 16;
/// Most tokens that are on their way from the GPU at once.
const MAX_IN_FLIGHT: usize = 8;

/// A conversation with a model. Several may take turns on one model; each keeps its own keys and values.
#[derive(Debug)]
pub struct Context {
    model: Rc<Model>,
    state: State,
    program: Program,
    /// What the cache holds, by position; None where it came from an embedding.
    timeline: Vec<Option<u32>>,
    pace: Pace,
    /// Tokens that the GPU was asked for and that were not read yet; a generation that was dropped leaves some.
    in_flight: VecDeque<PendingToken>,
    /// Milliseconds between the last two tokens that were read.
    interval: f64,
}

/// What a forward pass runs.
#[derive(Clone, Copy, Debug)]
pub enum Batch<'a> {
    /// Token ids.
    Tokens(&'a [u32]),
    /// What stands in place of tokens' embeddings, f32 `[positions][n_embd]`.
    Embeddings(&'a [f32]),
}

/// A token that the GPU is about to choose.
#[derive(Debug)]
struct PendingToken {
    read: PendingRead,
    position: usize,
}

/// A dispatch that was timed.
#[derive(Clone, Debug)]
pub struct Timing {
    /// [`Dispatch::label`].
    pub label: String,
    /// Bytes of its [`crate::gpu::Work`].
    pub bytes: u64,
    /// Floating point operations of the same.
    pub flops: u64,
    /// How long it took.
    pub microseconds: f64,
}

/// `n` tokens from position `pos`.
fn extent(pos: usize, n: usize) -> Extent {
    Extent { tokens: n as u32, positions: (pos + n) as u32 }
}

fn pieces(dispatches: &[Dispatch], extent: Extent) -> impl Iterator<Item = Piece<'_>> {
    let work = move |d: &Dispatch| d.work.bytes.at(extent) + d.work.flops.at(extent);
    dispatches.iter().map(move |dispatch| Piece {
        label: dispatch.label.as_str(),
        tokens: extent.tokens as usize,
        work: work(dispatch) as f64,
    })
}

impl Context {
    /// An empty conversation. It compiles nothing. [`Error::OutOfMemory`] where the device has no memory for it.
    pub async fn new(model: &Rc<Model>) -> Result<Self> {
        let (gpu, config) = (model.gpu(), &model.config);
        let cache = KvCache::new(gpu, model.cache_layers(), model.heads(), model.n_ctx).await?;
        let state = State::new(gpu, config.n_vocab, cache)?;
        gpu.reserve_reads(MAX_IN_FLIGHT, state.sampler.sampled.size());
        gpu.check_allocations().await?;
        let program = model.program(&state);
        Ok(Self {
            model: model.clone(),
            state,
            program,
            timeline: Vec::new(),
            pace: Pace::default(),
            in_flight: VecDeque::new(),
            interval: AHEAD_MS,
        })
    }

    /// The model.
    pub fn model(&self) -> &Rc<Model> {
        &self.model
    }

    /// Positions that the cache holds.
    pub fn len(&self) -> usize {
        self.timeline.len()
    }

    /// Whether the cache holds none.
    pub fn is_empty(&self) -> bool {
        self.timeline.is_empty()
    }

    /// Forgets all but the first `len` positions.
    pub fn truncate(&mut self, len: usize) {
        self.timeline.truncate(len);
    }

    /// How many of `prompt`'s first tokens need not be run again: at least its last one must, for its logits.
    pub fn common(&self, prompt: &[u32]) -> usize {
        let common = self.timeline.iter().zip(prompt).take_while(|(a, b)| **a == Some(**b)).count();
        common.min(prompt.len().saturating_sub(1))
    }

    /// Makes room in the cache, which keeps what it holds, for so many positions.
    ///
    /// [`Error::ContextFull`] beyond the model's `n_ctx`, [`Error::OutOfMemory`].
    pub async fn reserve(&mut self, positions: usize) -> Result<()> {
        let model = &self.model;
        if positions > model.n_ctx {
            return Err(Error::ContextFull { needed: positions, n_ctx: model.n_ctx });
        }
        let mut grown = Ok(());
        if positions > self.state.cache.capacity {
            self.program = Program::default(); // lets go of the buffers that are replaced
            let (gpu, layers, heads) = (model.gpu(), model.cache_layers(), model.heads());
            grown = self.state.cache.grow(gpu, layers, heads, positions, model.n_ctx).await;
        }
        // also after growth that was broken off while this waited
        if self.program.is_empty() {
            self.program = model.program(&self.state);
        }
        grown
    }

    /// Runs at most [`MAX_BATCH`] positions after those that the cache holds. Returns the logits, `[n_vocab]` each, of the
    /// batch's rows `wanted`: of up to [`MAX_ROWS`] with one submit.
    ///
    /// `cancelled` is asked between submits; then [`Error::Aborted`], and the cache holds what it held.
    pub async fn forward(
        &mut self,
        batch: Batch<'_>,
        wanted: &[usize],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Vec<f32>>> {
        let model = self.model.clone();
        let _lock = model.lock_scratch()?;
        let extent = self.begin(batch, wanted, cancelled).await?;
        let layers = self.layers_of_one(extent, batch.is_ids());
        let logits = if let [_] = wanted {
            model.gpu().submit(layers.iter().chain(&self.program.head), extent);
            self.read_logits(1).await?
        } else {
            if !layers.is_empty() {
                model.gpu().submit(layers, extent);
            }
            self.logits_of_rows(wanted).await?
        };
        self.note(batch);
        Ok(logits)
    }

    /// Appends one token and returns the logits after it.
    pub async fn decode(&mut self, token: u32) -> Result<Vec<f32>> {
        Ok(self.forward(Batch::Tokens(&[token]), &[0], &|| false).await?.concat())
    }

    /// Runs `tokens` on a fresh timeline; the logits after each of `positions` (ascending).
    pub async fn logits(&mut self, tokens: &[u32], positions: &[usize]) -> Result<Vec<Vec<f32>>> {
        self.truncate(0);
        self.check_fits(tokens.len())?;
        self.extend(tokens, positions, &|| false).await
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
            let (batch, later) = rest.split_at(self.batch_size().min(rest.len()));
            let pos = self.len();
            let here = |p: &&usize| (pos..pos + batch.len()).contains(*p);
            let wanted: Vec<_> = positions.iter().filter(here).map(|p| p - pos).collect();
            logits.extend(self.forward(Batch::Tokens(batch), &wanted, cancelled).await?);
            rest = later;
        }
        Ok(logits)
    }

    fn check_fits(&self, needed: usize) -> Result<()> {
        let n_ctx = self.model.n_ctx;
        if needed > n_ctx { Err(Error::ContextFull { needed, n_ctx }) } else { Ok(()) }
    }

    /// How many tokens to run at once: as many as take no dispatch longer than a submit should take.
    fn batch_size(&self) -> usize {
        let mut size = MAX_BATCH;
        while size > MIN_BATCH {
            let extent = extent(self.len(), size);
            match self.pace.each_fits(pieces(self.program.layers(size, true), extent)) {
                Some(true) => break,
                Some(false) => size /= 2,
                None => return FIRST_BATCH,
            }
        }
        size
    }

    /// Writes the batch and, if it is of several positions, runs it through the layers.
    async fn begin(
        &mut self,
        batch: Batch<'_>,
        wanted: &[usize],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Extent> {
        let extent = self.write(batch, wanted).await?;
        if extent.tokens > 1 {
            self.run_prefill(batch, extent, cancelled).await?;
        }
        Ok(extent)
    }

    async fn write(&mut self, batch: Batch<'_>, wanted: &[usize]) -> Result<Extent> {
        self.check_batch(batch)?;
        self.check_rows(batch, wanted)?;
        let (pos, n) = (self.len(), self.positions(batch));
        self.reserve(pos + n).await?;
        let gpu = self.model.gpu();
        let row = wanted.first().copied().unwrap_or(0);
        let mut words = vec![pos as u32, n as u32, row as u32, 0];
        match batch {
            Batch::Tokens(tokens) => words.extend(tokens),
            Batch::Embeddings(values) => gpu.write(&self.model.scratch().x, 0, bytemuck::cast_slice(values)),
        }
        gpu.write(&self.state.batch, 0, bytemuck::cast_slice(&words));
        Ok(extent(pos, n))
    }

    /// What [`Context::begin`] has left to do of the layers: all of one position's, which need no pieces.
    fn layers_of_one(&self, extent: Extent, from_ids: bool) -> &[Dispatch] {
        if extent.tokens == 1 { self.program.layers(1, from_ids) } else { &[] }
    }

    /// A batch through the layers, in submits that [`Pace`] measures out.
    async fn run_prefill(
        &mut self,
        batch: Batch<'_>,
        extent: Extent,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<()> {
        let (gpu, now) = (self.model.gpu(), self.model.now);
        let mut left = self.program.layers(extent.tokens as usize, batch.is_ids());
        let mut start = now();
        // one is submitted before the last is waited for, so that the GPU always has work
        let mut running = None;
        loop {
            let mut next = None;
            if !left.is_empty() {
                if cancelled() {
                    return Err(Error::Aborted);
                }
                let (now, later) = left.split_at(self.pace.take(pieces(left, extent)));
                next = Some((now, gpu.finished(gpu.submit(now, extent))));
                left = later;
            }
            let before = std::mem::replace(&mut running, next);
            if let Some((dispatches, finished)) = before {
                finished.await?;
                let end = now();
                self.pace.took(&pieces(dispatches, extent).collect::<Vec<_>>(), end - start);
                start = end;
            } else if running.is_none() {
                return Ok(());
            }
        }
    }

    /// The logits of several rows of the batch that went through the layers last.
    async fn logits_of_rows(&self, rows: &[usize]) -> Result<Vec<Vec<f32>>> {
        let gpu = self.model.gpu();
        let mut logits = Vec::with_capacity(rows.len());
        for rows in rows.chunks(MAX_ROWS) {
            self.write_rows(rows);
            gpu.submit(&self.program.head_rows, rows.len() as u32);
            logits.extend(self.read_logits(rows.len()).await?);
        }
        Ok(logits)
    }

    /// Says which rows of the batch `head_rows` is for.
    fn write_rows(&self, rows: &[usize]) {
        let header = [0, rows.len() as u32, 0, 0];
        let words: Vec<u32> = header.into_iter().chain(rows.iter().map(|row| *row as u32)).collect();
        self.model.gpu().write(&self.state.rows, 0, bytemuck::cast_slice(&words));
    }

    async fn read_logits(&self, rows: usize) -> Result<Vec<Vec<f32>>> {
        let n_vocab = self.model.config.n_vocab;
        let bytes = self.model.gpu().read(&self.model.scratch().logits, (4 * rows * n_vocab) as u64).await?;
        Ok(bytes.chunks_exact(4 * n_vocab).map(bytemuck::pod_collect_to_vec).collect())
    }

    /// Runs `tokens` as the tokens from position `pos` on, each dispatch in a pass of its own, and times it: one token's
    /// through layers, head and sampler, several tokens' through the layers. The cache then holds what is before `pos`.
    ///
    /// [`Error::Unsupported`] without [`crate::gpu::Gpu::has_timestamps`].
    pub async fn time(&mut self, tokens: &[u32], pos: usize) -> Result<Vec<Timing>> {
        let model = self.model.clone();
        let _lock = model.lock_scratch()?;
        self.timeline.resize(pos, None); // what is there matters to no kernel's time
        let extent = self.write(Batch::Tokens(tokens), &[tokens.len().saturating_sub(1)]).await?;
        let Program { head, sample, .. } = &self.program;
        let mut parts = vec![self.program.layers(tokens.len(), true)];
        if tokens.len() == 1 {
            parts.extend([&head[..], sample]);
        }
        let passes = parts.into_iter().flat_map(|part| part.chunks(1));
        let passes: Vec<&[Dispatch]> = passes.filter(|pass| pass[0].runs(extent)).collect();
        let times = model.gpu().time(&passes, extent).await?;
        let timing = |(dispatch, microseconds): (&Dispatch, f64)| Timing {
            label: dispatch.label.clone(),
            bytes: dispatch.work.bytes.at(extent),
            flops: dispatch.work.flops.at(extent),
            microseconds,
        };
        Ok(passes.into_iter().flatten().zip(times).map(timing).collect())
    }

    /// The cache holds the batch now.
    fn note(&mut self, batch: Batch) {
        match batch {
            Batch::Tokens(tokens) => self.timeline.extend(tokens.iter().copied().map(Some)),
            Batch::Embeddings(_) => self.timeline.resize(self.len() + self.positions(batch), None),
        }
    }

    fn positions(&self, batch: Batch) -> usize {
        match batch {
            Batch::Tokens(tokens) => tokens.len(),
            Batch::Embeddings(values) => values.len() / self.model.config.n_embd,
        }
    }

    fn check_batch(&self, batch: Batch) -> Result<()> {
        let invalid = |problem| Err(Error::InvalidRequest { param: "tokens".into(), problem });
        let config = &self.model.config;
        match batch {
            Batch::Tokens(tokens) => {
                if let Some(id) = tokens.iter().find(|id| **id as usize >= config.n_vocab) {
                    return invalid(format!("{id} is not a token id: the vocabulary has {}", config.n_vocab));
                }
            }
            Batch::Embeddings(values) if !values.len().is_multiple_of(config.n_embd) => {
                return invalid(format!("{} values are no embeddings of {}", values.len(), config.n_embd));
            }
            Batch::Embeddings(_) => {}
        }
        match self.positions(batch) {
            1..=MAX_BATCH => Ok(()),
            n => invalid(format!("a batch of {n} tokens, expected 1 to {MAX_BATCH}")),
        }
    }

    fn check_rows(&self, batch: Batch, wanted: &[usize]) -> Result<()> {
        let n = self.positions(batch);
        match wanted.iter().find(|row| **row >= n) {
            Some(row) => {
                let problem = format!("logits of row {row} of a batch of {n}");
                Err(Error::InvalidRequest { param: "positions".into(), problem })
            }
            None => Ok(()),
        }
    }
}

impl Batch<'_> {
    fn is_ids(&self) -> bool {
        matches!(self, Self::Tokens(_))
    }
}
