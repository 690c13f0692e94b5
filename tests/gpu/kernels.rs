//! Repack, matvec, matmul and embedding of every format against golden/kernels (float64 sums over ggml's
//! dequantised values), in every tier the adapter allows.

use crate::common::{self, Options, coverage};
use minke::gpu::{Buffer, Dispatch, Gpu};
use minke::kernels::fixed::Form;
use minke::kernels::matmul::{Vectors, matmul, matmul_few};
use minke::kernels::matvec::{Output, RowTile, matvec, matvec_tiled};
use minke::kernels::repack::Repack;
use minke::kernels::{BATCH_HEADER, Matrix, embed::embed};
use minke::kv_type::KvTypes;
use minke::quant::GgmlType;
use minke::reference;
use pollster::block_on;
use serde::Deserialize;

#[derive(Clone, Deserialize)]
struct Case {
    #[serde(rename = "type")]
    ty: String,
    kind: String,
    rows: u32,
    cols: u32,
    raw_hex: String,
    dequant_f32_hex: String,
    x_f32_hex: String,
    y: Vec<f64>,
    y_abs: Vec<f64>,
}

/// The matrices of cases one under the other, in buffers of at most `limit` bytes.
fn load(gpu: &Gpu, cases: &[Case], limit: u64) -> Matrix {
    let cols = cases[0].cols;
    let ty = |case: &Case| GgmlType::from_name(&case.ty).expect("a known type");
    let tensors: Vec<_> = cases.iter().map(|case| ("golden", ty(case), case.rows)).collect();
    let matrix = Matrix::new(&gpu.with_max_binding(limit), cols, &tensors).expect("a matrix");
    let repack = Repack::new(gpu).expect("staging");
    let raw: Vec<u8> = cases.iter().flat_map(|case| common::hex(&case.raw_hex)).collect();
    let mut left = &raw[..];
    for slab in &matrix.slabs {
        for part in &slab.parts {
            let (bytes, after) = left.split_at(part.file_bytes(cols) as usize);
            left = after;
            // in two pieces, to test that pieces join
            let step = (Repack::STEP * part.layout.block_bytes()) as usize;
            let (first, second) = bytes.split_at(bytes.len() / 2 / step * step);
            let first_block = first.len() as u32 / part.layout.block_bytes();
            if !first.is_empty() {
                repack.run(gpu, slab, part, 0, first);
            }
            repack.run(gpu, slab, part, first_block, second);
        }
    }
    assert!(left.is_empty(), "bytes left over");
    matrix
}

fn read(gpu: &Gpu, buffer: &Buffer, n: usize) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(&block_on(gpu.read(buffer, 4 * n as u64)).expect("a result"))
}

/// The bound of golden/README.md: |y - golden| <= 1e-5 * y_abs.
fn assert_close(what: &str, got: &[f32], want: impl Iterator<Item = f64>, scale: &[f64]) {
    assert_within(1e-5, what, got, want, scale);
}

/// Relative to the scale.
fn assert_within(bound: f64, what: &str, got: &[f32], want: impl Iterator<Item = f64>, scale: &[f64]) {
    for (row, (want, got)) in want.zip(got).enumerate() {
        let error = (f64::from(*got) - want).abs();
        assert!(
            error <= bound * scale[row] + 1e-30,
            "{what} row {row}: {got} instead of {want} (scale {})",
            scale[row]
        );
    }
}

/// Equal to golden's float, or its neighbour.
fn assert_same(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let ulps = i64::from(got.to_bits()) - i64::from(want.to_bits());
        assert!(ulps.abs() <= 1 || got == want, "{what} element {i}: {got} instead of {want}");
    }
}

/// The products of a case's matrix with multiples of its x.
fn check_products(bound: f64, what: &str, got: &[f32], case: &Case, factors: &[f32]) {
    let n = case.rows as usize;
    assert_eq!(got.len(), factors.len() * n);
    for (t, factor) in factors.iter().enumerate() {
        let scale: Vec<f64> = case.y_abs.iter().map(|v| v * f64::from(factor.abs())).collect();
        let want = case.y.iter().map(|v| v * f64::from(*factor));
        let what = format!("{what} token {t} of {}", factors.len());
        assert_within(bound, &what, &got[t * n..][..n], want, &scale);
    }
}

