//! Puts WGSL together: a header for the tier, constants, and files of `shaders/`.

use super::Caps;
use std::fmt::Write;

/// Files of `shaders/shared/` that kernels include.
pub mod shared {
    /// Exact decoding of half-precision bits.
    pub const HALF: &str = include_str!("../../shaders/shared/half.wgsl");
    /// Bytes of a word.
    pub const BYTES: &str = include_str!("../../shaders/shared/bytes.wgsl");
    /// The planes of a repacked matrix.
    pub const WEIGHTS: &str = include_str!("../../shaders/shared/weights.wgsl");
    /// Values of the IQ4 formats.
    pub const IQ4: &str = include_str!("../../shaders/shared/iq4.wgsl");
    /// Lookups of the formats with a grid.
    pub const GRID: &str = include_str!("../../shaders/shared/grid.wgsl");
    /// The batch's position and tokens.
    pub const BATCH: &str = include_str!("../../shaders/shared/batch.wgsl");
    /// Bindings and output of the kernels that multiply a matrix by a batch.
    pub const PRODUCT: &str = include_str!("../../shaders/shared/product.wgsl");
    /// The reply's parameters, and the best token of a workgroup.
    pub const SAMPLER: &str = include_str!("../../shaders/shared/sampler.wgsl");
    /// The logits after bias and penalties.
    pub const ADJUSTED: &str = include_str!("../../shaders/shared/adjusted.wgsl");
    /// Activations in fixed point.
    pub const FIXED: &str = include_str!("../../shaders/shared/fixed.wgsl");
    /// The results of a kernel as f32, a vector an invocation.
    pub const FOUR_FLOATS: &str = include_str!("../../shaders/shared/four_floats.wgsl");
    /// The same in fixed point.
    pub const FOUR_FIXED: &str = include_str!("../../shaders/shared/four_fixed.wgsl");
    /// A chunk of weights and its product with a block of those.
    pub const DOT_FIXED: &str = include_str!("../../shaders/shared/dot_fixed.wgsl");
    /// A chunk of weights and its product with a token's.
    pub const DOT_CHUNK: &str = include_str!("../../shaders/shared/dot_chunk.wgsl");
    /// The gate's function.
    pub const SILU: &str = include_str!("../../shaders/shared/silu.wgsl");
    /// Rotary embedding.
    pub const ROPE: &str = include_str!("../../shaders/shared/rope.wgsl");
}

/// The file of `shaders/shared/` that sums over neighbouring lanes.
pub fn cluster(caps: &Caps) -> &'static str {
    match caps.subgroups {
        true => include_str!("../../shaders/shared/cluster_subgroup.wgsl"),
        false => include_str!("../../shaders/shared/cluster_workgroup.wgsl"),
    }
}

/// The file of `shaders/shared/` that has the sum and the maximum over a workgroup.
pub fn reduce(caps: &Caps) -> &'static str {
    match caps.subgroups {
        true => include_str!("../../shaders/shared/reduce_subgroup.wgsl"),
        false => include_str!("../../shaders/shared/reduce_workgroup.wgsl"),
    }
}

/// The text of a kernel: header, `const NAME: u32 = VALUE;` lines, extra declarations, then `parts`.
pub fn compose(caps: &Caps, constants: &[(&str, u32)], extra: &str, parts: &[&str]) -> String {
    let mut text = String::new();
    // Browsers require the line, naga rejects it.
    if caps.subgroups && cfg!(target_arch = "wasm32") {
        text.push_str("enable subgroups;\n");
    }
    for (name, value) in constants {
        let _ = writeln!(text, "const {name}: u32 = {value}u;"); // writing to a String cannot fail
    }
    text.push_str(extra);
    for part in parts {
        text.push_str(part);
        text.push('\n');
    }
    text
}

/// A float as a WGSL literal of exactly its value (Rust prints the shortest decimal that reads back equal).
pub fn float(value: f32) -> String {
    format!("{value:e}f")
}
