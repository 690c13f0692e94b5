//! 193 MB of a real model's weights (DeepSeek-R1-Distill-Qwen-7B, output.weight in Q6_K, of whose scales 98.6 % are
//! half-precision subnormals) through repack, matvec and matmul, against the `gguf` package's dequantisation.

use crate::common;
use minke::gpu::Gpu;
use minke::kernels::matvec::{Output, matvec};
use minke::kernels::repack::Repack;
use minke::kernels::{
    BATCH_HEADER, Matrix,
    matmul::{Vectors, matmul},
};
use minke::quant::GgmlType;
use minke::reference;
use pollster::block_on;

const TOKENS: usize = 3;

/// The whole rows of output.weight that the two parts hold.
fn rows() -> (usize, Vec<u8>) {
    let head = common::cached(common::DEEPSEEK_HEAD);
    let header = common::header(&head);
    let tensor = header.tensors.iter().find(|t| t.name == "output.weight").expect("output.weight");
    assert_eq!(tensor.ty, GgmlType::Q6_K);
    let cols = tensor.shape[0] as usize;
    let mut bytes = std::fs::read(head).expect("the head").split_off(tensor.offset as usize);
    bytes.extend(std::fs::read(common::cached(common::DEEPSEEK_NEXT)).expect("the next part"));
    let row_bytes = cols / 256 * 210;
    bytes.truncate(bytes.len() / row_bytes * row_bytes);
    (cols, bytes)
}

/// The matrix on the GPU, sent as the loader sends it.
fn upload(gpu: &Gpu, cols: usize, bytes: &[u8]) -> Matrix {
    let rows = (bytes.len() / (cols / 256 * 210)) as u32;
    let matrix = Matrix::new(gpu, cols as u32, &[("output.weight", GgmlType::Q6_K, rows)]).expect("memory");
    let repack = Repack::new(gpu).expect("staging");
    let mut rest = bytes;
    for slab in &matrix.slabs {
        for part in &slab.parts {
            let (mine, after) = rest.split_at(part.file_bytes(cols as u32) as usize);
            rest = after;
            let most = Repack::most_bytes(part.layout);
            for (i, piece) in mine.chunks(most).enumerate() {
                let first_block = (i * most) as u32 / part.layout.block_bytes();
                repack.run(gpu, slab, part, first_block, piece);
                block_on(gpu.finish()).expect("repacked");
            }
        }
    }
    matrix
}

#[test]
#[ignore = "half a minute of a real model: npm run test:full"]
fn a_thousand_rows_of_real_weights_agree() {
    let (cols, bytes) = rows();
    let row_bytes = cols / 256 * 210;
    let n = bytes.len() / row_bytes;
    // a fixed stride that is coprime to the number of rows visits rows from all over
    let chosen: Vec<usize> = (0..1000).map(|i| (i * 40_503 + 7) % n).collect();
    let raw: Vec<u8> = chosen.iter().flat_map(|r| &bytes[r * row_bytes..][..row_bytes]).copied().collect();
    let want = common::python_dequantise(GgmlType::Q6_K, &raw);
    assert_eq!(want.len(), 1000 * cols);
    let twin = reference::dequantise::dequantise(GgmlType::Q6_K.layout().expect("a layout"), &raw);
    assert!(twin == want, "the scalar twin differs from the gguf package");
    let x: Vec<f32> = (0..TOKENS * cols).map(|i| ((i * 7919 % 1999) as f32 - 999.0) / 500.0).collect();
    let doubles: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
    let (y, y_abs) = reference::matmul::matmul(&want, cols, &doubles);
    assert!(y_abs.iter().all(|abs| *abs > 0.0));

    let gpu = common::Options::default().open();
    let matrix = upload(&gpu, cols, &bytes);
    println!("{} MB in {} rows and {} buffers", bytes.len() / 1_000_000, n, matrix.slabs.len());
    let x = gpu.buffer_with("x", bytemuck::cast_slice(&x)).expect("x");
    let out = gpu.buffer("y", 4 * (TOKENS * n) as u64).expect("y");
    let mut batch = vec![0u32; BATCH_HEADER];
    batch[1] = TOKENS as u32;
    let batch = gpu.buffer_with("batch", bytemuck::cast_slice(&batch)).expect("batch");
    let output = Output::to(&out);
    for (kernel, tokens) in [("matvec", 1), ("matmul", TOKENS)] {
        let dispatches = match tokens {
            1 => matvec(&gpu, &matrix, &x, output),
            _ => matmul(&gpu, &matrix, Vectors::Floats, &x, &batch, output),
        };
        gpu.submit(&dispatches, tokens as u32);
        let got: Vec<f32> =
            bytemuck::pod_collect_to_vec(&block_on(gpu.read(&out, 4 * (tokens * n) as u64)).expect("y"));
        let mut worst = 0f64;
        for t in 0..tokens {
            for (i, row) in chosen.iter().enumerate() {
                let error = (f64::from(got[t * n + row]) - y[t * 1000 + i]).abs() / y_abs[t * 1000 + i];
                worst = worst.max(if error.is_nan() { f64::INFINITY } else { error });
            }
        }
        println!("{kernel}: worst error {worst:.1e} of the absolute sum");
        assert!(worst <= 1e-5, "{kernel} is off by {worst}");
    }
}
