//! The kinds of layers: of each its weights, and its dispatches for one token and for a batch, in a file of its own.

pub mod dense;
