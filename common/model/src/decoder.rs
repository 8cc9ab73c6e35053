//! The decoder: embedding, layers, final norm and head on one device, with explicit forward and backward
//! passes. Called by the trainer and the evaluator. One implementation; what families differ in is data
//! (`ModelConfig`).
//!
//! Invariants: the base is frozen, so only LoRA pairs get gradients; a batch is a concatenation of sequences
//! without padding, and rows of one sequence never see another.

mod adapter;
mod attention;
mod cached;
mod context;
mod layer;
mod linear;
mod mlp;
mod pass;
mod random;
mod weights;

#[cfg(test)]
mod tests;

pub(crate) use self::adapter::{DeviceAdapter, Gradients};
pub(crate) use self::cached::Cache;
pub(crate) use self::pass::{Batch, Objective, PassResult, Scored};
pub(crate) use self::random::{Dropout, Noise};
pub(crate) use self::weights::{Decoder, Layer, Linear};
