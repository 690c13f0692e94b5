#![allow(missing_docs)]
//! Tests of the grammars: what walks at random through their masks write, judged by others.

mod common;
mod forms;
mod hostile;
mod schemas;
