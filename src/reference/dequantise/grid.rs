//! Weights of the formats whose quants are indices into a grid.

use crate::quant::GgmlType;
use half::f16;

/// Element `e` of a block; `grid` has the entries of the format's grid.
pub fn weight(ty: GgmlType, b: &[u8], e: usize, grid: &[u16]) -> f32 {
    let half = |at: usize| f16::from_le_bytes([b[at], b[at + 1]]).to_f32();
    let (sub, group, i) = (e / 32, e / 8, e % 8);
    let iq2 = |index: u16| [8.0, 25.0, 43.0][two(grid, index, i)];
    let iq3 = |index: u16| usize::from(grid[usize::from(index)] >> (4 * (e % 4)) & 15);
    let nibble = |at: usize, n: usize| u16::from(b[at + n / 2] >> (4 * (n % 2)) & 15);
    match ty {
        GgmlType::IQ2_XXS => {
            let w = word(b, 6 + 8 * sub);
            let scale = half(0) * (0.5 + (w >> 28) as f32) * 0.25;
            scale * iq2(b[2 + 8 * sub + group % 4].into()) * sign(even(w >> (7 * (group % 4))), i)
        }
        GgmlType::IQ2_XS => {
            let w = u16::from_le_bytes([b[2 + 2 * group], b[3 + 2 * group]]);
            let scale = half(0) * (0.5 + f32::from(nibble(66, e / 16))) * 0.25;
            scale * iq2(w & 511) * sign(even(u32::from(w >> 9)), i)
        }
        GgmlType::IQ2_S => {
            let high = u16::from(b[66 + sub]) >> (2 * (group % 4)) & 3;
            let scale = half(0) * (0.5 + f32::from(nibble(74, e / 16))) * 0.25;
            scale * iq2(u16::from(b[2 + group]) | high << 8) * sign(b[34 + group].into(), i)
        }
        GgmlType::IQ3_XXS => {
            let w = word(b, 66 + 4 * sub);
            let value = [4.0, 12.0, 20.0, 28.0, 36.0, 44.0, 52.0, 62.0][iq3(b[2 + e / 4].into())];
            let scale = half(0) * (0.5 + (w >> 28) as f32) * 0.5;
            scale * value * sign(even(w >> (7 * (group % 4))), i)
        }
        GgmlType::IQ3_S => {
            let high = u16::from(b[66 + sub]) >> (e / 4 % 8) & 1;
            let value = (2 * iq3(u16::from(b[2 + e / 4]) | high << 8) + 1) as f32;
            half(0) * f32::from(2 * nibble(106, sub) + 1) * value * sign(b[74 + group].into(), i)
        }
        GgmlType::IQ1_S => {
            let w = u16::from_le_bytes([b[34 + 2 * sub], b[35 + 2 * sub]]);
            let index = u16::from(b[2 + group]) | (w >> (3 * (group % 4)) & 7) << 8;
            half(0) * f32::from(2 * (w >> 12 & 7) + 1) * iq1(grid, index, i, w >> 15 == 1)
        }
        GgmlType::IQ1_M => {
            let top = nibble(32, group);
            let index = u16::from(b[group]) | (top & 7) << 8;
            let scale = iq1_m_word(b, e / 64) >> (3 * (e / 16 % 4)) & 7;
            iq1_m_scale(b) * f32::from(2 * scale + 1) * iq1(grid, index, i, top >> 3 == 1)
        }
        _ => f32::NAN, // a type without grid, which nothing asks for
    }
}

/// Value `i` of 8 in an entry.
fn two(grid: &[u16], index: u16, i: usize) -> usize {
    usize::from(grid[usize::from(index)] >> (2 * i) & 3)
}

fn iq1(grid: &[u16], index: u16, i: usize, minus: bool) -> f32 {
    two(grid, index, i) as f32 - 1.0 + if minus { -0.125 } else { 0.125 }
}

fn word(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

/// 7 sign bits and the eighth that makes the number of ones even.
fn even(bits: u32) -> u32 {
    let seven = bits & 127;
    seven | (seven.count_ones() % 2) << 7
}

fn sign(signs: u32, i: usize) -> f32 {
    if signs >> i & 1 == 1 { -1.0 } else { 1.0 }
}

/// Half word `i` of the four that hold scales and, in their top nibbles, the f16 scale of the block.
fn iq1_m_word(b: &[u8], i: usize) -> u16 {
    u16::from_le_bytes([b[48 + 2 * i], b[49 + 2 * i]])
}

fn iq1_m_scale(b: &[u8]) -> f32 {
    f16::from_bits((0..4).fold(0, |bits, i| bits | iq1_m_word(b, i) >> 12 << (4 * i))).to_f32()
}

/// Writes the f16 scale of a block of IQ1_M.
pub fn set_iq1_m_scale(b: &mut [u8], bits: u16) {
    for i in 0..4 {
        b[49 + 2 * i] = b[49 + 2 * i] & 15 | ((bits >> (4 * i)) as u8 & 15) << 4;
    }
}
