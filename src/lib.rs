//! Minke runs DeepSeek's distilled reasoning models on WebGPU: natively through Vulkan, Metal or D3D12, and in a web page
//! as WebAssembly.
//!
//! A [`Gpu`] is a device, a [`Model`] what is loaded onto it once, a [`Context`] one conversation, and an [`Engine`] all of
//! it with the model's tokenizer and chat template. ARCHITECTURE.md shows the modules and which may import which; MODEL.md
//! states the mathematics.
//!
//! ```no_run
//! use minke::engine::{Chat, Control, Delta, Engine, GenerateOptions, TextParts, Thinking};
//! use minke::{Gpu, GpuOptions, ModelOptions, model};
//! use std::rc::Rc;
//!
//! # fn main() -> minke::Result<()> { pollster::block_on(async {
//! let mut file = std::io::Cursor::new(std::fs::read("model.gguf").expect("a file"));
//! let clock = || std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64() * 1e3;
//! let (model, text, _) = model::load(
//!     &mut file,
//!     |header| TextParts::from_metadata(&header.metadata),
//!     async || Gpu::request(&GpuOptions::default()).await,
//!     &ModelOptions::default(),
//!     clock,
//!     |progress| eprintln!("{progress:?}"),
//! )
//! .await?;
//! let engine = Engine::new(&Rc::new(model), text).await?;
//! let chat = Chat::of(vec![serde_json::json!({ "role": "user", "content": "Why is the sky blue?" })])?;
//! let prompt = engine.chat_prompt(&chat, Thinking::default(), jiff::civil::date(2026, 11, 27).into())?;
//! let mut show = |delta: Delta| print!("{}{}", delta.reasoning, delta.content);
//! engine.generate(prompt, &GenerateOptions::default(), Control::new(0), &mut show).await?;
//! # Ok(()) }) }
//! ```

pub mod chat;
pub mod config;
pub mod context;
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
pub mod store;
pub mod tokenizer;
mod trie;

pub use context::Context;
pub use engine::Engine;
pub use error::{Error, Result};
pub use gpu::{Gpu, GpuOptions};
pub use model::{Model, ModelOptions};

#[cfg(target_arch = "wasm32")]
pub mod web;
