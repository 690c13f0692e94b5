//! Matrix times the batch's vectors: every projection of a prompt.

use super::fixed::Form;
use super::matvec::Output;
use super::{Matrix, generated};
use crate::gpu::shader::{self, shared};
use crate::gpu::{Amount, Bind, Buffer, Dispatch, Gpu, Groups, Tile, Work};
use crate::kv_type::{KvType, KvTypes};
use crate::quant::CHUNK;

/// Most tokens of a workgroup.
pub const TILE_TOKENS: u32 = 64;
/// Most tokens of [`matmul_few`].
pub const FEW_TOKENS: u32 = 8;

/// A way to multiply by the vectors of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// [`matmul_few`].
    Few,
    /// [`matmul`].
    Many,
}

/// What the vectors of a batch are multiplied as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vectors {
    /// f32.
    Floats,
    /// Blocks in fixed point, two of whose three bytes count, but of those with an outlier.
    TwoBytes,
    /// Blocks in fixed point.
    ThreeBytes,
}

impl Vectors {
    /// How they lie.
    pub fn form(self) -> Form {
        match self {
            Self::Floats => Form::Floats,
            Self::TwoBytes | Self::ThreeBytes => Form::Fixed,
        }
    }
}

impl Product {
    /// What `w` multiplies best on this device. With values in the KV cache in less than f32, two bytes show less in an answer
    /// than those do; but not in keys that are kept in f32 because of their biases.
    pub fn vectors(self, gpu: &Gpu, w: &Matrix, kv: KvTypes, makes_keys: bool) -> Vectors {
        let f32_keys = makes_keys && kv.keys == KvType::F32;
        match (self, Form::of(gpu, w)) {
            (Self::Few, _) | (_, Form::Floats) => Vectors::Floats,
            _ if kv.values == KvType::F32 || f32_keys => Vectors::ThreeBytes,
            _ => Vectors::TwoBytes,
        }
    }

    /// `y[t] = W x[t]`.
    pub fn multiply(
        self,
        gpu: &Gpu,
        w: &Matrix,
        vectors: Vectors,
        [x, batch]: [&Buffer; 2],
        output: Output,
    ) -> Vec<Dispatch> {
        match self {
            Self::Few => matmul_few(gpu, w, x, batch, output),
            Self::Many => matmul(gpu, w, vectors, x, batch, output),
        }
    }
}

/// `y[t] = W x[t]`, with x `[tokens][cols]` in the form of `vectors`; one dispatch a slab.
pub fn matmul(
    gpu: &Gpu,
    w: &Matrix,
    vectors: Vectors,
    x: &Buffer,
    batch: &Buffer,
    output: Output,
) -> Vec<Dispatch> {
    let kernel = match (vectors.form(), gpu.caps().tuning.matmul) {
        (Form::Fixed, _) => {
            let parts = &[shared::FIXED, shared::DOT_FIXED, include_str!("../../shaders/matmul_bytes.wgsl")];
            let constants = vec![("THREE_BYTES", (vectors == Vectors::ThreeBytes).into())];
            Kernel { label: "matmul", vectors, rows: 64, tokens: TILE_TOKENS, constants, parts }
        }
        (Form::Floats, Tile::Workgroup) => {
            let parts = &[include_str!("../../shaders/matmul_tiles.wgsl")];
            Kernel { label: "matmul", vectors, rows: 64, tokens: TILE_TOKENS, constants: vec![], parts }
        }
        (Form::Floats, Tile::Registers) => {
            let parts = &[shared::DOT_CHUNK, include_str!("../../shaders/matmul_rows.wgsl")];
            Kernel { label: "matmul", vectors, rows: 128, tokens: 16, constants: vec![], parts }
        }
    };
    product(gpu, w, x, batch, output, &kernel)
}

/// The same for at most [`FEW_TOKENS`], with x in f32.
pub fn matmul_few(gpu: &Gpu, w: &Matrix, x: &Buffer, batch: &Buffer, output: Output) -> Vec<Dispatch> {
    match gpu.caps().tuning.matmul {
        Tile::Workgroup => {
            let few = include_str!("../../shaders/matmul_few.wgsl");
            let parts = &[shared::DOT_CHUNK, shader::cluster(gpu.caps()), few];
            let kernel = Kernel {
                label: "matmul_few",
                vectors: Vectors::Floats,
                rows: 16,
                tokens: FEW_TOKENS,
                constants: vec![("WORKGROUP", 64), ("CLUSTER", 8)],
                parts,
            };
            product(gpu, w, x, batch, output, &kernel)
        }
        // takes the tokens that there are
        Tile::Registers => matmul(gpu, w, Vectors::Floats, x, batch, output),
    }
}

/// A way to multiply.
struct Kernel<'a> {
    label: &'static str,
    vectors: Vectors,
    /// Rows of a workgroup.
    rows: u32,
    /// Tokens of a workgroup.
    tokens: u32,
    /// Of this way alone.
    constants: Vec<(&'static str, u32)>,
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
    let mut constants = vec![
        ("CHUNKS", w.cols / CHUNK),
        ("ROWS", w.rows),
        ("BIAS", output.bias.is_some().into()),
        ("ACCUMULATE", output.accumulate.into()),
    ];
    constants.extend(&kernel.constants);
    let parts = [&[shared::BATCH, shared::PRODUCT], kernel.parts].concat();
    let mut dispatches = Vec::new();
    for slab in &w.slabs {
        let unpack = generated::unpack(slab, w.cols, kernel.rows, 1, kernel.vectors.form());
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
