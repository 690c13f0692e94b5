//! Causal attention with grouped query heads over the KV cache, for a prompt.

use super::fixed::Form;
use super::generated;
use super::rope::Heads;
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Tile, Work};

/// Elements of the query heads of a workgroup's groups of four tokens: what keeps it within 128 invocations and 10 KiB
/// of workgroup memory.
const GROUP_ELEMENTS: u32 = 512;
/// Groups of four tokens of a workgroup at most.
const MAX_GROUPS: u32 = 8;

/// `out[t][h]` = attention of query head h at the position of token t. `qkv` f32 `[tokens][q | k | v]`,
/// caches `[positions][n_kv_head][head_dim]` of the types that `heads` names, out `[tokens][n_head][head_dim]` in `form`, which for
/// heads of no multiple of 32 is floats.
pub fn attention(
    gpu: &Gpu,
    heads: Heads,
    form: Form,
    [qkv, k_cache, v_cache, batch, out]: [&Buffer; 5],
) -> Dispatch {
    let fours = (GROUP_ELEMENTS / heads.head_dim as u32).clamp(1, MAX_GROUPS);
    let mut constants = heads.constants();
    let tiled = gpu.caps().tuning.matmul == Tile::Workgroup;
    constants.extend([("GROUPS", fours), ("TILED", tiled.into()), ("FIXED", (form == Form::Fixed).into())]);
    let scale = 1.0 / (heads.head_dim as f32).sqrt();
    let extra = format!("const SCALE: f32 = {};\n", shader::float(scale));
    let kernel = include_str!("../../shaders/attention.wgsl");
    let parts = [shared::BATCH, shared::BYTES, shared::FIXED, &generated::kv(heads.kv), kernel];
    let source = shader::compose(gpu.caps(), &constants, &extra, &parts);
    let binds =
        [Bind::Read(qkv), Bind::Read(k_cache), Bind::Read(v_cache), Bind::Read(batch), Bind::Write(out)];
    let groups = [Groups::Fixed(heads.n_head as u32), Groups::PerTokens(4 * fours)];
    gpu.dispatch("attention", source, &binds, groups).doing(work(heads))
}

/// Of attention in any form: keys and values once, q in and the result out; q . k and weight * v.
pub(super) fn work(heads: Heads) -> Work {
    let q = (heads.n_head * heads.head_dim) as u64;
    Work {
        bytes: Amount { per_position: heads.key_value_bytes(), per_token: 8 * q, ..Amount::default() },
        flops: Amount { per_pair: 4 * q, ..Amount::default() },
    }
}
