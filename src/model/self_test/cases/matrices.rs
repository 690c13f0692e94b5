//! Everything that a matrix is multiplied by, in each of a model's formats.

use super::{COLS, Case, FEW_TOKENS, MANY_TOKENS, ROWS, Random, SUM_BOUND, TOKENS, Values};
use super::{batch, case, doubles, floats, most};
use crate::Result;
use crate::config::ModelConfig;
use crate::gpu::{Buffer, Dispatch, Gpu};
use crate::kernels::Matrix;
use crate::kernels::embed::embed;
use crate::kernels::fixed::{BLOCK_WORDS, Form};
use crate::kernels::matmul::{Product, Vectors, matmul, matmul_few};
use crate::kernels::matrix::Arrangement;
use crate::kernels::matvec::{Before, Input, Norm, Output, RowTile, matvec, matvec_tiled};
use crate::kernels::repack::Repack;
use crate::kv_type::KvTypes;
use crate::quant::{CHUNK, Layout};
use crate::reference;

/// Errors of a sum where activations have two bytes.
const TWO_BYTES_BOUND: f64 = 1e-4;

/// Repack, embed, matvec and matmul of a matrix with `ROWS` rows of each format.
///
/// Matvec and matmul run with bias and with accumulation: the variants that a model has are the same but for one
/// or both of these last two additions, or have a norm and a gate ([`gated`]).
pub async fn weights(
    gpu: &Gpu,
    repack: &Repack,
    config: &ModelConfig,
    kv: KvTypes,
    layouts: &[&'static Layout],
    all_ways: bool,
    random: &mut Random,
) -> Result<Vec<Case>> {
    let tensors: Vec<_> = layouts.iter().map(|layout| ("self-test", layout.ty, ROWS as u32)).collect();
    let matrix = Matrix::new(gpu, COLS as u32, &tensors).await?;
    let rows = matrix.rows as usize;
    let w = fill(gpu, repack, &matrix, random);
    let by_format = |run, case: Case| Case {
        kernels: layouts.iter().map(|layout| format!("{} {}", case.kernels[0], layout.ty)).collect(),
        run,
        ..case
    };

    let embedded = gpu.buffer("rows", 4 * w.len() as u64)?;
    gpu.submit(&embed(gpu, &matrix, &batch(gpu, 0, rows)?, &embedded), rows as u32);
    let embed = case("embed", embedded, doubles(&w), most(&doubles(&w), COLS), 1e-6);

    let x = random.floats(MANY_TOKENS * COLS);
    let (bias, before) = (random.floats(rows), random.floats(MANY_TOKENS * rows));
    let (mut want, mut scale) = reference::matmul::matmul(&w, COLS, &doubles(&x));
    for (i, (want, scale)) in want.iter_mut().zip(&mut scale).enumerate() {
        let (bias, before) = (f64::from(bias[i % rows]), f64::from(before[i]));
        *want += bias + before;
        *scale += bias.abs() + before.abs();
    }
    let operands = Operands {
        fixed: gpu.buffer_with("x", bytemuck::cast_slice(&reference::fixed::blocks(&x)))?,
        x: floats(gpu, "x", &x)?,
        few: batch(gpu, 0, FEW_TOKENS)?,
        many: batch(gpu, 0, MANY_TOKENS)?,
    };
    let bias = floats(gpu, "bias", &bias)?;
    let mut cases = vec![by_format(ROWS * COLS, embed)];
    for product in products(gpu, &matrix, &operands, kv, row_tiles(gpu, config, &matrix, all_ways)) {
        let n = product.tokens * rows;
        let y = floats(gpu, "y", &before[..n])?;
        let output = Output { bias: Some(&bias), accumulate: true, ..Output::to(&y) };
        gpu.submit(&(product.dispatches)(output), product.tokens as u32);
        let (want, scale) = (want[..n].to_vec(), scale[..n].to_vec());
        cases.push(by_format(ROWS, case(product.kernel, y, want, scale, product.bound)));
    }
    Ok(cases)
}

/// What a matrix is multiplied by.
struct Operands {
    /// f32 `[MANY_TOKENS][COLS]`, and the same in fixed point.
    x: Buffer,
    fixed: Buffer,
    /// Batches of so many tokens.
    few: Buffer,
    many: Buffer,
}

/// A way to multiply so many tokens' vectors.
struct Way<'a> {
    kernel: &'static str,
    tokens: usize,
    bound: f64,
    dispatches: Box<dyn Fn(Output) -> Vec<Dispatch> + 'a>,
}

