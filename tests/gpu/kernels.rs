//! Repack, matvec, matmul and embedding of every format against golden/kernels (float64 sums over ggml's
//! dequantised values), in every tier the adapter allows; attention against the scalar twins.

use crate::common::{self, Options, coverage};
use minke::gpu::{Buffer, Extent, Gpu, Splits, Tuning};
use minke::kernels::attention::attention;
use minke::kernels::decode_attention::{combine, decode_attention, partial_bytes};
use minke::kernels::fixed::Form;
use minke::kernels::matmul::{Vectors, matmul, matmul_few};
use minke::kernels::matvec::{Output, RowTile, matvec, matvec_tiled};
use minke::kernels::repack::Repack;
use minke::kernels::rope::{self, HeadBuffers, Heads, RopeParams};
use minke::kernels::{BATCH_HEADER, Matrix, embed::embed};
use minke::kv_type::{KvType, KvTypes};
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
    let matrix = block_on(Matrix::new(&gpu.with_max_binding(limit), cols, &tensors)).expect("a matrix");
    let repack = Repack::new(gpu).expect("staging");
    let mut raw: Vec<u8> = cases.iter().flat_map(|case| common::hex(&case.raw_hex)).collect();
    for slab in &matrix.slabs {
        for part in &slab.parts {
            let mut rest = raw.split_off(part.file_bytes(cols) as usize);
            std::mem::swap(&mut raw, &mut rest);
            // in two pieces, to test that pieces join
            let step = (Repack::STEP * part.layout.block_bytes()) as usize;
            let mut second = rest.split_off(rest.len() / 2 / step * step);
            let first_block = rest.len() as u32 / part.layout.block_bytes();
            if !rest.is_empty() {
                repack.run(gpu, slab, part, 0, &mut rest);
            }
            repack.run(gpu, slab, part, first_block, &mut second);
        }
    }
    assert!(raw.is_empty(), "bytes left over");
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

/// Ways to multiply by blocks in fixed point, and the errors of their sums.
const BY_BYTES: [(Vectors, f64); 2] = [(Vectors::TwoBytes, 1e-4), (Vectors::ThreeBytes, 1e-5)];

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

