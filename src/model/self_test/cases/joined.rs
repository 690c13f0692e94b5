//! A token's matvec that joins the heads for itself.

use super::matrices::fill;
use super::{Case, ROWS, Random, SUM_BOUND, case, floats};
use crate::Result;
use crate::config::ModelConfig;
use crate::gpu::{Extent, Gpu};
use crate::kernels::Matrix;
use crate::kernels::decode_attention::join;
use crate::kernels::matvec::{Before, Input, Join, Output, matvec};
use crate::kernels::repack::Repack;
use crate::kv_type::KvTypes;
use crate::model::program;
use crate::quant::Layout;
use crate::reference;

/// Parts of a head.
const PARTS: usize = 3;

/// The model's own heads, in parts, through a matrix of one of its formats; none where heads are never joined so.
pub fn joined(
    gpu: &Gpu,
    repack: &Repack,
    config: &ModelConfig,
    kv: KvTypes,
    layout: &'static Layout,
    random: &mut Random,
) -> Result<Option<Case>> {
    let shape = program::heads(config, kv);
    let (heads, dim) = (shape.n_head, shape.head_dim);
    let cols = (heads * dim) as u32;
    if !cols.is_multiple_of(layout.block_len()) {
        return Ok(None);
    }
    let w = Matrix::new(gpu, cols, &[("self-test", layout.ty, ROWS as u32)])?;
    // of so many parts the last has one position
    let dummy = gpu.buffer("batch", 16)?;
    let Some((Before::Join(join), _)) = join(gpu, shape, &w, &dummy) else { return Ok(None) };
    let pos = (PARTS as u32 - 1) * join.split;
    let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&[pos, 1, 0, 0]))?;
    // of each part the sums, the largest score, and the sum of the weights, which is positive
    let mut partial = random.floats(PARTS * heads * (dim + 4));
    partial.chunks_exact_mut(dim + 4).for_each(|part| part[dim + 1] += 1.5);
    let parts: Vec<&[f32]> = partial.chunks_exact(dim + 4).collect();
    let value = |i: usize| {
        let of_head =
            || parts.iter().skip(i / dim).step_by(heads).map(|part| (part, f64::from(part[dim]).exp()));
        let sum = |at: usize| of_head().map(|(part, weight)| weight * f64::from(part[at])).sum::<f64>();
        sum(i % dim) / sum(dim + 1)
    };
    let values: Vec<f64> = (0..heads * dim).map(value).collect();
    let rows = fill(gpu, repack, &w, random);
    let (want, scale) = reference::matmul::matmul(&rows, cols as usize, &values);
    let (x, y) = (floats(gpu, "parts", &partial)?, gpu.buffer("y", 4 * ROWS as u64)?);
    let input = Input { x: &x, before: Before::Join(Join { batch: &batch, ..join }) };
    gpu.submit(&matvec(gpu, &w, input, Output::to(&y)), Extent { tokens: 1, positions: pos + 1 });
    // a sum in f32 of products of values that are off by as much
    Ok(Some(case("matvec that joins heads", y, want, scale, 4.0 * SUM_BOUND)))
}
