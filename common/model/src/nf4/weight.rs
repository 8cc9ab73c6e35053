//! A weight in NF4, how it is read, and why one cannot be held so. Made by `nf4::quantise` and
//! `nf4::bitsandbytes`; used by `frozen` and the kernels. Invariant: the packed bytes and the scales cover
//! the shape exactly.

use half::f16;

use super::double_quantisation::Absmax;
use super::table::{BLOCK, CODE_PAIRS, CODES};

/// Why a weight cannot be held as NF4. Retrying never helps: the file is what it is.
#[derive(Debug, thiserror::Error)]
pub enum Nf4Error {
    /// The matrix does not split into whole blocks.
    #[error("a weight of shape {shape:?} does not split into blocks of {BLOCK} elements")]
    Ragged {
        /// `[out, in]`.
        shape: [usize; 2],
    },
    /// A value is NaN or infinite.
    #[error("the weight holds a value that is not finite at element {element}")]
    NotFinite {
        /// Row-major element index.
        element: usize,
    },
    /// A tensor of a quantised checkpoint has the wrong size.
    #[error("`{tensor}` has {found} bytes where {expected} were expected")]
    Size {
        /// Suffix of the tensor's name.
        tensor: &'static str,
        /// Bytes the shape asks for.
        expected: usize,
        /// Bytes in the file.
        found: usize,
    },
    /// The quantisation state says something this engine does not hold.
    #[error("the quantisation state is not supported: {0}")]
    Unsupported(String),
    /// The quantisation state is not readable.
    #[error("the quantisation state is not valid JSON")]
    State(#[from] serde_json::Error),
}

/// Precision of the weight before quantisation; dequantisation rounds to it, as bitsandbytes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourcePrecision {
    /// float32
    F32,
    /// bfloat16
    Bf16,
    /// float16
    F16,
}

impl SourcePrecision {
    /// Rounds once (to nearest, ties to even) to this precision; the values are finite.
    pub(crate) fn round(self, values: &mut [f32]) {
        self.scale(values, 1.0);
    }

    /// Multiplies in f32, then rounds once (to nearest, ties to even) to this precision.
    fn scale(self, values: &mut [f32], factor: f32) {
        match self {
            Self::F32 => values.iter_mut().for_each(|value| *value *= factor),
            // On the bits, so that it vectorises; the products are finite.
            Self::Bf16 => values.iter_mut().for_each(|value| {
                let bits = (*value * factor).to_bits();
                *value = f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000);
            }),
            Self::F16 => values.iter_mut().for_each(|value| *value = f16::from_f32(*value * factor).to_f32()),
        }
    }
}

/// A frozen `[out, in]` matrix in NF4.
#[derive(Clone, PartialEq)]
pub struct Nf4Weight {
    pub(super) packed: Vec<u8>,
    pub(super) absmax: Absmax,
    pub(super) shape: [usize; 2],
    pub(super) precision: SourcePrecision,
}

impl core::fmt::Debug for Nf4Weight {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Nf4Weight")
            .field("shape", &self.shape)
            .field("precision", &self.precision)
            .finish_non_exhaustive()
    }
}

impl Nf4Weight {
    /// `[out, in]`.
    pub const fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Two elements a byte, the earlier in the high nibble.
    pub fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// The block scales as stored.
    pub const fn absmax(&self) -> &Absmax {
        &self.absmax
    }

    /// What dequantisation rounds to.
    pub const fn precision(&self) -> SourcePrecision {
        self.precision
    }

    /// Bytes kept in memory: 4.127 bits an element when double-quantised.
    pub fn memory_bytes(&self) -> usize {
        self.packed.len() + self.absmax.memory_bytes()
    }

    /// Writes elements `start .. start + out.len()` of the row-major matrix.
    pub fn dequantise_range(&self, start: usize, out: &mut [f32]) {
        assert!(start + out.len() <= self.packed.len() * 2, "range inside the weight");
        let lead = (start % 2).min(out.len());
        let (odd, mut rest) = out.split_at_mut(lead);
        if let [slot] = odd {
            *slot = CODES[usize::from(self.packed[start / 2] & 15)];
            self.precision.scale(odd, self.absmax.get(start / BLOCK));
        }
        let mut element = start + lead;
        while !rest.is_empty() {
            let in_block = (BLOCK - element % BLOCK).min(rest.len());
            let (head, tail) = rest.split_at_mut(in_block);
            let scale = self.absmax.get(element / BLOCK);
            let (pairs, last) = head.as_chunks_mut::<2>();
            let (whole, odd) = self.packed[element / 2..].split_at(pairs.len());
            for (pair, byte) in pairs.iter_mut().zip(whole) {
                *pair = CODE_PAIRS[usize::from(*byte)];
            }
            if let ([slot], [byte, ..]) = (last, odd) {
                *slot = CODES[usize::from(byte >> 4)];
            }
            self.precision.scale(head, scale);
            element += in_block;
            rest = tail;
        }
    }

    /// The whole matrix as f32, row-major.
    pub fn dequantise(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.packed.len() * 2];
        self.dequantise_range(0, &mut out);
        out
    }
}
