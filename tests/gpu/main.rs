//! Tests on a GPU, or on Mesa's lavapipe. They are one program, so that what is linked and compiled once serves all.

#[path = "../common/mod.rs"]
mod common;

mod attention;
mod autotune;
mod bench;
mod cases;
mod context;
mod contexts;
mod divergence;
mod fit;
mod forms;
mod kernels;
mod loader;
mod memory;
mod model;
mod parts;
mod real_weights;
mod sampler;
mod self_test;
mod smollm2;
mod texts;
