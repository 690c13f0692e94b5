//! Matrix times the batch's vectors: every projection of a prompt.

use super::fixed::Form;
use super::matvec::Output;
use super::{Matrix, generated};
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Tile, Work};
use crate::quant::CHUNK;

/// Most tokens of a workgroup.
pub const TILE_TOKENS: u32 = 64;
/// Most tokens of [`matmul_few`].
pub const FEW_TOKENS: u32 = 8;

/// [`matmul`] or [`matmul_few`].
pub type Product = fn(&Gpu, &Matrix, &Buffer, &Buffer, Output) -> Vec<Dispatch>;

/// `y[t] = W x[t]`, with x f32 `[tokens][cols]`; one dispatch a slab.
pub fn matmul(gpu: &Gpu, w: &Matrix, x: &Buffer, batch: &Buffer, output: Output) -> Vec<Dispatch> {
    let kernel = match gpu.caps().tuning.matmul {
        Tile::Workgroup => {
            let parts = &[include_str!("../../shaders/matmul_tiles.wgsl")];
            Kernel { label: "matmul", rows: 64, tokens: TILE_TOKENS, parts }
        }
        Tile::Registers => {
            let parts = &[shared::DOT_CHUNK, include_str!("../../shaders/matmul_rows.wgsl")];
            Kernel { label: "matmul", rows: 128, tokens: 16, parts }
        }
    };
    product(gpu, w, x, batch, output, &kernel)
}

/// The same for at most [`FEW_TOKENS`].
pub fn matmul_few(gpu: &Gpu, w: &Matrix, x: &Buffer, batch: &Buffer, output: Output) -> Vec<Dispatch> {
    match gpu.caps().tuning.matmul {
        Tile::Workgroup => {
            let few = include_str!("../../shaders/matmul_few.wgsl");
            let parts = &[shared::DOT_CHUNK, shader::cluster(gpu.caps()), few];
            product(
                gpu,
                w,
                x,
                batch,
                output,
                &Kernel { label: "matmul_few", rows: 16, tokens: FEW_TOKENS, parts },
            )
        }
        // takes the tokens that there are
        Tile::Registers => matmul(gpu, w, x, batch, output),
    }
}

/// A way to multiply.
struct Kernel<'a> {
    label: &'static str,
    /// Rows of a workgroup.
    rows: u32,
    /// Tokens of a workgroup.
    tokens: u32,
    /// What follows shaders/shared/product.wgsl.
    parts: &'a [&'a str],
}

fn product(
    gpu: &Gpu,
    w: &Matrix,
    x: &Buffer,
    batch: &Buffer,
    output: Output,
    kernel: &Kernel,
) -> Vec<Dispatch> {
    let constants = [
        ("WORKGROUP", 64),
        ("CLUSTER", 8),
        ("CHUNKS", w.cols / CHUNK),
        ("ROWS", w.rows),
        ("BIAS", output.bias.is_some().into()),
        ("ACCUMULATE", output.accumulate.into()),
    ];
    let parts = [&[shared::BATCH, shared::PRODUCT], kernel.parts].concat();
    let mut dispatches = Vec::new();
    for slab in &w.slabs {
        let unpack = generated::unpack(slab, w.cols, kernel.rows, 1, Form::Floats);
        let source = shader::compose(gpu.caps(), &constants, &unpack, &parts);
        let binds = [
            Bind::Read(&slab.buffer),
            Bind::Read(&slab.buffer),
            Bind::Read(x),
            Bind::Read(output.bias.unwrap_or(x)),
            Bind::Write(output.y),
            Bind::Read(batch),
        ];
        let groups = [Groups::Fixed(slab.groups(kernel.rows, 1)), Groups::PerTokens(kernel.tokens)];
        let (rows, cols) = (u64::from(slab.groups(1, 1)), u64::from(w.cols));
        let work = Work {
            bytes: Amount { fixed: slab.buffer.size(), per_token: 4 * (rows + cols), ..Amount::default() },
            flops: Amount { per_token: 2 * rows * cols, ..Amount::default() },
        };
        dispatches.push(gpu.dispatch(kernel.label, source, &binds, groups).on(w.name).doing(work));
    }
    dispatches
}
