//! The gate of the feed-forward layer, for a prompt.

use super::fixed::Form;
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Work};

/// `y = silu(gate) * up`, with gate_up f32 `[tokens][gate | up]` and y `[tokens][n_ff]` in `form`.
pub fn swiglu(gpu: &Gpu, n_ff: usize, form: Form, gate_up: &Buffer, y: &Buffer) -> Dispatch {
    let vecs = if form == Form::Fixed { 8 } else { 1 };
    let constants = [("N_FF", n_ff as u32), ("VECS", vecs), ("FIXED", (form == Form::Fixed).into())];
    let parts = [shared::SILU, shared::BYTES, shared::FIXED, include_str!("../../shaders/swiglu.wgsl")];
    let source = shader::compose(gpu.caps(), &constants, "", &parts);
    let binds = [Bind::Read(gate_up), Bind::Write(y)];
    let groups = [Groups::Fixed((n_ff as u32 / 4).div_ceil(64 * vecs)), Groups::PerTokens(1)];
    let n_ff = n_ff as u64;
    let work = Work {
        bytes: Amount { per_token: 12 * n_ff, ..Amount::default() },
        flops: Amount { per_token: 5 * n_ff, ..Amount::default() }, // negate, exp, add, divide, multiply
    };
    gpu.dispatch("swiglu", source, &binds, groups).doing(work)
}
