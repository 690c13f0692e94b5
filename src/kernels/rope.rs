//! RoPE of q and k, Qwen3's head norms before it, and the write to the KV cache after it, for a prompt.

use super::generated;
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Work};
use crate::kv_type::KvTypes;
use crate::quant::CHUNK;

/// Attention's dimensions and the types of its cache, shared by [`rope`] and [`super::attention`].
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Query heads.
    pub n_head: usize,
    /// Key and value heads.
    pub n_kv_head: usize,
    /// Elements of a head.
    pub head_dim: usize,
    /// How keys and values are kept.
    pub kv: KvTypes,
}

impl Heads {
    /// Bytes of one position's keys in one layer.
    pub fn key_bytes(&self) -> u64 {
        self.n_kv_head as u64 * self.kv.keys.head_bytes(self.head_dim)
    }

    /// Bytes of one position's values in one layer.
    pub fn value_bytes(&self) -> u64 {
        self.n_kv_head as u64 * self.kv.values.head_bytes(self.head_dim)
    }

    /// Bytes of one position's keys and values in one layer.
    pub fn key_value_bytes(&self) -> u64 {
        self.key_bytes() + self.value_bytes()
    }

    /// Whether a head is a number of blocks in fixed point.
    pub fn in_blocks(&self) -> bool {
        self.head_dim.is_multiple_of(CHUNK as usize)
    }

    /// The dimensions as WGSL constants.
    pub fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![
            ("N_HEAD", self.n_head as u32),
            ("N_KV_HEAD", self.n_kv_head as u32),
            ("HEAD_DIM", self.head_dim as u32),
        ]
    }
}

/// What [`rope`] and [`super::decode_attention`] bind.
#[derive(Clone, Copy, Debug)]
pub struct HeadBuffers<'a> {
    /// From [`table`].
    pub table: &'a Buffer,
    /// The batch.
    pub batch: &'a Buffer,
    /// Weights of the q and k head norms, f32 `[head_dim]` each.
    pub head_norms: Option<(&'a Buffer, &'a Buffer)>,
    /// f32 `[tokens][q | k | v]`; [`rope`] rotates q in place.
    pub qkv: &'a Buffer,
    /// Keys, `[positions][n_kv_head][head_dim]` of the type that [`Heads`] names.
    pub k_cache: &'a Buffer,
    /// Values, likewise.
    pub v_cache: &'a Buffer,
}

/// Positions in the fine half of the table.
const FINE: usize = 256;

fn coarse_rows(n_ctx: usize) -> usize {
    n_ctx.div_ceil(FINE)
}

/// Bytes of [`table`].
pub fn table_bytes(n_rot: usize, n_ctx: usize) -> u64 {
    4 * ((coarse_rows(n_ctx) + FINE) * n_rot) as u64
}

/// Cos and sin of every pair at positions 0 to 255, scaled by `mscale`, and at 0, 256, 512, ...:
/// f32 `[256 + n_ctx / 256][n_rot / 2][2]`. `inv_freq` is the angle per position of each pair.
pub fn table(inv_freq: &[f64], mscale: f64, n_ctx: usize) -> Vec<f32> {
    let coarse = (0..coarse_rows(n_ctx)).map(|row| ((row * FINE) as f64, 1.0));
    let fine = (0..FINE).map(|row| (row as f64, mscale));
    fine.chain(coarse)
        .flat_map(|(pos, scale)| {
            inv_freq.iter().flat_map(move |freq| {
                let (sin, cos) = (pos * freq).sin_cos();
                [(cos * scale) as f32, (sin * scale) as f32]
            })
        })
        .collect()
}

/// How [`rope`] and [`super::decode_attention`] rotate heads.
#[derive(Clone, Copy, Debug)]
pub struct RopeParams {
    /// Elements of a head that are rotated.
    pub n_rot: usize,
    /// Pairs are (i, i + n_rot / 2) instead of (2i, 2i + 1).
    pub neox: bool,
    /// Of the head norms.
    pub eps: f32,
}

impl HeadBuffers<'_> {
    /// What shaders/shared/rope.wgsl and the head norms need.
    pub(super) fn constants(&self, heads: Heads, params: RopeParams) -> Vec<(&'static str, u32)> {
        let mut constants = heads.constants();
        constants.extend([
            ("N_ROT", params.n_rot as u32),
            ("NEOX", params.neox.into()),
            ("HEAD_NORM", self.head_norms.is_some().into()),
        ]);
        constants
    }

    /// Bindings 0 to 3.
    pub(super) fn read_binds(&self) -> [Bind<'_>; 4] {
        let (q_norm, k_norm) = self.head_norms.unwrap_or((self.table, self.table));
        [self.table, self.batch, q_norm, k_norm].map(Bind::Read)
    }
}

/// Turns the heads of q and k for all tokens of the batch.
pub fn rope(gpu: &Gpu, heads: Heads, params: RopeParams, buffers: HeadBuffers) -> Dispatch {
    let extra = format!("const EPS: f32 = {};\n", shader::float(params.eps));
    let kernel = include_str!("../../shaders/rope.wgsl");
    let parts = [shared::BATCH, shared::ROPE, &generated::kv(heads.kv), kernel];
    let source = shader::compose(gpu.caps(), &buffers.constants(heads, params), &extra, &parts);
    let mut binds = buffers.read_binds().to_vec();
    binds.extend([buffers.qkv, buffers.k_cache, buffers.v_cache].map(Bind::Write));
    let groups = (heads.n_head + 2 * heads.n_kv_head) as u32;
    let (q, kv) = ((heads.n_head * heads.head_dim) as u64, (heads.n_kv_head * heads.head_dim) as u64);
    let cached = heads.key_value_bytes();
    let work = Work {
        bytes: Amount { per_token: 4 * (2 * q + 2 * kv) + cached, ..Amount::default() },
        flops: Amount { per_token: 3 * (q + kv), ..Amount::default() }, // two products and a sum an element
    };
    gpu.dispatch("rope", source, &binds, [Groups::Fixed(groups), Groups::PerTokens(1)]).doing(work)
}
