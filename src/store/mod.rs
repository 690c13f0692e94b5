//! A model's bytes on their way from a server to the GPU, and to a store: fetched by pieces, verified, kept, resumed.
//!
//! Everything here is plain Rust above two traits: [`Host`] (requests, a clock, digests) and [`Store`] (files). The
//! browser's are in `web/`, the native command's in `bin/minke/`, and tests have their own.

mod answer;
mod download;
mod fetch;
#[cfg(not(target_arch = "wasm32"))]
mod folder;
mod host;
mod hub;
mod journal;
mod kept;
mod models;
mod progress;
mod retry;
mod sha256;
mod spec;

pub use answer::{Answer, Headers};
pub use download::{Download, Options};
#[cfg(not(target_arch = "wasm32"))]
pub use folder::Folder;
pub use host::{Body, Hasher, Host, Store, StoreFile};
pub use hub::{part_urls, resolve, same_origin};
pub use journal::{Journal, Line};
pub use kept::names;
pub use models::{KeptFile, KeptModel, list, model, remove};
pub use progress::{From, Phase, Status};
pub use retry::again_if_changed;
pub use sha256::Sha256;
pub use spec::{ModelSpec, PartSpec};

/// Bytes that are asked for, verified and kept together.
///
/// Sixteen MiB may be lost when a tab dies: what [`WINDOW`] pieces have received and not yet written.
pub const PIECE: u64 = 4 << 20;

/// Most pieces on their way at once.
pub const WINDOW: usize = 4;
