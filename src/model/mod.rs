//! The forward pass of llama, qwen2 and qwen3: what is submitted when.

mod graph;
pub mod kv_cache;
pub mod loader;
pub mod pace;
pub mod plan;
pub mod sampling;
pub mod self_test;
pub mod tune;
pub mod weights;

pub use loader::Loader;

use crate::config::ModelConfig;
use crate::gpu::{Dispatch, Extent, Gpu, PendingRead};
use crate::kernels::rope;
use crate::kv_type::KvTypes;
use crate::sampler::SamplingParams;
use crate::{Error, Result};
use graph::{Activations, Dispatches, Graph, heads};
use kv_cache::KvCache;
use pace::{Pace, Piece};
use sampling::Sampling;
use self_test::{Clock, SelfTest};
use weights::Weights;

/// Most tokens of one batch.
pub const MAX_BATCH: usize = 512;
/// Tokens of the first batch, before anything was timed: as many as a workgroup of matmul takes.
const FIRST_BATCH: usize = 64;
/// Tokens of a batch on the slowest device.
const MIN_BATCH: usize = 16;

/// Most tokens that are on their way from the GPU at once.
pub const MAX_IN_FLIGHT: usize = 8;

/// A loaded model with one KV cache.
#[derive(Debug)]
pub struct Model {
    /// Its dimensions.
    pub config: ModelConfig,
    /// Most positions of the KV cache.
    pub n_ctx: usize,
    /// What the self-test found at load.
    pub self_test: SelfTest,
    gpu: Gpu,
    weights: Weights,
    activations: Activations,
    cache: KvCache,
    dispatches: Dispatches,
    sampling: Sampling,
    now: Clock,
    pace: Pace,
}

/// A token that the GPU is about to choose.
#[derive(Debug)]
pub struct PendingToken {
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

/// `tokens` tokens from position `pos`.
fn extent(pos: usize, tokens: usize) -> Extent {
    Extent { tokens: tokens as u32, positions: (pos + tokens) as u32 }
}

fn pieces(dispatches: &[Dispatch], extent: Extent) -> impl Iterator<Item = Piece<'_>> {
    let work = move |d: &Dispatch| d.work.bytes.at(extent) + d.work.flops.at(extent);
    dispatches.iter().map(move |dispatch| (dispatch.label.as_str(), work(dispatch) as f64))
}

impl Model {
    /// Allocates the KV cache and activations and prepares all dispatches, whose pipelines then compile while the
    /// weights still come. Before the first token, [`Model::set_rope`] must be called.
    ///
    /// `n_ctx` defaults to what the model was trained for, as far as it fits one binding. Errors:
    /// [`Error::ContextFull`] if it does not, [`Error::OutOfMemory`].
    pub async fn new(
        gpu: Gpu,
        config: ModelConfig,
        weights: Weights,
        n_ctx: Option<usize>,
        kv: KvTypes,
        self_test: SelfTest,
        now: Clock,
    ) -> Result<Self> {
        let heads = heads(&config, kv);
        let most = KvCache::most_positions(&gpu, heads);
        let n_ctx = n_ctx.unwrap_or(config.n_ctx_train.min(most)).max(1);
        if n_ctx > most {
            return Err(Error::ContextFull { needed: n_ctx, n_ctx: most });
        }
        let activations = Activations::new(&gpu, &config, heads, n_ctx)?;
        let cache = KvCache::new(&gpu, heads, config.n_layer, n_ctx).await?;
        let dispatches =
            Graph { gpu: &gpu, config: &config, weights: &weights, a: &activations, cache: &cache }
                .dispatches();
        let sampling = Sampling::new(&gpu, config.n_vocab, &activations.logits, &activations.batch)?;
        gpu.reserve_reads(MAX_IN_FLIGHT, sampling.sampled.size());
        Ok(Self {
            config,
            n_ctx,
            self_test,
            gpu,
            weights,
            activations,
            cache,
            dispatches,
            sampling,
            now,
            pace: Pace::default(),
        })
    }

    /// Writes the RoPE table; `factors` are Llama 3.1's (`rope_freqs.weight`).
    pub fn set_rope(&self, factors: Option<&[f32]>) {
        let rope = &self.config.rope;
        let table = rope::table(&rope.inv_freq(factors), rope.mscale, self.n_ctx);
        self.gpu.write(&self.activations.rope, 0, bytemuck::cast_slice(&table));
    }