/// A way to multiply a matrix by so many tokens' vectors.
struct Run {
    what: String,
    form: Form,
    tokens: usize,
    /// Of the errors, relative to `y_abs`.
    bound: f64,
    dispatches: Vec<Dispatch>,
}

/// What is multiplied, as floats and in fixed point, and the product.
struct Operands {
    x: Buffer,
    fixed: Buffer,
    batch: Buffer,
    y: Buffer,
}

/// As many tokens as fill more than one tile.
const TOKENS: usize = 70;

impl Operands {
    fn new(gpu: &Gpu, case: &Case) -> Self {
        let floats = |n: u32| gpu.buffer("vectors", 4 * TOKENS as u64 * u64::from(n)).unwrap();
        let mut batch = vec![0u32; BATCH_HEADER];
        batch[1] = TOKENS as u32;
        batch.extend((0..TOKENS as u32).map(|t| t % case.rows));
        let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&batch)).unwrap();
        Self { x: floats(case.cols), fixed: floats(case.cols), batch, y: floats(case.rows) }
    }

    fn write(&self, gpu: &Gpu, xs: &[f32]) {
        gpu.write(&self.x, 0, bytemuck::cast_slice(xs));
        gpu.write(&self.fixed, 0, bytemuck::cast_slice(&reference::fixed::blocks(xs)));
    }

    /// One token in the ways of `tiles`, and all tokens.
    fn runs(&self, gpu: &Gpu, w: &Matrix, tiles: &[RowTile]) -> Vec<Run> {
        let output = Output::to(&self.y);
        let of = |form: Form| if form == Form::Fixed { &self.fixed } else { &self.x };
        let one = tiles.iter().map(|tile| Run {
            what: format!("matvec {tile}"),
            form: tile.form,
            tokens: 1,
            bound: 1e-5,
            dispatches: matvec_tiled(gpu, w, of(tile.form), output, *tile),
        });
        let by_bytes = tiles.iter().any(|tile| tile.form == Form::Fixed);
        let ways = [(Vectors::Floats, 1e-5), (Vectors::TwoBytes, 1e-4), (Vectors::ThreeBytes, 1e-5)];
        let all = ways.into_iter().take(if by_bytes { 3 } else { 1 }).map(|(vectors, bound)| Run {
            what: format!("matmul {vectors:?}"),
            form: vectors.form(),
            tokens: TOKENS,
            bound,
            dispatches: matmul(gpu, w, vectors, of(vectors.form()), &self.batch, output),
        });
        one.chain(all).collect()
    }
}

/// `few`: also the kernel for few tokens, which unpacks as the others do.
fn check(gpu: &Gpu, case: &Case, w: &Matrix, tiles: &[RowTile], few: bool) {
    let what = format!("{} {}", case.ty, case.kind);
    let x: Vec<f32> = bytemuck::pod_collect_to_vec(&common::hex(&case.x_f32_hex));
    let factors: Vec<f32> = (0..TOKENS).map(|t| 1.0 - 0.25 * t as f32).collect();
    let mut xs: Vec<f32> = factors.iter().flat_map(|f| x.iter().map(move |v| v * f)).collect();
    let vectors = Operands::new(gpu, case);
    vectors.write(gpu, &xs);
    let n = case.rows as usize;
    let runs = vectors.runs(gpu, w, tiles);
    for Run { what: kernel, tokens, bound, dispatches, .. } in &runs {
        gpu.submit(dispatches, *tokens as u32);
        let got = read(gpu, &vectors.y, tokens * n);
        check_products(*bound, &format!("{kernel} {what}"), &got, case, &factors[..*tokens]);
    }
    for few in if few { &[2, 5, 8][..] } else { &[] } {
        let mut header = [0u32; BATCH_HEADER];
        header[1] = *few;
        let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&header)).unwrap();
        gpu.submit(&matmul_few(gpu, w, &vectors.x, &batch, Output::to(&vectors.y)), *few);
        let got = read(gpu, &vectors.y, *few as usize * n);
        check_products(1e-5, &format!("matmul_few {what}"), &got, case, &factors[..*few as usize]);
    }
    let weights = check_embedding(gpu, case, w, &vectors.batch);

    // activations such as Qwen2's: two outliers in every token
    let cols = case.cols as usize;
    xs.chunks_mut(cols).for_each(|x| (x[1], x[cols - 1]) = (1e5, -1e5));
    vectors.write(gpu, &xs);
    // beside an outlier a block keeps less of the other values, which show where its weight is 0
    let kept = reference::fixed::values(&reference::fixed::blocks(&xs));
    let xs: Vec<f64> = xs.iter().map(|v| f64::from(*v)).collect();
    let [of_floats, of_bytes] = [xs, kept].map(|xs| reference::matmul::matmul(&weights, cols, &xs));
    for Run { what: kernel, form, tokens, bound, dispatches } in runs {
        gpu.submit(&dispatches, tokens as u32);
        let got = read(gpu, &vectors.y, tokens * n);
        // a minimum is taken off the sum of half a chunk, which beside its outlier is as coarse as that in f32
        let (factor, (want, abs)) = if form == Form::Fixed { (2.0, &of_bytes) } else { (1.0, &of_floats) };
        assert_within(factor * bound, &format!("{kernel} {what} outliers"), &got, want.iter().copied(), abs);
    }
}

