//! Attention of one token, its positions split over workgroups.

use super::attention;
use super::fixed::Form;
use super::generated;
use super::matvec::{Before, Join, RowTile};
use super::rope::{HeadBuffers, Heads, RopeParams};
use super::{Matrix, WORKGROUP_MEMORY};
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Splits, Work};
use crate::quant::CHUNK;

/// Positions of a tile.
const TILE: u32 = 64;

/// What a workgroup takes.
struct Tiling {
    /// Invocations.
    workgroup: u32,
    /// Query heads that share a key head.
    heads: u32,
    /// Tiles of positions.
    tiles: u32,
}

impl Tiling {
    /// With many invocations where a device has many cores, but so few that three heads that share a key head, or all where
    /// there are fewer, fit: else keys and values would be read too often.
    fn of(gpu: &Gpu, heads: Heads) -> Self {
        let group = (heads.n_head / heads.n_kv_head) as u32;
        let of = |workgroup, tiles| Self::fitting(gpu, heads, workgroup, tiles);
        match gpu.caps().tuning.attention {
            Splits::Few => of(64, 2),
            Splits::Many => {
                let wide = [256, 128].map(|workgroup| of(workgroup, 1));
                wide.into_iter().find(|tiling| tiling.heads >= group.min(3)).unwrap_or_else(|| of(64, 1))
            }
        }
    }

    /// As many heads as share a key head, but at most 8, and no more than fit; one tile where two do not.
    fn fitting(gpu: &Gpu, heads: Heads, workgroup: u32, tiles: u32) -> Self {
        let group = (heads.n_head / heads.n_kv_head) as u32;
        // the key, and a float of each cluster for its norm, without subgroups of each invocation
        let scratch = if gpu.caps().subgroups { workgroup / 8 } else { workgroup };
        let memory = WORKGROUP_MEMORY - 4 * (heads.head_dim as u32 + scratch);
        // the query; a vector of each invocation, and weights, of each tile; the largest and the sum of 16 invocations
        let bytes = |tiles: u32| 4 * (heads.head_dim as u32 + (4 * workgroup + TILE) * tiles + 2 * 16);
        let together =
            (1..=8).rev().find(|n| group.is_multiple_of(*n) && n * bytes(1) <= memory).unwrap_or(1);
        let tiles = if together * bytes(tiles) <= memory { tiles } else { 1 };
        Self { workgroup, heads: together, tiles }
    }

    fn positions(&self) -> u32 {
        TILE * self.tiles
    }
}

/// Bytes of what the workgroups leave for [`combine`], for a cache of so many positions.
pub fn partial_bytes(heads: Heads, positions: usize) -> u64 {
    let splits = positions.div_ceil(TILE as usize);
    4 * (heads.n_head * splits * (heads.head_dim + 4)) as u64
}

/// Most parts of a head that are joined by the matrix that follows ([`join`]): each of its workgroups reads them all.
const MOST_JOINED: u32 = 8;

/// How `w` may join the heads for itself, and up to how many positions: then [`combine`] is not needed.
pub fn join<'a>(gpu: &Gpu, heads: Heads, w: &Matrix, batch: &'a Buffer) -> Option<(Before<'a>, u32)> {
    let form = Form::of(gpu, w);
    let fits = form.can_keep(gpu, RowTile::of(gpu, w, form).workgroup(), w.cols);
    let split = Tiling::of(gpu, heads).positions();
    (fits && heads.in_blocks()).then(|| (Before::Join(Join { heads, split, batch }), MOST_JOINED * split))
}

/// Turns and caches the token's heads and attends to all positions up to its own; `partial` is f32
/// `[splits][n_head][head_dim + 4]`.
pub fn decode_attention(
    gpu: &Gpu,
    heads: Heads,
    params: RopeParams,
    buffers: HeadBuffers,
    partial: &Buffer,
) -> Dispatch {
    let tiling = Tiling::of(gpu, heads);
    let mut constants = buffers.constants(heads, params);
    constants.extend([("WORKGROUP", tiling.workgroup), ("HEADS", tiling.heads), ("TILES", tiling.tiles)]);
    let scale = shader::float(1.0 / (heads.head_dim as f32).sqrt());
    let extra = format!("const EPS: f32 = {};\nconst SCALE: f32 = {scale};\n", shader::float(params.eps));
    let kernel = include_str!("../../shaders/decode_attention.wgsl");
    let turned = include_str!("../../shaders/shared/heads.wgsl");
    let parts =
        [shared::BATCH, shader::reduce(gpu.caps()), shared::ROPE, turned, &generated::kv(heads.kv), kernel];
    let source = shader::compose(gpu.caps(), &constants, &extra, &parts);
    let mut binds = buffers.read_binds().to_vec();
    binds.push(Bind::Read(buffers.qkv));
    binds.extend([buffers.k_cache, buffers.v_cache, partial].map(Bind::Write));
    let groups =
        [Groups::Fixed(heads.n_head as u32 / tiling.heads), Groups::PerPositions(tiling.positions())];
    gpu.dispatch("decode_attention", source, &binds, groups).doing(attention::work(heads))
}

/// Joins the parts to `[n_head][head_dim]` in a form: [`Form::Fixed`] for heads whose dimensions together are a multiple of 32.
pub fn combine(gpu: &Gpu, heads: Heads, form: Form, [partial, batch, out]: [&Buffer; 3]) -> Dispatch {
    let tiling = Tiling::of(gpu, heads);
    let parts = [form.store(), &[shared::BATCH, include_str!("../../shaders/combine.wgsl")]].concat();
    let mut constants = heads.constants();
    constants.extend([("WORKGROUP", 128), ("TILES", tiling.tiles)]);
    let source = shader::compose(gpu.caps(), &constants, "", &parts);
    let binds = [Bind::Write(out), Bind::Read(partial), Bind::Read(batch)];
    let groups = [Groups::Fixed(((heads.n_head * heads.head_dim) as u32).div_ceil(CHUNK)), Groups::Fixed(1)];
    let floats = (heads.n_head * (heads.head_dim + 4)) as u64 / u64::from(tiling.positions());
    let work = Work {
        bytes: Amount { per_position: 4 * floats, ..Amount::default() },
        flops: Amount { per_position: 2 * floats, ..Amount::default() },
    };
    gpu.dispatch("combine", source, &binds, groups).doing(work)
}