/// `few`: also the kernel for few tokens, which unpacks as the others do.
fn check(gpu: &Gpu, case: &Case, w: &Matrix, tiles: &[RowTile], few: bool) {
    let what = format!("{} {}", case.ty, case.kind);
    let x: Vec<f32> = bytemuck::pod_collect_to_vec(&common::hex(&case.x_f32_hex));
    // as many tokens as fill more than one tile
    let factors: Vec<f32> = (0..70).map(|t| 1.0 - 0.25 * t as f32).collect();
    let tokens = factors.len();
    let xs: Vec<f32> = factors.iter().flat_map(|f| x.iter().map(move |v| v * f)).collect();
    let x = gpu.buffer_with("x", bytemuck::cast_slice(&xs)).unwrap();
    let y = gpu.buffer("y", 4 * tokens as u64 * u64::from(case.rows)).unwrap();
    let n = case.rows as usize;

    let output = Output::to(&y);
    let x_fixed = gpu.buffer("x in fixed point", x.size()).unwrap();
    let fixed = |xs: &[f32]| {
        let blocks = reference::fixed::blocks(xs);
        gpu.write(&x_fixed, 0, bytemuck::cast_slice(&blocks));
    };
    fixed(&xs);
    let mut of_one = Vec::new();
    for tile in tiles {
        let x = if tile.form == Form::Fixed { &x_fixed } else { &x };
        let dispatches = matvec_tiled(gpu, w, x, output, *tile);
        gpu.submit(&dispatches, 1);
        let what = format!("matvec {tile}");
        let got = read(gpu, &y, n);
        assert_close(&format!("{what} {}", case.kind), &got, case.y.iter().copied(), &case.y_abs);
        of_one.push((what, tile.form, dispatches, 1));
    }

    let mut batch = vec![0u32; BATCH_HEADER];
    batch[1] = tokens as u32;
    batch.extend((0..tokens as u32).map(|t| t % case.rows));
    let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&batch)).unwrap();
    let vectors = matmul(gpu, w, Vectors::Floats, &x, &batch, output);
    gpu.submit(&vectors, tokens as u32);
    check_products(1e-5, &format!("matmul {what}"), &read(gpu, &y, tokens * n), case, &factors);
    let by_bytes = if tiles.iter().any(|tile| tile.form == Form::Fixed) { &BY_BYTES[..] } else { &[] };
    for (vectors, bound) in by_bytes.iter().copied() {
        gpu.submit(&matmul(gpu, w, vectors, &x_fixed, &batch, output), tokens as u32);
        let got = read(gpu, &y, tokens * n);
        check_products(bound, &format!("matmul, {vectors:?} {what}"), &got, case, &factors);
    }

    for few in if few { &[2, 5, 8][..] } else { &[] } {
        let few = *few;
        let mut header = [0u32; BATCH_HEADER];
        header[1] = few;
        let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&header)).unwrap();
        let y = gpu.buffer("y", 4 * u64::from(few * case.rows)).unwrap();
        gpu.submit(&matmul_few(gpu, w, &x, &batch, Output { y: &y, ..output }), few);
        let got = read(gpu, &y, few as usize * n);
        check_products(1e-5, &format!("matmul_few {what}"), &got, case, &factors[..few as usize]);
    }

    let cols = case.cols as usize;
    let rows = gpu.buffer("rows", 4 * (tokens * cols) as u64).unwrap();
    gpu.submit(&embed(gpu, w, &batch, &rows), tokens as u32);
    let got = read(gpu, &rows, tokens * cols);
    let want: Vec<f32> = bytemuck::pod_collect_to_vec(&common::hex(&case.dequant_f32_hex));
    for t in 0..tokens {
        let row = t % n * cols;
        assert_same(&format!("embed {what} token {t}"), &got[t * cols..][..cols], &want[row..][..cols]);
    }

    // activations such as Qwen2's: two outliers in every token
    let mut xs = xs;
    xs.chunks_mut(cols).for_each(|x| (x[1], x[cols - 1]) = (1e5, -1e5));
    gpu.write(&x, 0, bytemuck::cast_slice(&xs));
    fixed(&xs);
    // beside an outlier a block keeps less of the other values, which show where its weight is 0
    let kept = reference::fixed::values(&reference::fixed::blocks(&xs));
    let xs: Vec<f64> = xs.iter().map(|v| f64::from(*v)).collect();
    let of_floats = reference::matmul::matmul(&want, cols, &xs);
    let of_bytes = reference::matmul::matmul(&want, cols, &kept);
    let all = ("matmul".to_owned(), Form::Floats, vectors, tokens);
    for (kernel, form, dispatches, tokens) in of_one.into_iter().chain([all]) {
        gpu.submit(&dispatches, tokens as u32);
        let got = read(gpu, &y, tokens * n);
        let (want, abs) = if form == Form::Fixed { &of_bytes } else { &of_floats };
        assert_close(&format!("{kernel} {what} outliers"), &got, want.iter().copied(), abs);
    }
    for (vectors, bound) in by_bytes.iter().copied() {
        gpu.submit(&matmul(gpu, w, vectors, &x_fixed, &batch, output), tokens as u32);
        let (got, (want, abs)) = (read(gpu, &y, tokens * n), &of_bytes);
        let what = format!("matmul, {vectors:?} {what} outliers");
        // a minimum is taken off the sum of half a chunk, which beside its outlier is as coarse as that in f32
        assert_within(2.0 * bound, &what, &got, want.iter().copied(), abs);
    }
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
        let matrix = block_on(Matrix::new(&gpu, 768, &tensors)).expect("a matrix");
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
    let error =
        block_on(Matrix::new(&gpu, 256, &[("wide", GgmlType::F32, 1)])).expect_err("no room for a row");
    assert!(error.to_string().contains("one row of wide"), "{error}");
}

const PROMPT: usize = 70;

/// Deterministic values in [-1, 1).
fn values(n: usize) -> Vec<f32> {
    (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// What attention gives for a prompt, and for a token after it: f32 `[PROMPT + 1][n_head][head_dim]`.
fn attend(gpu: &Gpu, heads: Heads, qkv: &[f32], inv_freq: &[f64]) -> Vec<f32> {
    let n_ctx = PROMPT + 1;
    let params = RopeParams { n_rot: heads.head_dim, neox: true, eps: 0.0 };
    let floats = |values: &[f32]| gpu.buffer_with("values", bytemuck::cast_slice(values)).unwrap();
    let table = floats(&rope::table(inv_freq, 1.0, n_ctx));
    let cache = |what: &str, position: u64| gpu.buffer(what, n_ctx as u64 * position).unwrap();
    let (k_cache, v_cache) = (cache("keys", heads.key_bytes()), cache("values", heads.value_bytes()));
    let partial = gpu.buffer("parts", partial_bytes(heads, n_ctx)).unwrap();
    let mut out = Vec::new();
    for (pos, n) in [(0, PROMPT), (PROMPT, 1)] {
        let row = qkv.len() / n_ctx;
        let qkv = floats(&qkv[pos * row..][..n * row]);
        let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&[pos as u32, n as u32, 0, 0])).unwrap();
        let n_out = n * heads.n_head * heads.head_dim;
        let y = gpu.buffer("out", 4 * n_out as u64).unwrap();
        let buffers = HeadBuffers {
            table: &table,
            batch: &batch,
            head_norms: None,
            qkv: &qkv,
            k_cache: &k_cache,
            v_cache: &v_cache,
        };
        let dispatches = if n == 1 {
            let parts = decode_attention(gpu, heads, params, buffers, &partial);
            [parts, combine(gpu, heads, Form::Floats, [&partial, &batch, &y])]
        } else {
            let turned = rope::rope(gpu, heads, params, buffers);
            [turned, attention(gpu, heads, Form::Floats, [&qkv, &k_cache, &v_cache, &batch, &y])]
        };
        gpu.submit(&dispatches, Extent { tokens: n as u32, positions: (pos + n) as u32 });
        out.extend(read(gpu, &y, n_out));
    }
    out
}