/// The rows as the embedding reads them; returns the weights.
fn check_embedding(gpu: &Gpu, case: &Case, w: &Matrix, batch: &Buffer) -> Vec<f32> {
    let (n, cols) = (case.rows as usize, case.cols as usize);
    let rows = gpu.buffer("rows", 4 * (TOKENS * cols) as u64).unwrap();
    gpu.submit(&embed(gpu, w, batch, &rows), TOKENS as u32);
    let got = read(gpu, &rows, TOKENS * cols);
    let want: Vec<f32> = bytemuck::pod_collect_to_vec(&common::hex(&case.dequant_f32_hex));
    for t in 0..TOKENS {
        let (what, row) = (format!("embed {} {} token {t}", case.ty, case.kind), t % n * cols);
        assert_same(&what, &got[t * cols..][..cols], &want[row..][..cols]);
    }
    want
}

#[test]
fn formats_agree_with_golden() {
    for row in coverage::rows() {
        let gpu = row.options.open();
        if !row.can_run(&gpu, "kernels") {
            continue;
        }
        println!(
            "{} kernels of {}",
            common::tier_row(&gpu, &row.options.gpu, KvTypes::F32),
            row.formats.join(", ")
        );
        for (i, ty) in row.formats.iter().enumerate() {
            for case in common::vectors::<Vec<Case>>(&format!("kernels/{ty}.json")) {
                let limit = gpu.caps().max_binding;
                let matrix = load(&gpu, std::slice::from_ref(&case), limit);
                let tiles = row.row_tiles(i, &matrix);
                check(&gpu, &case, &matrix, &tiles, i % 3 == 0 || coverage::full());
            }
        }
        block_on(gpu.finish()).expect("no device error");
    }
}

/// Values of the twin equal ggml's or are the neighbouring float; its sums equal golden's to f64 rounding.
#[test]
fn the_scalar_twins_agree_with_golden() {
    use minke::reference::{dequantise::dequantise, matmul::matmul};
    for ty in GgmlType::supported() {
        let layout = ty.layout().expect("a layout");
        for case in common::vectors::<Vec<Case>>(&format!("kernels/{ty}.json")) {
            let got = dequantise(layout, &common::hex(&case.raw_hex));
            let want: Vec<f32> = bytemuck::pod_collect_to_vec(&common::hex(&case.dequant_f32_hex));
            assert_same(&format!("{ty} {}", case.kind), &got, &want);
            let x: Vec<f32> = bytemuck::pod_collect_to_vec(&common::hex(&case.x_f32_hex));
            let x: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
            let (y, y_abs) = matmul(&want, case.cols as usize, &x);
            let pairs = y.iter().zip(&case.y).zip(&y_abs);
            assert!(pairs.clone().all(|((got, want), abs)| (got - want).abs() <= 1e-12 * abs), "{ty} sums");
            assert!(y_abs.iter().zip(&case.y_abs).all(|(a, b)| (a - b).abs() <= 1e-12 * b), "{ty} sums");
        }
    }
}

fn grid_bytes(ty: GgmlType) -> u64 {
    ty.layout().and_then(|layout| layout.grid).map_or(0, |grid| 4 * u64::from(grid.n_words()))
}

#[test]
fn formats_mix_in_a_matrix() {
    let gpu = coverage::rows()[0].options.open();
    let first = |ty| common::vectors::<Vec<Case>>(&format!("kernels/{ty}.json")).swap_remove(0);
    let cases: Vec<Case> = GgmlType::supported().map(first).collect();
    // few at a time, as in real models: software adapters take minutes for a shader of all formats
    for cases in cases.chunks(3).step_by(if coverage::full() { 1 } else { 3 }) {
        check_mixed(&gpu, cases);
    }
}

