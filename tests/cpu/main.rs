//! Tests that need no GPU.

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod chat;
mod command;
mod coverage;
mod formats;
mod gguf;
mod hostile;
mod house;
mod kv;
mod pace;
mod sampler;
mod splits;
mod store;
mod templates;
mod thinking;
mod tokenizer;
mod tools;
