//! RMSNorm of rows, for a prompt; a single token's is part of its matvec.

use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Dispatch, Gpu, Groups, Work};

/// `y = norm(x) * weight` with x and y f32 `[tokens][n]`, weight f32 `[n]`.
pub fn rms_norm(gpu: &Gpu, n: usize, eps: f32, [x, weight, y]: [&wgpu::Buffer; 3]) -> Dispatch {
    let extra = format!("const EPS: f32 = {};\n", shader::float(eps));
    let parts = [shared::REDUCE, include_str!("../../shaders/rms_norm.wgsl")];
    let source = shader::compose(&gpu.caps, &[("N4", n as u32 / 4)], &extra, &parts);
    let binds = [Bind::Read(x), Bind::Read(weight), Bind::Write(y)];
    let n = n as u64;
    let work = Work {
        bytes: Amount { fixed: 4 * n, per_token: 8 * n, ..Amount::default() },
        flops: Amount { per_token: 4 * n, ..Amount::default() }, // square, add, scale, weigh
    };
    gpu.dispatch("rms_norm", source, &binds, [Groups::Fixed(1), Groups::PerTokens(1)]).doing(work)
}
