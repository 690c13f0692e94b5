//! Repack, matvec, matmul and embedding of every format against golden/kernels (float64 sums over ggml's
//! dequantised values), in every tier the adapter allows.

use minke::gpu::Gpu;
use minke::kernels::matvec::{Output, matvec};
use minke::kernels::repack::Repack;
use minke::kernels::{BATCH_HEADER, Matrix, embed::embed, matmul::matmul};
use minke::quant::GgmlType;
use pollster::block_on;
use serde::Deserialize;

mod common;

#[derive(Deserialize)]
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

fn load(gpu: &Gpu, case: &Case) -> Matrix {
    let ty = GgmlType::from_name(&case.ty).expect("a known type");
    let matrix = block_on(Matrix::new(gpu, case.cols, &[("golden", ty, case.rows)])).expect("a matrix");
    let repack = Repack::new(gpu).expect("staging");
    let part = &matrix.slabs[0].parts[0];
    let raw = common::hex(&case.raw_hex);
    // in two pieces, to test that pieces join
    let pair = 2 * part.layout.block_bytes() as usize;
    let cut = raw.len() / 2 / pair * pair;
    let first_block = cut as u32 / part.layout.block_bytes();
    if cut > 0 {
        repack.run(gpu, &matrix.slabs[0], part, 0, &mut raw[..cut].to_vec());
    }
    repack.run(gpu, &matrix.slabs[0], part, first_block, &mut raw[cut..].to_vec());
    matrix
}

fn read(gpu: &Gpu, buffer: &wgpu::Buffer, n: usize) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(&block_on(gpu.read(buffer, 4 * n as u64)).expect("a result"))
}

/// The bound of golden/README.md: |y - golden| <= 1e-5 * y_abs.
fn assert_close(what: &str, got: &[f32], want: impl Iterator<Item = f64>, scale: &[f64]) {
    for (row, (want, got)) in want.zip(got).enumerate() {
        let error = (f64::from(*got) - want).abs();
        assert!(
            error <= 1e-5 * scale[row] + 1e-30,
            "{what} row {row}: {got} instead of {want} (scale {})",
            scale[row]
        );
    }
}

fn check(gpu: &Gpu, case: &Case) {
    let what = format!("{} {}", case.ty, case.kind);
    let w = load(gpu, case);
    let x: Vec<f32> = bytemuck::pod_collect_to_vec(&common::hex(&case.x_f32_hex));
    let factors: Vec<f32> = (0..37).map(|t| 1.0 - 0.25 * t as f32).collect();
    let tokens = factors.len();
    let xs: Vec<f32> = factors.iter().flat_map(|f| x.iter().map(move |v| v * f)).collect();
    let x = gpu.buffer_with("x", bytemuck::cast_slice(&xs)).unwrap();
    let y = gpu.buffer("y", 4 * tokens as u64 * u64::from(case.rows)).unwrap();
    let n = case.rows as usize;

    let output = Output { bias: None, accumulate: false, y: &y };
    gpu.submit(&matvec(gpu, &w, &x, output), 1);
    assert_close(&format!("matvec {what}"), &read(gpu, &y, n), case.y.iter().copied(), &case.y_abs);

    let mut batch = vec![0u32; BATCH_HEADER];
    batch[1] = tokens as u32;
    batch.extend((0..tokens as u32).map(|t| t % case.rows));
    let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&batch)).unwrap();
    gpu.submit(&matmul(gpu, &w, &x, &batch, output), tokens as u32);
    let got = read(gpu, &y, tokens * n);
    for (t, factor) in factors.iter().enumerate() {
        let scale: Vec<f64> = case.y_abs.iter().map(|v| v * f64::from(factor.abs())).collect();
        let want = case.y.iter().map(|v| v * f64::from(*factor));
        assert_close(&format!("matmul {what} token {t}"), &got[t * n..][..n], want, &scale);
    }

    let cols = case.cols as usize;
    let rows = gpu.buffer("rows", 4 * (tokens * cols) as u64).unwrap();
    gpu.submit(&embed(gpu, &w, &batch, &rows), tokens as u32);
    let got = read(gpu, &rows, tokens * cols);
    let want: Vec<f32> = bytemuck::pod_collect_to_vec(&common::hex(&case.dequant_f32_hex));
    for t in 0..tokens {
        let row = &want[t % n * cols..][..cols];
        let most = row.iter().fold(0f32, |m, v| m.max(v.abs()));
        for (i, (want, got)) in row.iter().zip(&got[t * cols..]).enumerate() {
            assert!(
                (want - got).abs() <= 1e-6 * most,
                "embed {what} row {t} col {i}: {got} instead of {want}"
            );
        }
    }
}

#[test]
fn formats_agree_with_golden() {
    for options in common::tiers() {
        let gpu = block_on(Gpu::request(&options)).expect("lavapipe or a GPU");
        println!("{:?}", gpu.caps);
        for ty in GgmlType::supported() {
            for case in common::vectors::<Vec<Case>>(&format!("kernels/{ty}.json")) {
                check(&gpu, &case);
            }
        }
        gpu.check().expect("no device error");
    }
}
