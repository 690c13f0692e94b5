//! The form of a decoded token's activations (shaders/shared/fixed.wgsl).

use super::{Matrix, WORKGROUP_MEMORY};
use crate::gpu::shader::shared;
use crate::gpu::{Dots, Gpu};
use crate::quant::CHUNK;

/// Of a workgroup, on any device (WebGPU, maxComputeInvocationsPerWorkgroup).
const MOST_INVOCATIONS: u32 = 256;

/// Words of a block of 32 values in fixed point.
pub const BLOCK_WORDS: usize = 28;

/// How the values lie that a matrix is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As f32.
    Floats,
    /// As blocks of 32 in fixed point, multiplied as bytes. As exact, because a block keeps 24 bits of its largest value.
    Fixed,
}

impl Form {
    /// The faster form of what `w` is multiplied by, on this device.
    pub fn of(gpu: &Gpu, w: &Matrix) -> Self {
        match gpu.caps().tuning.dots {
            Dots::Bytes if !w.has_floats() => Self::Fixed,
            _ => Self::Floats,
        }
    }

    /// The files of `shaders/shared/` by which a kernel stores a vector an invocation.
    pub fn store(self) -> &'static [&'static str] {
        match self {
            Self::Floats => &[shared::FOUR_FLOATS],
            Self::Fixed => &[shared::BYTES, shared::FIXED, shared::FOUR_FIXED],
        }
    }

    /// The form in which a matvec norms rows of so many columns.
    pub fn normed(self, gpu: &Gpu, cols: u32) -> Self {
        if self.can_keep(gpu, MOST_INVOCATIONS, cols) { self } else { Self::Floats }
    }

    /// Whether a workgroup of so many invocations has the memory to keep so many columns (shaders/shared/kept_*.wgsl).
    pub fn can_keep(self, gpu: &Gpu, workgroup: u32, cols: u32) -> bool {
        let chunk = match self {
            Self::Floats => 4 * CHUNK,
            Self::Fixed => 4 * BLOCK_WORDS as u32,
        };
        // for sums: a vector and a float of each cluster, without subgroups of each invocation too
        let clusters = workgroup / 8 * (16 + 4);
        let sums = if gpu.caps().subgroups { clusters } else { clusters + workgroup * (16 + 4) };
        cols / CHUNK * chunk + sums + 4 * CHUNK <= WORKGROUP_MEMORY
    }
}
