//! RoPE of q and k, Qwen3's head norms before it, and the write to the KV cache after it.

use crate::gpu::shader::{self, shared};
use crate::gpu::{Bind, Dispatch, Gpu, Groups};

/// Attention's dimensions, shared by [`rope`] and [`super::attention`].
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Query heads.
    pub n_head: usize,
    /// Key and value heads.
    pub n_kv_head: usize,
    /// Elements of a head.
    pub head_dim: usize,
    /// Positions in the cache.
    pub n_ctx: usize,
}

impl Heads {
    /// The dimensions as WGSL constants.
    pub fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![
            ("N_HEAD", self.n_head as u32),
            ("N_KV_HEAD", self.n_kv_head as u32),
            ("HEAD_DIM", self.head_dim as u32),
            ("N_CTX", self.n_ctx as u32),
        ]
    }
}

/// What [`rope`] binds.
#[derive(Debug)]
pub struct Buffers<'a> {
    /// From [`table`].
    pub table: &'a wgpu::Buffer,
    /// The batch.
    pub batch: &'a wgpu::Buffer,
    /// Weights of the q and k head norms, f32 `[head_dim]` each.
    pub head_norms: Option<(&'a wgpu::Buffer, &'a wgpu::Buffer)>,
    /// f32 `[tokens][q | k | v]`; q is rotated in place.
    pub qkv: &'a wgpu::Buffer,
    /// Keys, `[n_kv_head][n_ctx][head_dim]`, f16 or f32 by tier.
    pub k_cache: &'a wgpu::Buffer,
    /// Values, likewise.
    pub v_cache: &'a wgpu::Buffer,
}

/// Positions in the fine half of the table.
const FINE: usize = 256;

fn coarse_rows(n_ctx: usize) -> usize {
    n_ctx.div_ceil(FINE)
}

/// Cos and sin of every pair at positions 0, 256, 512, ... and at 0 to 255, scaled by `mscale` once:
/// f32 `[n_ctx / 256 + 256][n_rot / 2][2]`. `inv_freq` is the angle per position of each pair.
pub fn table(inv_freq: &[f64], mscale: f64, n_ctx: usize) -> Vec<f32> {
    let coarse = (0..coarse_rows(n_ctx)).map(|row| ((row * FINE) as f64, 1.0));
    let fine = (0..FINE).map(|row| (row as f64, mscale));
    coarse
        .chain(fine)
        .flat_map(|(pos, scale)| {
            inv_freq.iter().flat_map(move |freq| {
                let (sin, cos) = (pos * freq).sin_cos();
                [(cos * scale) as f32, (sin * scale) as f32]
            })
        })
        .collect()
}

/// Rotates `n_rot` elements of each head, in NEOX (i, i + n_rot / 2) or NORM (2i, 2i + 1) pairs.
pub fn rope(gpu: &Gpu, heads: Heads, n_rot: usize, neox: bool, eps: f32, buffers: Buffers) -> Dispatch {
    let mut constants = heads.constants();
    constants.extend([
        ("N_ROT", n_rot as u32),
        ("NEOX", neox.into()),
        ("HEAD_NORM", buffers.head_norms.is_some().into()),
        ("HIGH_ROWS", coarse_rows(heads.n_ctx) as u32),
    ]);
    let extra = format!("const EPS: f32 = {};\n", shader::float(eps));
    let parts = [shared::BATCH, shared::REDUCE, include_str!("../../shaders/rope.wgsl")];
    let source = shader::compose(&gpu.caps, &constants, &extra, &parts);
    let (q_norm, k_norm) = buffers.head_norms.unwrap_or((buffers.table, buffers.table));
    let binds = [
        Bind::Read(buffers.table),
        Bind::Read(buffers.batch),
        Bind::Read(q_norm),
        Bind::Read(k_norm),
        Bind::Write(buffers.qkv),
        Bind::Write(buffers.k_cache),
        Bind::Write(buffers.v_cache),
    ];
    let groups = (heads.n_head + 2 * heads.n_kv_head) as u32;
    gpu.dispatch("rope", source, &binds, [Groups::Fixed(groups), Groups::PerTokens(1)])
}
