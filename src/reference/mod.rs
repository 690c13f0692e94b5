//! Plain scalar twins of the kernels, with the same stems and sums in f64: what the kernels must compute. Used
//! by the self-test at load and by the tests; never for a model's answer.

pub mod attention;
pub mod dequantise;
pub mod fixed;
pub mod kv;
pub mod matmul;
pub mod rms_norm;
pub mod rope;
pub mod swiglu;
