//! Tests on a GPU, or on Mesa's lavapipe. They are one program, so that what is linked and compiled once serves all.

#[path = "../common/mod.rs"]
mod common;

mod attention;
mod autotune;
mod beginnings;
mod bench;
mod cases;
mod constraints;
mod context;
mod contexts;
mod conversations;
mod divergence;
mod fit;
mod forms;
mod kernels;
mod loader;
mod memory;
mod model;
mod overflow;
mod parts;
mod real_weights;
mod replies;
mod resume;
mod sampler;
mod self_test;
mod smollm2;
mod texts;