/// All ways that the model uses.
fn products<'a>(
    gpu: &'a Gpu,
    w: &'a Matrix,
    operands: &'a Operands,
    kv: KvTypes,
    row_tiles: Vec<RowTile>,
) -> Vec<Way<'a>> {
    let Operands { x, fixed, few, many } = operands;
    let of = move |form| if form == Form::Fixed { fixed } else { x };
    let matvec = |tile: RowTile| Way {
        kernel: "matvec",
        tokens: 1,
        bound: SUM_BOUND,
        dispatches: Box::new(move |output| matvec_tiled(gpu, w, of(tile.form), output, tile)),
    };
    let matmul_few = Way {
        kernel: "matmul_few",
        tokens: FEW_TOKENS,
        bound: SUM_BOUND,
        dispatches: Box::new(move |output| matmul_few(gpu, w, x, few, output)),
    };
    // the ways of the matrices that make keys, and of the others
    let mut vectors = [true, false].map(|makes_keys| Product::Many.vectors(gpu, w, kv, makes_keys)).to_vec();
    vectors.dedup();
    let matmul = |vectors: Vectors| Way {
        kernel: "matmul",
        tokens: MANY_TOKENS,
        bound: if vectors == Vectors::TwoBytes { TWO_BYTES_BOUND } else { SUM_BOUND },
        dispatches: Box::new(move |output| matmul(gpu, w, vectors, of(vectors.form()), many, output)),
    };
    let one = row_tiles.into_iter().map(matvec);
    one.chain([matmul_few]).chain(vectors.into_iter().map(matmul)).collect()
}

/// The ways that rows of such a matrix are shared out for this model, or one of them in each form.
fn row_tiles(gpu: &Gpu, config: &ModelConfig, w: &Matrix, all_ways: bool) -> Vec<RowTile> {
    let form = Form::of(gpu, w);
    let mut forms = vec![form, form.normed(gpu, config.n_embd as u32)];
    forms.dedup();
    let in_use = |form| {
        let tiles = RowTile::in_use(gpu, form);
        if all_ways { tiles } else { &tiles[..1] }
    };
    forms.into_iter().flat_map(in_use).copied().collect()
}

/// A token's matvec of gate and up, of two of the formats, with the norm before it and the gate after it.
pub async fn gated(
    gpu: &Gpu,
    repack: &Repack,
    config: &ModelConfig,
    layouts: &[&'static Layout],
    random: &mut Random,
) -> Result<Option<Case>> {
    let (Some(gate), Some(up)) = (layouts.first(), layouts.last()) else { return Ok(None) };
    let tensors = [gate, up].map(|layout| ("self-test", layout.ty, ROWS as u32));
    let matrix = Matrix::arranged(gpu, COLS as u32, &tensors, Arrangement::Paired).await?;
    let w = fill(gpu, repack, &matrix, random);
    let (mut x, weight, bias) = (random.floats(TOKENS * COLS), random.floats(COLS), random.floats(2 * ROWS));
    x[1] = 1e5;
    let normed = reference::rms_norm::rms_norm(&doubles(&x), &weight, config.rms_eps);
    let (mut gate_up, mut scale) = reference::matmul::matmul(&w, COLS, &normed[..COLS]);
    for ((value, scale), bias) in gate_up.iter_mut().zip(&mut scale).zip(&bias) {
        *value += f64::from(*bias);
        *scale += f64::from(bias.abs());
    }
    let want = reference::swiglu::swiglu(&gate_up, ROWS);
    // silu's slope is at most 1.1: an error of either factor counts as much as the other is large
    let error =
        |i: usize| scale[i] * (gate_up[ROWS + i].abs() + 1.0) + scale[ROWS + i] * (gate_up[i].abs() + 1.0);
    let scale = (0..ROWS).map(error).collect();
    let (weight, bias) = (floats(gpu, "weight", &weight)?, floats(gpu, "bias", &bias)?);
    let norm = Norm { weight: &weight, eps: config.rms_eps, batch: &batch(gpu, 0, TOKENS)? };
    let form = Form::of(gpu, &matrix);
    let blocks = ROWS.div_ceil(CHUNK as usize);
    let (x, y) = (floats(gpu, "x", &x)?, gpu.buffer("y", 4 * (BLOCK_WORDS * blocks) as u64)?);
    let output = Output { bias: Some(&bias), form, ..Output::to(&y) };
    gpu.submit(&matvec(gpu, &matrix, Input { x: &x, before: Before::Norm(norm) }, output), 1);
    let case = case("matvec with norm and gate", y, want, scale, 4.0 * SUM_BOUND);
    Ok(Some(Case { values: Values::of(form), ..case }))
}

/// Random weights, repacked; their values, row by row.
pub fn fill(gpu: &Gpu, repack: &Repack, matrix: &Matrix, random: &mut Random) -> Vec<f32> {
    let mut w = Vec::new();
    for slab in &matrix.slabs {
        for part in &slab.parts {
            let mut blocks = random.rows(part.layout, matrix.cols);
            w.extend(reference::dequantise::dequantise(part.layout, &blocks));
            repack.run(gpu, slab, part, 0, &mut blocks);
        }
    }
    w
}