    /// Makes room in the cache, which keeps what it holds, for so many positions.
    ///
    /// [`Error::ContextFull`] beyond `n_ctx`, [`Error::OutOfMemory`].
    pub async fn reserve(&mut self, positions: usize) -> Result<()> {
        if positions > self.n_ctx {
            return Err(Error::ContextFull { needed: positions, n_ctx: self.n_ctx });
        }
        if positions <= self.cache.capacity {
            return Ok(());
        }
        self.cache = self.cache.grown(&self.gpu, positions, self.n_ctx).await?;
        let Self { gpu, config, weights, activations, cache, .. } = self;
        self.dispatches = Graph { gpu, config, weights, a: activations, cache }.dispatches();
        Ok(())
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The types of the KV cache.
    pub fn kv(&self) -> KvTypes {
        self.cache.heads.kv
    }

    /// Bytes of weights read for one decoded token.
    pub fn bytes_per_token(&self) -> u64 {
        self.weights.bytes_per_token()
    }

    /// Runs `tokens` (at most [`MAX_BATCH`]) at positions `pos`, `pos + 1`, ..., writing their keys and
    /// values. Returns the logits, `[n_vocab]` each, of the batch rows `wanted`.
    ///
    /// `cancelled` is asked between submits; then [`Error::Aborted`].
    pub async fn forward(
        &mut self,
        tokens: &[u32],
        pos: usize,
        wanted: &[usize],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Vec<f32>>> {
        let extent = self.begin(tokens, pos, wanted.first().copied().unwrap_or(0), cancelled).await?;
        let mut rest = self.rest(extent);
        let mut logits = Vec::with_capacity(wanted.len());
        for (i, row) in wanted.iter().enumerate() {
            if i > 0 {
                self.gpu.write(&self.activations.batch, 8, bytemuck::bytes_of(&(*row as u32)));
            }
            self.gpu.submit(rest.iter().chain(&self.dispatches.head), extent);
            rest = &[];
            let bytes = self.gpu.read(&self.activations.logits, 4 * self.config.n_vocab as u64).await?;
            logits.push(bytemuck::pod_collect_to_vec(&bytes));
        }
        if !rest.is_empty() {
            self.gpu.submit(rest, extent);
        }
        Ok(logits)
    }

    /// How many tokens to run at once from position `pos`: as many as take no dispatch longer than a submit should
    /// take.
    pub fn batch_size(&self, pos: usize) -> usize {
        let mut size = MAX_BATCH;
        while size > MIN_BATCH {
            match self.pace.each_fits(pieces(self.dispatches.batch(size), extent(pos, size))) {
                Some(true) => break,
                Some(false) => size /= 2,
                None => return FIRST_BATCH,
            }
        }
        size
    }

    /// Writes the batch and, if it is of several tokens, runs it through the layers.
    async fn begin(
        &mut self,
        tokens: &[u32],
        pos: usize,
        wanted: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Extent> {
        let extent = self.write_batch(tokens, pos, wanted).await?;
        if tokens.len() > 1 {
            self.run_prefill(extent, cancelled).await?;
        }
        Ok(extent)
    }

    async fn write_batch(&mut self, tokens: &[u32], pos: usize, wanted: usize) -> Result<Extent> {
        self.check_batch(tokens)?;
        self.reserve(pos + tokens.len()).await?;
        let header = [pos as u32, tokens.len() as u32, wanted as u32, 0];
        let batch: Vec<u32> = header.iter().chain(tokens).copied().collect();
        self.gpu.write(&self.activations.batch, 0, bytemuck::cast_slice(&batch));
        Ok(extent(pos, tokens.len()))
    }

    /// What [`Model::begin`] has left to do of the layers: all of one token's, which need no pieces.
    fn rest(&self, extent: Extent) -> &[Dispatch] {
        if extent.tokens == 1 { &self.dispatches.decode } else { &[] }
    }

    /// A batch through the layers, in submits that [`Pace`] measures out.
    async fn run_prefill(&mut self, extent: Extent, cancelled: &dyn Fn() -> bool) -> Result<()> {
        let mut left = self.dispatches.batch(extent.tokens as usize);
        while !left.is_empty() {
            if cancelled() {
                return Err(Error::Aborted);
            }
            let (now, later) = left.split_at(self.pace.take(pieces(left, extent)));
            let start = (self.now)();
            self.gpu.submit(now, extent);
            self.gpu.finish().await?;
            self.pace.took(&pieces(now, extent).collect::<Vec<_>>(), (self.now)() - start);
            left = later;
        }
        Ok(())
    }

    /// Begins a reply whose tokens the GPU chooses, with parameters that [`SamplingParams::check`] has passed.
    pub fn start_sampling(&self, params: &SamplingParams, seed: u64) {
        self.sampling.start(&self.gpu, params, seed);
    }

    /// Runs `tokens` as [`Model::forward`] does and chooses the token after them.
    pub async fn sample_after(
        &mut self,
        tokens: &[u32],
        pos: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<PendingToken> {
        let extent = self.begin(tokens, pos, tokens.len().saturating_sub(1), cancelled).await?;
        Ok(self.submit_sampling(extent))
    }

    /// Runs the token that was chosen last, whatever it is, and chooses the one at `position` after it.
    pub async fn sample_next(&mut self, position: usize) -> Result<PendingToken> {
        self.reserve(position).await?;
        Ok(self.submit_sampling(Extent { tokens: 1, positions: position as u32 }))
    }

    fn submit_sampling(&self, extent: Extent) -> PendingToken {
        let dispatches =
            self.rest(extent).iter().chain(&self.dispatches.head).chain(&self.sampling.dispatches);
        let ring = &self.sampling.sampled;
        let read = self.gpu.submit_and_read(dispatches, extent, ring, ring.size());
        PendingToken { read, position: extent.positions as usize }
    }

    /// Runs `tokens` as [`Model::sample_after`] does, each dispatch in a pass of its own, and times it: one token's
    /// through layers, head and sampler, several tokens' through the layers.
    ///
    /// [`Error::Unsupported`] without [`Gpu::has_timestamps`].
    pub async fn time(&mut self, tokens: &[u32], pos: usize) -> Result<Vec<Timing>> {
        let extent = self.write_batch(tokens, pos, tokens.len().saturating_sub(1)).await?;
        let Dispatches { decode, head, .. } = &self.dispatches;
        let parts = match tokens.len() {
            1 => vec![&decode[..], head, &self.sampling.dispatches],
            n => vec![self.dispatches.batch(n)],
        };
        let passes: Vec<&[Dispatch]> = parts.into_iter().flat_map(|part| part.chunks(1)).collect();
        let times = self.gpu.time(&passes, extent).await?;
        let timing = |(dispatch, microseconds): (&Dispatch, f64)| Timing {
            label: dispatch.label.clone(),
            bytes: dispatch.work.bytes.at(extent),
            flops: dispatch.work.flops.at(extent),
            microseconds,
        };
        Ok(passes.into_iter().flatten().zip(times).map(timing).collect())
    }

    /// The host's time in milliseconds.
    pub fn now(&self) -> f64 {
        (self.now)()
    }

    /// The token chosen; an error where the logits were not finite. What is broken off can be asked again.
    pub async fn receive(&self, token: &mut PendingToken) -> Result<u32> {
        sampling::token_at(&self.gpu.receive(&mut token.read).await?, token.position)
    }

    /// Waits for a token that nobody wants any more.
    pub async fn discard(&self, token: &mut PendingToken) -> Result<()> {
        self.gpu.receive(&mut token.read).await.map(drop)
    }

    fn check_batch(&self, tokens: &[u32]) -> Result<()> {
        let n_vocab = self.config.n_vocab;
        if let Some(id) = tokens.iter().find(|id| **id as usize >= n_vocab) {
            let problem = format!("{id} is not a token id: the vocabulary has {n_vocab}");
            return Err(Error::InvalidRequest { param: "tokens".into(), problem });
        }
        if tokens.is_empty() || tokens.len() > MAX_BATCH {
            let problem = format!("a batch of {} tokens, expected 1 to {MAX_BATCH}", tokens.len());
            return Err(Error::InvalidRequest { param: "tokens".into(), problem });
        }
        Ok(())
    }
}
