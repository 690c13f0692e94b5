//! RMSNorm of rows.

use crate::gpu::shader::{self, shared};
use crate::gpu::{Bind, Dispatch, Gpu, Groups};

/// Which rows to normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All rows of the batch, in place order.
    All,
    /// Only the row whose logits are wanted, to row 0.
    Wanted,
}

/// `y = norm(x) * weight` with x and y f32 `[tokens][n]`, weight f32 `[n]`.
pub fn rms_norm(
    gpu: &Gpu,
    n: usize,
    eps: f32,
    rows: Rows,
    [x, weight, batch, y]: [&wgpu::Buffer; 4],
) -> Dispatch {
    let constants = [("N4", n as u32 / 4), ("ONE_ROW", (rows == Rows::Wanted).into())];
    let extra = format!("const EPS: f32 = {};\n", shader::float(eps));
    let parts = [shared::BATCH, shared::REDUCE, include_str!("../../shaders/rms_norm.wgsl")];
    let source = shader::compose(&gpu.caps, &constants, &extra, &parts);
    let binds = [Bind::Read(x), Bind::Read(weight), Bind::Read(batch), Bind::Write(y)];
    let y_groups = if rows == Rows::All { Groups::PerTokens(1) } else { Groups::Fixed(1) };
    gpu.dispatch("rms_norm", source, &binds, [Groups::Fixed(1), y_groups])
}
