//! Matrix times vector: every projection of a decoded token.

use super::Matrix;
use crate::gpu::shader::{self, shared};
use crate::gpu::{Bind, Dispatch, Gpu, Groups};
use crate::quant::CHUNK;

/// What happens to the product, shared with [`super::matmul`].
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// f32 `[rows]`, added where given.
    pub bias: Option<&'a wgpu::Buffer>,
    /// Whether y is added to (a residual) instead of overwritten.
    pub accumulate: bool,
    /// f32 `[tokens][rows]`.
    pub y: &'a wgpu::Buffer,
}

/// Rows of a workgroup.
const TILE: u32 = 32;

/// `y = W x`, with x f32 `[cols]`; one dispatch a slab.
pub fn matvec(gpu: &Gpu, w: &Matrix, x: &wgpu::Buffer, output: Output) -> Vec<Dispatch> {
    let cluster = if gpu.caps.subgroups { shared::CLUSTER_SUBGROUP } else { shared::CLUSTER_WORKGROUP };
    let constants = [
        ("CHUNKS", w.cols / CHUNK),
        ("BIAS", output.bias.is_some().into()),
        ("ACCUMULATE", output.accumulate.into()),
    ];
    let mut dispatches = Vec::new();
    for slab in &w.slabs {
        let parts = [cluster, include_str!("../../shaders/matvec.wgsl")];
        let source = shader::compose(&gpu.caps, &constants, &slab.wgsl(w.cols, TILE), &parts);
        let binds = [
            Bind::Read(&slab.buffer),
            Bind::Read(&slab.buffer),
            Bind::Read(x),
            Bind::Read(output.bias.unwrap_or(x)),
            Bind::Write(output.y),
        ];
        let groups = [Groups::Fixed(slab.groups(TILE)), Groups::Fixed(1)];
        dispatches.push(gpu.dispatch("matvec", source, &binds, groups));
    }
    dispatches
}
