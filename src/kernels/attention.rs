//! Causal attention with grouped query heads over the KV cache, for a prompt.

use super::rope::Heads;
use crate::gpu::shader::{self, shared};
use crate::gpu::{Bind, Dispatch, Gpu, Groups};

/// Tokens of a workgroup.
const TOKENS: u32 = 8;

/// `out[t][h]` = attention of query head h at the position of token t. `qkv` f32 `[tokens][q | k | v]`,
/// caches `[positions][n_kv_head][head_dim]` of the device's KV type, out f32 `[tokens][n_head][head_dim]`.
pub fn attention(
    gpu: &Gpu,
    heads: Heads,
    [qkv, k_cache, v_cache, batch, out]: [&wgpu::Buffer; 5],
) -> Dispatch {
    let scale = 1.0 / (heads.head_dim as f32).sqrt();
    let extra = format!("const SCALE: f32 = {};\n", shader::float(scale));
    let parts = [shared::BATCH, shader::kv(gpu.caps.kv), include_str!("../../shaders/attention.wgsl")];
    let source = shader::compose(&gpu.caps, &heads.constants(), &extra, &parts);
    let binds =
        [Bind::Read(qkv), Bind::Read(k_cache), Bind::Read(v_cache), Bind::Read(batch), Bind::Write(out)];
    gpu.dispatch("attention", source, &binds, [Groups::Fixed(heads.n_head as u32), Groups::PerTokens(TOKENS)])
}
