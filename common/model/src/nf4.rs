//! 4-bit NormalFloat weights, bit-compatible with bitsandbytes (QLoRA, Dettmers et al. 2023).
//!
//! Made by the checkpoint loader, either quantised from a dense weight ([`Nf4Weight::quantise`]) or taken
//! over from a checkpoint that bitsandbytes wrote ([`bitsandbytes`]). Used by the kernels and `quantise`.
//!
//! Invariants: blocks of 64 consecutive elements of the row-major `[out, in]` matrix share one
//! `absmax`; a byte holds two elements, the earlier one in its high nibble; the element count is a
//! multiple of 64. Dequantisation is `code * absmax` in f32, then one rounding to the source precision.

pub use self::double_quantisation::{Absmax, CodeRule};
pub use self::quantise::Nf4Builder;
pub use self::weight::{Nf4Error, Nf4Weight, SourcePrecision};

pub mod bitsandbytes;
pub mod double_quantisation;
pub mod quantise;
pub mod table;
#[cfg(test)]
mod tests;
mod weight;
