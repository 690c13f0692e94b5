//! The form of a decoded token's activations (shaders/shared/fixed.wgsl).

use super::Matrix;
use crate::gpu::{Dots, Gpu};
use crate::quant::CHUNK;

/// Widest row that a workgroup norms for itself in fixed point, with subgroups and without: as much as fits the workgroup
/// memory that a device is sure to have, 16 KiB, with what else lies there.
const WIDEST_NORM: [u32; 2] = [128 * CHUNK, 64 * CHUNK];

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

    /// The form in which a matvec norms rows of so many columns.
    pub fn normed(self, gpu: &Gpu, cols: u32) -> Self {
        let [subgroups, none] = WIDEST_NORM;
        let widest = if gpu.caps().subgroups { subgroups } else { none };
        if cols > widest { Self::Floats } else { self }
    }
}
