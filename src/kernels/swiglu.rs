//! The gate of the feed-forward layer.

use crate::gpu::{Bind, Dispatch, Gpu, Groups, shader};

/// `y = silu(gate) * up`, with gate_up f32 `[tokens][gate | up]` and y f32 `[tokens][n_ff]`.
pub fn swiglu(gpu: &Gpu, n_ff: usize, gate_up: &wgpu::Buffer, y: &wgpu::Buffer) -> Dispatch {
    let n4 = n_ff as u32 / 4;
    let source = shader::compose(&gpu.caps, &[("N4", n4)], "", &[include_str!("../../shaders/swiglu.wgsl")]);
    let binds = [Bind::Read(gate_up), Bind::Write(y)];
    gpu.dispatch("swiglu", source, &binds, [Groups::Fixed(n4.div_ceil(64)), Groups::PerTokens(1)])
}
