//! Everything that a matrix is multiplied by, in each of a model's formats.

use super::{COLS, DISTINCT_ROWS, DISTINCT_TOKENS, FEW_TOKENS, MANY_TOKENS, ROWS, TOKENS, WIDE_COLS};
use super::{Case, Random, SUM_BOUND, Values};
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

/// Repack, embed, matvec and matmul of matrices with `ROWS` rows of each format.
///
/// Matvec and matmul run with bias and with accumulation: the variants that a model has are the same but for one
/// or both of these last two additions, or have a norm and a gate ([`gated`]).
pub fn weights(
    gpu: &Gpu,
    repack: &Repack,
    config: &ModelConfig,
    kv: KvTypes,
    layouts: &[&'static Layout],
    all_ways: bool,
    random: &mut Random,
) -> Result<Vec<Case>> {
    let many = Multiplication::new(gpu, repack, layouts, COLS, MANY_TOKENS, random)?;
    let embedded = gpu.buffer("rows", 4 * many.w.len() as u64)?;
    let rows = many.matrix.rows as usize;
    gpu.submit(&embed(gpu, &many.matrix, &batch(gpu, 0, rows)?, &embedded), rows as u32);
    let w = doubles(&many.w);
    let embed = case("embed", embedded, w.clone(), most(&w, COLS), 1e-6);
    let mut cases = vec![by_format(layouts, ROWS * COLS, embed)];
    let batches = [batch(gpu, 0, FEW_TOKENS)?, batch(gpu, 0, MANY_TOKENS)?];
    for way in many_tokens(gpu, &many, &batches, kv) {
        cases.push(many.case(gpu, way)?);
    }
    let wide = Multiplication::new(gpu, repack, layouts, WIDE_COLS, 1, random)?;
    for way in one_token(gpu, &wide, row_tiles(gpu, config, &wide.matrix, all_ways)) {
        cases.push(wide.case(gpu, way)?);
    }
    Ok(cases)
}

/// With a run of values for each format.
fn by_format(layouts: &[&'static Layout], run: usize, case: Case) -> Case {
    let kernels = layouts.iter().map(|layout| format!("{} {}", case.kernels[0], layout.ty)).collect();
    Case { kernels, run, ..case }
}

/// `before + W x[t] + bias` for some tokens, in several formats.
struct Multiplication {
    layouts: Vec<&'static Layout>,
    matrix: Matrix,
    w: Vec<f32>,
    /// f32 `[tokens][cols]`, and the same in fixed point.
    x: Buffer,
    fixed: Buffer,
    bias: Buffer,
    before: Vec<f32>,
    want: Vec<f64>,
    scale: Vec<f64>,
}

impl Multiplication {
    fn new(
        gpu: &Gpu,
        repack: &Repack,
        layouts: &[&'static Layout],
        cols: usize,
        tokens: usize,
        random: &mut Random,
    ) -> Result<Self> {
        let tensors: Vec<_> = layouts.iter().map(|layout| ("self-test", layout.ty, ROWS as u32)).collect();
        let matrix = Matrix::new(gpu, cols as u32, &tensors)?;
        let rows = matrix.rows as usize;
        let w = fill(gpu, repack, &matrix, random);
        let distinct = random.floats(tokens.min(DISTINCT_TOKENS) * cols);
        let (bias, before) = (random.floats(rows), random.floats(tokens * rows));
        let (want, scale) = reference::matmul::matmul(&w, cols, &doubles(&distinct));
        let [mut want, mut scale] = [want, scale].map(|values| repeated(&values, tokens * rows));
        for (i, (want, scale)) in want.iter_mut().zip(&mut scale).enumerate() {
            let (bias, before) = (f64::from(bias[i % rows]), f64::from(before[i]));
            *want += bias + before;
            *scale += bias.abs() + before.abs();
        }
        let blocks = reference::fixed::blocks(&distinct);
        let blocks_len = tokens * cols / CHUNK as usize * BLOCK_WORDS;
        Ok(Self {
            layouts: layouts.to_vec(),
            matrix,
            w,
            fixed: gpu.buffer_with("x", bytemuck::cast_slice(&repeated(&blocks, blocks_len)))?,
            x: floats(gpu, "x", &repeated(&distinct, tokens * cols))?,
            bias: floats(gpu, "bias", &bias)?,
            before,
            want,
            scale,
        })
    }

    /// The vectors in a form.
    fn x(&self, form: Form) -> &Buffer {
        if form == Form::Fixed { &self.fixed } else { &self.x }
    }

    /// What must come out of the first tokens.
    fn case(&self, gpu: &Gpu, way: Way) -> Result<Case> {
        let n = way.tokens * self.matrix.rows as usize;
        let y = floats(gpu, "y", &self.before[..n])?;
        let output = Output { bias: Some(&self.bias), accumulate: true, ..Output::to(&y) };
        gpu.submit(&(way.dispatches)(output), way.tokens as u32);
        let (want, scale) = (self.want[..n].to_vec(), self.scale[..n].to_vec());
        Ok(by_format(&self.layouts, ROWS, case(way.kernel, y, want, scale, way.bound)))
    }
}

/// A way to multiply so many tokens' vectors.
struct Way<'a> {
    kernel: &'static str,
    tokens: usize,
    bound: f64,
    dispatches: Box<dyn Fn(Output) -> Vec<Dispatch> + 'a>,
}

/// A token's vector in each of some ways.
fn one_token<'a>(gpu: &'a Gpu, of: &'a Multiplication, tiles: Vec<RowTile>) -> impl Iterator<Item = Way<'a>> {
    tiles.into_iter().map(move |tile| Way {
        kernel: "matvec",
        tokens: 1,
        bound: SUM_BOUND,
        dispatches: Box::new(move |output| matvec_tiled(gpu, &of.matrix, of.x(tile.form), output, tile)),
    })
}

/// All ways that the model uses for more tokens.
fn many_tokens<'a>(
    gpu: &'a Gpu,
    of: &'a Multiplication,
    [few, many]: &'a [Buffer; 2],
    kv: KvTypes,
) -> impl Iterator<Item = Way<'a>> {
    let w = &of.matrix;
    let matmul_few = Way {
        kernel: "matmul_few",
        tokens: FEW_TOKENS,
        bound: SUM_BOUND,
        dispatches: Box::new(move |output| matmul_few(gpu, w, &of.x, few, output)),
    };
    // the ways of the matrices that make keys, and of the others
    let mut vectors = [true, false].map(|makes_keys| Product::Many.vectors(gpu, w, kv, makes_keys)).to_vec();
    vectors.dedup();
    let matmul = move |vectors: Vectors| Way {
        kernel: "matmul",
        tokens: MANY_TOKENS,
        bound: if vectors == Vectors::TwoBytes { TWO_BYTES_BOUND } else { SUM_BOUND },
        dispatches: Box::new(move |output| matmul(gpu, w, vectors, of.x(vectors.form()), many, output)),
    };
    std::iter::once(matmul_few).chain(vectors.into_iter().map(matmul))
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
pub fn gated(
    gpu: &Gpu,
    repack: &Repack,
    config: &ModelConfig,
    layouts: &[&'static Layout],
    random: &mut Random,
) -> Result<Option<Case>> {
    let (Some(gate), Some(up)) = (layouts.first(), layouts.last()) else { return Ok(None) };
    let tensors = [gate, up].map(|layout| ("self-test", layout.ty, ROWS as u32));
    let matrix = Matrix::arranged(gpu, COLS as u32, &tensors, Arrangement::Paired)?;
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

/// `n` values, which begin anew where they end.
fn repeated<T: Copy>(values: &[T], n: usize) -> Vec<T> {
    values.iter().copied().cycle().take(n).collect()
}

/// Random weights, repacked; their values, row by row.
pub fn fill(gpu: &Gpu, repack: &Repack, matrix: &Matrix, random: &mut Random) -> Vec<f32> {
    let mut w = Vec::new();
    for slab in &matrix.slabs {
        for part in &slab.parts {
            let blocks = random.rows(part.layout, matrix.cols);
            let times = ROWS / DISTINCT_ROWS;
            w.extend(reference::dequantise::dequantise(part.layout, &blocks).repeat(times));
            repack.run(gpu, slab, part, 0, &blocks.repeat(times));
        }
    }
    w
}
