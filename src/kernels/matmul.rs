//! Matrix times the batch's vectors: every projection of a prompt.

use super::Matrix;
use super::matvec::Output;
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Dispatch, Gpu, Groups, Tile, Work};
use crate::quant::CHUNK;

/// Tokens of a workgroup.
pub const TILE_TOKENS: u32 = 64;
/// Most tokens of [`matmul_few`].
pub const FEW_TOKENS: u32 = 8;

/// `y[t] = W x[t]`, with x f32 `[tokens][cols]`; one dispatch a slab.
pub fn matmul(
    gpu: &Gpu,
    w: &Matrix,
    x: &wgpu::Buffer,
    batch: &wgpu::Buffer,
    output: Output,
) -> Vec<Dispatch> {
    let (tile_rows, kernel) = match gpu.caps.tuning.matmul {
        Tile::Workgroup => (64, &[include_str!("../../shaders/matmul_tiles.wgsl")][..]),
        Tile::Registers => (128, &[shared::DOT_CHUNK, include_str!("../../shaders/matmul_rows.wgsl")][..]),
    };
    product(gpu, w, x, batch, output, tile_rows, kernel)
}

/// The same for at most [`FEW_TOKENS`].
pub fn matmul_few(
    gpu: &Gpu,
    w: &Matrix,
    x: &wgpu::Buffer,
    batch: &wgpu::Buffer,
    output: Output,
) -> Vec<Dispatch> {
    match gpu.caps.tuning.matmul {
        Tile::Workgroup => {
            let kernel = include_str!("../../shaders/matmul_few.wgsl");
            product(gpu, w, x, batch, output, 8, &[shared::DOT_CHUNK, shader::cluster(&gpu.caps), kernel])
        }
        // takes the tokens that there are
        Tile::Registers => matmul(gpu, w, x, batch, output),
    }
}

/// By a kernel whose workgroups take `tile_rows` rows.
fn product(
    gpu: &Gpu,
    w: &Matrix,
    x: &wgpu::Buffer,
    batch: &wgpu::Buffer,
    output: Output,
    tile_rows: u32,
    kernel: &[&str],
) -> Vec<Dispatch> {
    let constants = [
        ("CHUNKS", w.cols / CHUNK),
        ("ROWS", w.rows),
        ("BIAS", output.bias.is_some().into()),
        ("ACCUMULATE", output.accumulate.into()),
    ];
    let parts = [&[shared::BATCH, shared::PRODUCT], kernel].concat();
    let mut dispatches = Vec::new();
    for slab in &w.slabs {
        let source = shader::compose(&gpu.caps, &constants, &slab.wgsl(w.cols, tile_rows, 1), &parts);
        let binds = [
            Bind::Read(&slab.buffer),
            Bind::Read(&slab.buffer),
            Bind::Read(x),
            Bind::Read(output.bias.unwrap_or(x)),
            Bind::Write(output.y),
            Bind::Read(batch),
        ];
        let groups = [Groups::Fixed(slab.groups(tile_rows, 1)), Groups::PerTokens(TILE_TOKENS)];
        let (rows, cols) = (u64::from(slab.groups(1, 1)), u64::from(w.cols));
        let work = Work {
            bytes: Amount { fixed: slab.buffer.size(), per_token: 4 * (rows + cols), ..Amount::default() },
            flops: Amount { per_token: 2 * rows * cols, ..Amount::default() },
        };
        dispatches.push(gpu.dispatch("matmul", source, &binds, groups).on(w.name).doing(work));
    }
    dispatches
}
