//! How a product with a frozen weight is computed, and of which rows of it. Used by `linear`, `gemv`,
//! `wide::weights`, the cross-entropies, attention and `ops::flex`. Invariant: rows lie inside their weight.

use super::cpu::{Isa, isa};
use super::math::round_bits;
use crate::frozen::FrozenWeight;
use crate::options::Compute;

/// Outputs of a task of a single row: small enough that two cores share 128 key heads, large enough to pay
/// for the hand-over.
pub(super) const OUTPUTS_A_TASK: usize = 64;

/// How a product is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// f32 operands.
    F32,
    /// Operands rounded to bf16, multiplied as f32: any processor.
    RoundedBf16,
    /// `vdpbf16ps`.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
}

impl Product {
    /// The fastest way this processor has for a precision.
    pub fn fastest(compute: Compute) -> Self {
        match (compute, isa()) {
            (Compute::F32, _) => Self::F32,
            #[cfg(target_arch = "x86_64")]
            (Compute::Bf16, Isa::Avx512Bf16) => Self::Avx512Bf16,
            _ => Self::RoundedBf16,
        }
    }
}

/// A run of output rows of a frozen weight.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// `W [out, in]`.
    pub weight: &'a FrozenWeight,
    /// First output row.
    pub first: usize,
    /// Number of rows.
    pub count: usize,
}

impl<'a> Rows<'a> {
    /// The whole weight.
    pub const fn all(weight: &'a FrozenWeight) -> Self {
        Self { weight, first: 0, count: weight.shape()[0] }
    }

    pub(super) const fn input(&self) -> usize {
        self.weight.shape()[1]
    }
}

/// The bf16 nearest to a value, widened again.
pub(super) fn round_to_bf16(value: f32) -> f32 {
    f32::from_bits(round_bits(value) & 0xffff_0000)
}