/// The twin of [`attend`].
fn attend_exactly(heads: Heads, qkv: &[f32], inv_freq: &[f64]) -> Vec<f64> {
    let Heads { n_head, n_kv_head, head_dim, kv } = heads;
    let turned = |pos: usize, head: usize| {
        let at = (pos * (n_head + 2 * n_kv_head) + head) * head_dim;
        let mut values: Vec<f64> = qkv[at..][..head_dim].iter().map(|v| f64::from(*v)).collect();
        if head < n_head + n_kv_head {
            reference::rope::rope(&mut values, pos, inv_freq, 1.0, true);
        }
        values
    };
    let all = |head| {
        let kv = if head < n_head + n_kv_head { kv.keys } else { kv.values };
        (0..=PROMPT).map(|pos| reference::kv::kept(kv, &turned(pos, head))).collect::<Vec<_>>()
    };
    let cache: Vec<_> = (n_head..n_head + 2 * n_kv_head).map(all).collect();
    let one = |(pos, head): (usize, usize)| {
        let key = head / (n_head / n_kv_head);
        let [keys, values] = [key, key + n_kv_head].map(|head| cache[head][..=pos].concat());
        reference::attention::attention(&turned(pos, head), &keys, &values)
    };
    (0..=PROMPT).flat_map(|pos| (0..n_head).map(move |head| (pos, head))).flat_map(one).collect()
}

/// A head's types, each of keys with another of values.
fn kv_pairs() -> Vec<KvTypes> {
    let [f32, f16, q8_0] = KvType::ALL;
    [(f32, f32), (f16, f16), (q8_0, q8_0), (f32, f16), (f16, q8_0)]
        .map(|(keys, values)| KvTypes { keys, values })
        .into()
}

/// On average, because a value at the middle between two that a cache can keep may become either.
#[test]
fn attention_agrees_with_the_scalar_twin_in_each_kv_type() {
    let fits = |kv: KvTypes, head_dim| kv.keys.check(head_dim).and(kv.values.check(head_dim)).is_ok();
    for (attention, head_dims) in if coverage::full() {
        [(Splits::Many, &[40, 128][..]), (Splits::Few, &[96, 256])]
    } else {
        [(Splits::Many, &[40][..]), (Splits::Few, &[128])]
    } {
        let gpu = Options::default().tuned(Tuning { attention, ..Tuning::default() }).open();
        for head_dim in head_dims.iter().copied() {
            let pairs = || kv_pairs().into_iter().filter(|kv| fits(*kv, head_dim));
            let heads = |kv| Heads { n_head: 6, n_kv_head: 2, head_dim, kv };
            let qkv = values((PROMPT + 1) * 10 * head_dim);
            let inv_freq: Vec<f64> =
                (0..head_dim / 2).map(|i| 1e4f64.powf(-2.0 * i as f64 / head_dim as f64)).collect();
            let twins: Vec<_> = pairs().map(|kv| (kv, attend_exactly(heads(kv), &qkv, &inv_freq))).collect();
            // every pair of types with the largest heads, with others the usual ones
            for kv in pairs().take(if head_dim >= 128 { 5 } else { 2 }) {
                let got = attend(&gpu, heads(kv), &qkv, &inv_freq);
                for (kept_as, want) in &twins {
                    let errors = got.iter().zip(want).map(|(got, want)| (f64::from(*got) - want).abs());
                    let mean = errors.sum::<f64>() / got.len() as f64;
                    println!(
                        "attention, heads of {head_dim}, {attention:?} splits, {kv}, twin {kept_as}: {mean:.1e}"
                    );
                    assert_eq!(mean <= 2e-6, kv == *kept_as, "{kv} {kept_as} {head_dim}");
                }
            }
        }
    }
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
