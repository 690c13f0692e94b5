//! The gate of the feed-forward layer, for a prompt.

use super::fixed::Form;
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Work};

/// `y = silu(gate) * up`, with gate_up f32 `[tokens][gate | up]` and y `[tokens][n_ff]` in `form`.
pub fn swiglu(gpu: &Gpu, n_ff: usize, form: Form, gate_up: &Buffer, y: &Buffer) -> Dispatch {
    const WORKGROUP: u32 = 64;
    let constants = [("WORKGROUP", WORKGROUP), ("N_FF", n_ff as u32)];
    let parts = [form.store(), &[shared::SILU, include_str!("../../shaders/swiglu.wgsl")]].concat();
    let source = shader::compose(gpu.caps(), &constants, "", &parts);
    let binds = [Bind::Write(y), Bind::Read(gate_up)];
    let groups = [Groups::Fixed((n_ff as u32 / 4).div_ceil(WORKGROUP)), Groups::PerTokens(1)];
    let n_ff = n_ff as u64;
    let work = Work {
        bytes: Amount { per_token: 12 * n_ff, ..Amount::default() },
        flops: Amount { per_token: 5 * n_ff, ..Amount::default() }, // negate, exp, add, divide, multiply
    };
    gpu.dispatch("swiglu", source, &binds, groups).doing(work)
}
