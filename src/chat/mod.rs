//! What turns messages into a prompt and a reply into reasoning and answer.

pub mod reasoning;
pub mod template;
