//! A loaded model: its weights on the GPU, and what it takes to run them. Conversations are [`crate::context`]s.

pub mod arch;
pub mod autotune;
pub mod fit;
pub mod gpu_sampler;
pub mod kv_cache;
mod load;
mod loader;
pub mod plan;
pub mod program;
pub mod self_test;
pub mod weights;

pub use load::{ByteSource, Progress, drain, load, read_header};

use crate::config::ModelConfig;
use crate::gpu::{Gpu, Tuning};
use crate::kernels::Matrix;
use crate::kernels::rope::{self, Heads};
use crate::kv_type::KvTypes;
use crate::{Error, Result};
use kv_cache::{KvCache, PositionBytes};
use program::{Graph, Program, Scratch, State};
use self_test::SelfTest;
use std::cell::Cell;
use weights::Weights;

/// Most tokens of one batch.
pub const MAX_BATCH: usize = 512;

/// The time in milliseconds since any fixed moment: the host's, because a browser's is not this crate's to ask for.
pub type Clock = fn() -> f64;

/// What the caller asks of a model.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ModelOptions {
    /// Most positions of a context. Default: what the model was trained for, as far as it fits one binding.
    pub n_ctx: Option<usize>,
    /// The types of the KV cache; by default the smallest that are exact for the model ([`kv_cache::kv_types`]).
    pub kv: Option<KvTypes>,
    /// Do not keep keys or values in half precision, but in f32, where `kv` does not say otherwise.
    pub no_f16: bool,
    /// What was measured to be fastest on this device before; measured at load when absent.
    pub tuning: Option<Tuning>,
}

/// A loaded model, which any number of [`crate::context::Context`]s share.
#[derive(Debug)]
pub struct Model {
    /// Its dimensions.
    pub config: ModelConfig,
    /// Most positions of a context.
    pub n_ctx: usize,
    /// What the self-test found at load.
    pub self_test: SelfTest,
    /// The host's time.
    pub now: Clock,
    gpu: Gpu,
    heads: Heads,
    cache_layers: Vec<PositionBytes>,
    weights: Weights,
    scratch: Scratch,
    /// Bound to no conversation's buffers, but to `placeholders`.
    program: Program,
    placeholders: State,
    /// Whether a prompt is on its way through the layers, in [`Scratch`].
    busy: Cell<bool>,
}

/// The right to use a model's [`Scratch`] for longer than a submit.
#[derive(Debug)]
pub struct ScratchLock<'m>(&'m Cell<bool>);

impl Drop for ScratchLock<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Model {
    /// Makes buffers and dispatches, whose pipelines then compile while the weights still come. Before the first token,
    /// [`Model::set_rope`] must be called.
    ///
    /// Errors: [`Error::ContextFull`] for more positions than fit one binding, [`Error::OutOfMemory`], also where there is
    /// no room left for a first context.
    pub(crate) async fn new(
        gpu: Gpu,
        config: ModelConfig,
        weights: Weights,
        n_ctx: Option<usize>,
        kv: KvTypes,
        self_test: SelfTest,
        now: Clock,
    ) -> Result<Self> {
        let heads = program::heads(&config, kv);
        let cache_layers = program::cache_layers(&config, kv);
        let most = KvCache::most_positions(&gpu, &cache_layers);
        let n_ctx = n_ctx.unwrap_or(config.n_ctx_train.min(most)).max(1);
        if n_ctx > most {
            return Err(Error::ContextFull { needed: n_ctx, n_ctx: most });
        }
        let scratch = Scratch::new(&gpu, &config, n_ctx)?;
        let placeholders = State::new(&gpu, 1, KvCache::placeholder(&gpu, config.n_layer)?)?;
        let graph = Graph {
            gpu: &gpu,
            config: &config,
            weights: &weights,
            scratch: &scratch,
            state: &placeholders,
            heads,
            rope_params: program::rope_params(&config),
        };
        let program = graph.program();
        gpu.compile().await;
        // a device without room for all this, and for a cache, is better known now than after the download
        gpu.check_allocations().await?;
        KvCache::new(&gpu, &cache_layers, heads, n_ctx).await?;
        let busy = Cell::new(false);
        Ok(Self {
            config,
            n_ctx,
            self_test,
            now,
            gpu,
            heads,
            cache_layers,
            weights,
            scratch,
            program,
            placeholders,
            busy,
        })
    }

    /// Writes the RoPE table; `factors` are Llama 3.1's (`rope_freqs.weight`).
    pub(crate) fn set_rope(&self, factors: Option<&[f32]>) {
        let rope = &self.config.rope;
        let table = rope::table(&rope.inv_freq(factors), rope.mscale, self.n_ctx);
        self.gpu.write(&self.scratch.rope, 0, bytemuck::cast_slice(&table));
    }

    /// The device, in the tier that the model uses.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The types of the KV cache.
    pub fn kv(&self) -> KvTypes {
        self.heads.kv
    }

    /// Attention's dimensions.
    pub fn heads(&self) -> Heads {
        self.heads
    }

    /// What each layer keeps of a position.
    pub fn cache_layers(&self) -> &[PositionBytes] {
        &self.cache_layers
    }

    /// The matrices that a token is multiplied by, in the order of their use.
    pub fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        self.weights.matrices()
    }

    /// Bytes of weights read for one decoded token.
    pub fn bytes_per_token(&self) -> u64 {
        self.matrices().map(Matrix::bytes).sum()
    }

    /// The buffers that all conversations share.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The dispatches, bound to a conversation's buffers.
    pub fn program(&self, state: &State) -> Program {
        self.program.rebound(&self.gpu, &self.placeholders, state)
    }

    /// [`Error::InvalidRequest`] while another context has it.
    pub fn lock_scratch(&self) -> Result<ScratchLock<'_>> {
        if self.busy.replace(true) {
            return Err(Error::InvalidRequest {
                param: "context".into(),
                problem: "another one of the same model is in the middle of its prompt".into(),
            });
        }
        Ok(ScratchLock(&self.busy))
    }
}
