//! What is said between a site and the coordinator: the message enums, their one codec, and the frame
//! that carries them. Used by both binaries; `PROTOCOL.md` beside this crate tells it in prose.

pub mod codec;
pub mod frame;
pub mod join;
pub mod message;
pub mod numbers;
pub mod own_scores;

#[cfg(test)]
mod document;