/// Matrices of the cases one under the other, all twice.
fn check_mixed(gpu: &Gpu, cases: &[Case]) {
    let twice = [cases, cases].concat();
    let limit = gpu.caps().max_binding;
    let matrix = load(gpu, &twice, limit);
    let y = gpu.buffer("y", 4 * u64::from(matrix.rows)).unwrap();
    for (i, case) in cases.iter().enumerate() {
        let mut x = common::hex(&case.x_f32_hex);
        if Form::of(gpu, &matrix) == Form::Fixed {
            x = bytemuck::cast_slice(&reference::fixed::blocks(&bytemuck::pod_collect_to_vec(&x))).to_vec();
        }
        let x = gpu.buffer_with("x", &x).unwrap();
        gpu.submit(&matvec(gpu, &matrix, &x, Output::to(&y)), 1);
        let got = read(gpu, &y, matrix.rows as usize);
        for before in [&twice[..i], &twice[..cases.len() + i]] {
            let row = before.iter().map(|case| case.rows as usize).sum::<usize>();
            let got = &got[row..][..case.rows as usize];
            assert_close(&format!("{} from row {row}", case.ty), got, case.y.iter().copied(), &case.y_abs);
        }
    }
}

/// The bytes of the file, padding of at most 16 bytes a plane, and one copy of each grid.
#[test]
fn weights_take_no_more_room_than_in_the_file() {
    let gpu = coverage::rows()[0].options.open();
    for ty in GgmlType::supported() {
        let layout = ty.layout().expect("a layout");
        let tensors = [("a", ty, 3), ("b", ty, 5)];
        let matrix = Matrix::new(&gpu, 768, &tensors).expect("a matrix");
        let file: u64 = matrix.slabs[0].parts.iter().map(|part| part.file_bytes(768)).sum();
        let planes = 2 * (layout.fields.len() + 2) as u64;
        let room = file + grid_bytes(ty);
        assert!((room..room + 16 * planes).contains(&matrix.bytes()), "{ty}: {} bytes", matrix.bytes());
    }
}

#[test]
fn a_matrix_larger_than_a_binding_is_cut_by_rows() {
    // every slab is compiled for itself, so in a short run a few formats are enough; one of them has a grid
    let (rows, formats) = if coverage::full() { (4, usize::MAX) } else { (2, 1) };
    for row in coverage::rows().iter().take(rows) {
        let gpu = row.options.open();
        if !row.can_run(&gpu, "matrices cut by rows") {
            continue;
        }
        for name in row.formats.iter().rev().take(formats) {
            let case = common::vectors::<Vec<Case>>(&format!("kernels/{name}.json")).swap_remove(0);
            let ty = GgmlType::from_name(name).expect("a type");
            let row_bytes = case.raw_hex.len() as u64 / 2 / u64::from(case.rows);
            let rows = u64::from(case.rows).div_ceil(3);
            let limit = rows * row_bytes + grid_bytes(ty) + 128;
            let matrix = load(&gpu, std::slice::from_ref(&case), limit);
            assert!(matrix.slabs.len() > 1, "{ty}: {} rows in one buffer", case.rows);
            check(&gpu, &case, &matrix, &RowTile::ALL[..1], false);
        }
    }
    let gpu = Options::default().open().with_max_binding(64);
    let error = Matrix::new(&gpu, 256, &[("wide", GgmlType::F32, 1)]).expect_err("no room for a row");
    assert!(error.to_string().contains("one row of wide"), "{error}");
}

#[test]
fn the_comparator_rejects_a_wrong_value() {
    let rejects =
        |got: f32| std::panic::catch_unwind(|| assert_close("y", &[got], [1.0].into_iter(), &[2.0])).is_err();
    assert!(!rejects(1.000_01));
    assert!(rejects(1.000_1));
    assert!(rejects(f32::NAN));
    let rejects = |got: f32| std::panic::catch_unwind(|| assert_same("w", &[got], &[1.0])).is_err();
    assert!(!rejects(1.0f32.next_up()));
    assert!(rejects(1.0f32.next_up().next_up()));
    assert!(rejects(f32::NAN));
}
