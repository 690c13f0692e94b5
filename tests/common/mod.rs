//! What the tests share: where the vectors are, and how they are read.
#![allow(dead_code)] // each test crate uses its part

use std::path::PathBuf;

/// `../shared/golden` beside the checkout, else the small set in tests/vectors.
pub fn vectors_dir() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let golden = root.join("../shared/golden");
    let dir = if golden.is_dir() { golden } else { root.join("tests/vectors") };
    println!("vectors: {}", dir.display());
    dir
}

/// One JSON file of the vectors.
pub fn vectors<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = vectors_dir().join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Bytes of a hexadecimal string.
pub fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex")).collect()
}
