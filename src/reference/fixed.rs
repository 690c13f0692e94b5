//! Activations in fixed point (shaders/shared/fixed.wgsl).

use crate::quant::CHUNK;

/// The largest number of three signed bytes, less some room for rounding.
const LIMIT: f64 = 8_355_708.0;

/// Blocks of 32 values as words: the bytes, then scale, sums, and whether the largest is an outlier, as bits of f32.
pub fn blocks(values: &[f32]) -> Vec<u32> {
    values.chunks(CHUNK as usize).flat_map(block).collect()
}

fn block(values: &[f32]) -> Vec<u32> {
    let doubles: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
    let largest = doubles.iter().fold(1e-30f64, |most, v| most.max(v.abs()));
    let numbers: Vec<u32> =
        doubles.iter().map(|v| ((LIMIT * v / largest).round() as i32 + 0x80_8080).cast_unsigned()).collect();
    let plane = |shift: u32| {
        let word = move |four: &[u32]| {
            let bytes = [0, 1, 2, 3].map(|i| four.get(i).map_or(0, |n| (n >> shift) as u8));
            u32::from_le_bytes(bytes) ^ 0x8080_8080
        };
        numbers.chunks(4).map(word).collect::<Vec<_>>()
    };
    let (low, high) = doubles.split_at(doubles.len() / 2);
    let mean = doubles.iter().map(|v| v.abs()).sum::<f64>() / doubles.len() as f64;
    let outlier = if largest > 16.0 * mean { 1.0 } else { 0.0 };
    let header = [largest / LIMIT, low.iter().sum(), high.iter().sum(), outlier];
    let header = header.map(|v: f64| (v as f32).to_bits());
    [plane(16), plane(8), plane(0), header.to_vec()].concat()
}

/// What blocks stand for.
pub fn values(blocks: &[u32]) -> Vec<f64> {
    let value = |block: &[u32], i: usize| {
        let byte = |plane: usize| {
            let bytes = block[8 * plane + i / 4].to_le_bytes();
            f64::from(bytes[i % 4].cast_signed())
        };
        f64::from(f32::from_bits(block[24])) * (65536.0 * byte(0) + 256.0 * byte(1) + byte(2))
    };
    blocks.chunks_exact(28).flat_map(|block| (0..32).map(move |i| value(block, i))).collect()
}
