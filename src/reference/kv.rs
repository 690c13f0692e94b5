//! What comes back from the KV cache.

use crate::kv_type::{KvType, Q8_0_BLOCK};
use half::f16;

/// The values of a head as a cache of type `kv` keeps them.
pub fn kept(kv: KvType, head: &[f64]) -> Vec<f64> {
    match kv {
        KvType::F32 => head.to_vec(),
        KvType::F16 => head.iter().map(|v| half(*v)).collect(),
        KvType::Q8_0 => head.chunks(Q8_0_BLOCK).flat_map(q8_0).collect(),
    }
}

fn half(v: f64) -> f64 {
    let most = f16::MAX.to_f64();
    f16::from_f64(v.clamp(-most, most)).to_f64()
}

fn q8_0(block: &[f64]) -> Vec<f64> {
    let most = block.iter().fold(f64::MIN_POSITIVE, |most, v| most.max(v.abs()));
    block.iter().map(|v| (127.0 * v / most).round() / 127.0 * most).collect()
}

/// How far two neighbouring values that a cache can keep are apart at most, relative to the largest of a head.
pub fn step(kv: KvType) -> f64 {
    match kv {
        KvType::F32 => f64::from(f32::EPSILON),
        KvType::F16 => f16::EPSILON.to_f64(),
        KvType::Q8_0 => 1.0 / 127.0,
    }
}
