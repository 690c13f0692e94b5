//! What turns messages into a prompt and a reply into reasoning, calls of tools and answer.

pub mod reasoning;
pub mod template;
pub mod tools;
