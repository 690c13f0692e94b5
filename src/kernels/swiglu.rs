//! The gate of the feed-forward layer, for a prompt.

use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Work};

/// `y = silu(gate) * up`, with gate_up f32 `[tokens][gate | up]` and y f32 `[tokens][n_ff]`.
pub fn swiglu(gpu: &Gpu, n_ff: usize, gate_up: &Buffer, y: &Buffer) -> Dispatch {
    let constants = [("N_FF", n_ff as u32)];
    let parts = [shared::SILU, include_str!("../../shaders/swiglu.wgsl")];
    let source = shader::compose(gpu.caps(), &constants, "", &parts);
    let binds = [Bind::Read(gate_up), Bind::Write(y)];
    let groups = [Groups::Fixed((n_ff as u32).div_ceil(64)), Groups::PerTokens(1)];
    let n_ff = n_ff as u64;
    let work = Work {
        bytes: Amount { per_token: 12 * n_ff, ..Amount::default() },
        flops: Amount { per_token: 5 * n_ff, ..Amount::default() }, // negate, exp, add, divide, multiply
    };
    gpu.dispatch("swiglu", source, &binds, groups).doing(work)
}
