//! One file per kernel: its constants, what it binds, and its grid. Shapes are row-major; the WGSL of the
//! same stem in `shaders/` says what is computed.

pub mod attention;
pub mod decode_attention;
pub mod embed;
pub mod fixed;
mod generated;
pub mod matmul;
pub mod matrix;
pub mod matvec;
pub mod repack;
pub mod rms_norm;
pub mod rope;
pub mod sample;
pub mod swiglu;

pub use matrix::Matrix;

/// The batch buffer's words before its tokens: position, tokens, wanted row, unused.
pub const BATCH_HEADER: usize = 4;

/// Bytes of workgroup memory that any device has (WebGPU, maxComputeWorkgroupStorageSize).
const WORKGROUP_MEMORY: u32 = 16 << 10;
