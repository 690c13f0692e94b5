//! What an answer must be. The grammar itself is computed elsewhere; here is what a reply asks of it.

use crate::Result;
use serde_json::Value as Json;
use std::pin::Pin;

/// A grammar, as far as an answer has come in it.
pub trait Constraint {
    /// The tokens that may come next, as [`crate::sampler::Sampler::sample`] takes them.
    fn mask(&mut self) -> Result<Vec<u32>>;

    /// Takes the answer's next token; whether nothing can follow it.
    fn commit(&mut self, token: u32) -> Result<bool>;

    /// Tokens that are the only way on, if there are any; they are not taken yet.
    fn forced(&mut self) -> Result<Vec<u32>>;
}

/// Makes a grammar of `{"json_schema": {...}}`, `{"json_object": true}`, `{"regex": "..."}` or `{"lark": "..."}`.
///
/// [`crate::Error::InvalidRequest`] says what is wrong with it.
pub type Compile = dyn Fn(Json) -> Pin<Box<dyn Future<Output = Result<Box<dyn Constraint>>>>>;
