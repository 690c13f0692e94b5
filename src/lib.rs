//! Minke runs DeepSeek's distilled reasoning models on WebGPU: natively through Vulkan, Metal or
//! D3D12, and in a web page as WebAssembly. ARCHITECTURE.md shows the rooms of this crate and which
//! may import which; MODEL.md states the mathematics.

pub mod chat;
pub mod config;
pub mod engine;
pub mod error;
pub mod gguf;
pub mod gpu;
pub mod kernels;
pub mod kv_type;
pub mod model;
pub mod quant;
pub mod reference;
pub mod sampler;
pub mod session;
pub mod tokenizer;

pub use error::{Error, Result};

#[cfg(target_arch = "wasm32")]
pub mod web;
