//! RMSNorm of rows, for a prompt; a single token's is part of its matvec.

use super::fixed::Form;
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Work};

/// `y[t] = norm(x[t]) * weight` with x f32 `[tokens][n]`, y the same in `form`, and weight f32 `[n]`.
pub fn rms_norm(gpu: &Gpu, n: usize, eps: f32, form: Form, buffers: [&Buffer; 3]) -> Dispatch {
    norm(gpu, n, eps, form, None, buffers)
}

/// The same of some rows in f32: `y[t] = norm(x[r]) * weight` where r is token t of the batch `rows`.
pub fn rms_norm_of(gpu: &Gpu, n: usize, eps: f32, rows: &Buffer, buffers: [&Buffer; 3]) -> Dispatch {
    norm(gpu, n, eps, Form::Floats, Some(rows), buffers)
}

fn norm(
    gpu: &Gpu,
    n: usize,
    eps: f32,
    form: Form,
    rows: Option<&Buffer>,
    [x, weight, y]: [&Buffer; 3],
) -> Dispatch {
    let extra = format!("const EPS: f32 = {};\n", shader::float(eps));
    let constants = [("WORKGROUP", 64), ("N4", n as u32 / 4), ("SOME_ROWS", rows.is_some().into())];
    let kernel = include_str!("../../shaders/rms_norm.wgsl");
    let parts = [form.store(), &[shared::BATCH, shader::reduce(gpu.caps()), kernel]].concat();
    let source = shader::compose(gpu.caps(), &constants, &extra, &parts);
    let binds = [Bind::Write(y), Bind::Read(x), Bind::Read(weight), Bind::Read(rows.unwrap_or(x))];
    let n = n as u64;
    let work = Work {
        bytes: Amount { fixed: 4 * n, per_token: 8 * n, ..Amount::default() },
        flops: Amount { per_token: 4 * n, ..Amount::default() }, // square, add, scale, weigh
    };
    gpu.dispatch("rms_norm", source, &binds, [Groups::Fixed(1), Groups::PerTokens(1)]).doing(work)
}
