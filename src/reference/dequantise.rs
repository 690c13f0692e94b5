//! Weights from the blocks of a file, format by format.
//!
//! Where the bits of an element lie is told by the format's [`Layout`]; what they mean is written out here anew,
//! independent of the shaders.

mod grid;

use crate::quant::{Field, GgmlType, Layout};
use half::{bf16, f16};

/// The 16 values of the non-linear 4-bit formats.
const IQ4: [f32; 16] =
    [-127., -104., -83., -65., -49., -35., -22., -10., 1., 13., 25., 38., 53., 69., 89., 113.];

/// The doubled values of 4-bit floats without sign.
const E2M1: [f32; 8] = [0., 1., 2., 3., 4., 6., 8., 12.];

/// The weights of whole blocks.
pub fn dequantise(layout: &Layout, blocks: &[u8]) -> Vec<f32> {
    let grid: Vec<u16> = layout.grid.into_iter().flat_map(|grid| grid.entries()).collect();
    let one = |block: &[u8]| {
        let weight = |e: usize| match layout.grid {
            Some(_) => grid::weight(layout.ty, block, e, &grid),
            None => weight(layout.ty, block, e, bits(layout, block, e)),
        };
        (0..layout.block_len() as usize).map(weight).collect::<Vec<_>>()
    };
    blocks.chunks_exact(layout.block_bytes() as usize).flat_map(one).collect()
}

/// Gives a block half-precision numbers from `half` as its scales; MXFP4's power of two is taken from one's bits.
pub fn set_scales(layout: &Layout, block: &mut [u8], mut half: impl FnMut() -> u16) {
    let offsets: &[usize] = match layout.ty {
        GgmlType::Q4_1 | GgmlType::Q5_1 | GgmlType::Q4_K | GgmlType::Q5_K => &[0, 2],
        GgmlType::Q2_K => &[80, 82],
        GgmlType::IQ4_XS => &[0],
        GgmlType::IQ1_M => return grid::set_iq1_m_scale(block, half()),
        GgmlType::MXFP4 => {
            block[0] = 112 + half().to_le_bytes()[0] % 16;
            return;
        }
        _ => &[],
    };
    let narrow = layout.narrow.map(|narrow| narrow.offset as usize);
    for at in offsets.iter().copied().chain(narrow) {
        block[at..at + 2].copy_from_slice(&half().to_le_bytes());
    }
}

/// The bits of element `e`, all fields joined, the first one lowest.
fn bits(layout: &Layout, block: &[u8], e: usize) -> u32 {
    let mut shift = 0;
    let mut all = 0;
    for field in layout.fields {
        all |= field_bits(field, block, e) << shift;
        shift += field.bits;
    }
    all
}

fn field_bits(field: &Field, block: &[u8], e: usize) -> u32 {
    let (offset, stride, bits) = (field.offset as usize, field.stride as usize, field.bits as usize);
    if bits >= 8 {
        let at = offset + e * bits / 8;
        return block[at..at + bits / 8].iter().rev().fold(0, |n, b| n << 8 | u32::from(*b));
    }
    let per = 8 / bits;
    let byte = block[offset + stride * (e / (stride * per)) + e % stride];
    u32::from(byte) >> (bits * (e / stride % per)) & ((1 << bits) - 1)
}

/// Element `e` of a block whose bits are `q`.
fn weight(ty: GgmlType, b: &[u8], e: usize, q: u32) -> f32 {
    let half = |at: usize| f16::from_le_bytes([b[at], b[at + 1]]).to_f32();
    let n = q as f32;
    match ty {
        GgmlType::F32 => f32::from_bits(q),
        GgmlType::F16 => f16::from_bits(q as u16).to_f32(),
        GgmlType::BF16 => bf16::from_bits(q as u16).to_f32(),
        GgmlType::Q4_0 => half(0) * (n - 8.0),
        GgmlType::Q4_1 | GgmlType::Q5_1 => half(0) * n + half(2),
        GgmlType::Q5_0 => half(0) * (n - 16.0),
        GgmlType::Q8_0 => half(0) * f32::from(q as u8 as i8),
        GgmlType::Q2_K => {
            let s = b[e / 16];
            half(80) * f32::from(s & 15) * n - half(82) * f32::from(s >> 4)
        }
        GgmlType::Q3_K => half(108) * q3_k_scale(&b[96..108], e / 16) * (n - 4.0),
        GgmlType::Q4_K | GgmlType::Q5_K => {
            let (scale, minimum) = k4_scale(&b[4..16], e / 32);
            half(0) * scale * n - half(2) * minimum
        }
        GgmlType::Q6_K => half(208) * f32::from(b[192 + e / 16] as i8) * (n - 32.0),
        GgmlType::IQ4_NL => half(0) * IQ4[q as usize],
        GgmlType::IQ4_XS => {
            let sub = e / 32;
            let low = b[4 + sub / 2] >> (4 * (sub % 2)) & 15;
            let high = (u16::from_le_bytes([b[2], b[3]]) >> (2 * sub) & 3) as u8;
            half(0) * (f32::from(low | high << 4) - 32.0) * IQ4[q as usize]
        }
        GgmlType::TQ1_0 => half(52) * (f32::from(tq1_digit(b, e)) - 1.0),
        GgmlType::TQ2_0 => half(64) * (n - 1.0),
        GgmlType::MXFP4 => {
            let sign = if q < 8 { 1.0 } else { -1.0 };
            2f64.powi(i32::from(b[0]) - 128) as f32 * sign * E2M1[q as usize % 8]
        }
        _ => f32::NAN, // a type without layout, which nothing asks for
    }
}

/// Signed 6-bit scale `i` of 16: low nibbles in 8 bytes, high pairs of bits in 4.
fn q3_k_scale(s: &[u8], i: usize) -> f32 {
    let low = s[i % 8] >> (4 * (i / 8)) & 15;
    let high = s[8 + i % 4] >> (2 * (i / 4)) & 3;
    f32::from(low | high << 4) - 32.0
}

/// 6-bit scale and minimum `i` of 8: the first four whole, the others split over nibbles and top bits.
fn k4_scale(s: &[u8], i: usize) -> (f32, f32) {
    let (scale, minimum) = match i < 4 {
        true => (s[i] & 63, s[i + 4] & 63),
        false => (s[i + 4] & 15 | s[i - 4] >> 6 << 4, s[i + 4] >> 4 | s[i] >> 6 << 4),
    };
    (scale.into(), minimum.into())
}

/// Ternary digit `e` of a block of TQ1_0: digits of 32, then 16, then 4 bytes; a byte is a fraction of 256.
fn tq1_digit(b: &[u8], e: usize) -> u8 {
    let (byte, digit) = match e {
        0..160 => (e % 32, e / 32),
        160..240 => (32 + e % 16, (e - 160) / 16),
        _ => (48 + e % 4, (e - 240) / 4),
    };
    let fraction = (0..digit).fold(b[byte], |fraction, _| fraction.wrapping_mul(3));
    ((u16::from(fraction) * 3) >> 8) as u8
}
