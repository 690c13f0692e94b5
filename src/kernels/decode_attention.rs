//! Attention of one token, its positions split over workgroups.

use super::attention;
use super::rope::{Buffers, Heads, Turn};
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Dispatch, Gpu, Groups, Work};

/// Positions of a workgroup.
const SPLIT: u32 = 64;

/// Bytes of what the workgroups leave for [`combine`], for a cache of so many positions.
pub fn partial_bytes(heads: Heads, positions: usize) -> u64 {
    let splits = positions.div_ceil(SPLIT as usize);
    4 * (heads.n_head * splits * (heads.head_dim + 4)) as u64
}

/// Query heads that share a workgroup: as many as share a key head, but at most 8, and no more than fit its 16 KiB of
/// memory with 2 KiB for all of them together.
fn heads_together(heads: Heads) -> usize {
    let group = heads.n_head / heads.n_kv_head;
    let bytes = 4 * heads.head_dim + (4 + 16) * SPLIT as usize; // the query; weights, and vectors of parts
    (1..=8).rev().find(|n| group.is_multiple_of(*n) && n * bytes <= 14 << 10).unwrap_or(1)
}

/// Turns and caches the token's heads and attends to all positions up to its own; `partial` is f32
/// `[positions / 64][n_head][head_dim + 4]`.
pub fn decode_attention(
    gpu: &Gpu,
    heads: Heads,
    turn: Turn,
    buffers: Buffers,
    partial: &wgpu::Buffer,
) -> Dispatch {
    let together = heads_together(heads);
    let mut constants = buffers.constants(heads, turn);
    constants.push(("HEADS", together as u32));
    let scale = shader::float(1.0 / (heads.head_dim as f32).sqrt());
    let extra = format!("const EPS: f32 = {};\nconst SCALE: f32 = {scale};\n", shader::float(turn.eps));
    let kernel = include_str!("../../shaders/decode_attention.wgsl");
    let parts = [shared::BATCH, shared::REDUCE, shared::ROPE, shader::kv(gpu.caps.kv), kernel];
    let source = shader::compose(&gpu.caps, &constants, &extra, &parts);
    let mut binds = buffers.read_binds().to_vec();
    binds.push(Bind::Read(buffers.qkv));
    binds.extend([buffers.k_cache, buffers.v_cache, partial].map(Bind::Write));
    let groups = [Groups::Fixed((heads.n_head / together) as u32), Groups::PerPositions(SPLIT)];
    gpu.dispatch("decode_attention", source, &binds, groups).doing(attention::work(gpu, heads))
}

/// Joins the parts to f32 `[n_head][head_dim]`.
pub fn combine(gpu: &Gpu, heads: Heads, [partial, batch, out]: [&wgpu::Buffer; 3]) -> Dispatch {
    let parts = [shared::BATCH, shared::REDUCE, include_str!("../../shaders/combine.wgsl")];
    let source = shader::compose(&gpu.caps, &heads.constants(), "", &parts);
    let binds = [Bind::Read(partial), Bind::Read(batch), Bind::Write(out)];
    let groups = [Groups::Fixed(heads.n_head as u32), Groups::Fixed(1)];
    let split = partial_bytes(heads, SPLIT as usize);
    let work = Work {
        bytes: Amount { per_position: split / u64::from(SPLIT), ..Amount::default() },
        flops: Amount { per_position: split / 2 / u64::from(SPLIT), ..Amount::default() }, // two a float
    };
    gpu.dispatch("combine", source, &binds, groups).doing(work)
}
