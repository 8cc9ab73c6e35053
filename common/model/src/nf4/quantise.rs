//! Blockwise 4-bit quantisation of a matrix that comes in runs, on all cores.
//!
//! Called by [`super::Nf4Weight::quantise`] with the whole matrix, and by the loader and the converter with
//! what they read at a time. Same bytes as bitsandbytes' CUDA kernel and, except for blocks that are all zero
//! (CUDA nibble 0, CPU nibble 7; both dequantise to zero), its CPU code.

use rayon::prelude::*;

use super::double_quantisation::{Absmax, CodeRule};
use super::table::BLOCK;
use super::weight::{Nf4Error, Nf4Weight, SourcePrecision};
use crate::kernels::quantise::quantise_blocks;

/// Blocks a task takes at a time: 64 KiB of input, enough to pay for the hand-over.
const BLOCKS_A_TASK: usize = 256;

impl Nf4Weight {
    /// Quantises a row-major matrix: NF4 with block 64, `absmax` double-quantised in blocks of 256.
    ///
    /// `values` are the weight's elements widened to f32; `precision` is what they were stored as.
    ///
    /// # Errors
    /// [`Nf4Error::Ragged`] when the shape does not fill whole blocks, [`Nf4Error::NotFinite`].
    pub fn quantise(values: &[f32], shape: [usize; 2], precision: SourcePrecision) -> Result<Self, Nf4Error> {
        Self::quantise_with(values, shape, precision, CodeRule::Cuda)
    }

    /// [`Self::quantise`] by either of bitsandbytes' rules for the 8-bit scales.
    ///
    /// # Errors
    /// As [`Self::quantise`].
    pub fn quantise_with(
        values: &[f32],
        shape: [usize; 2],
        precision: SourcePrecision,
        rule: CodeRule,
    ) -> Result<Self, Nf4Error> {
        let mut builder = Nf4Builder::new(shape, precision)?;
        builder.push(values)?;
        builder.finish(rule)
    }
}

/// A matrix being quantised: its elements are pushed in row-major order.
pub struct Nf4Builder {
    packed: Vec<u8>,
    absmax: Vec<f32>,
    shape: [usize; 2],
    precision: SourcePrecision,
}

impl Nf4Builder {
    /// Begins a matrix `[out, in]`; `precision` is what its elements were stored as.
    ///
    /// # Errors
    /// [`Nf4Error::Ragged`] when the shape does not fill whole blocks.
    pub fn new(shape: [usize; 2], precision: SourcePrecision) -> Result<Self, Nf4Error> {
        let elements = shape[0].checked_mul(shape[1]).filter(|n| *n > 0 && n.is_multiple_of(BLOCK));
        let elements = elements.ok_or(Nf4Error::Ragged { shape })?;
        let (packed, absmax) = (Vec::with_capacity(elements / 2), Vec::with_capacity(elements / BLOCK));
        Ok(Self { packed, absmax, shape, precision })
    }

    /// Appends a run of whole blocks.
    ///
    /// # Errors
    /// [`Nf4Error::NotFinite`]; [`Nf4Error::Ragged`] when the run is not whole blocks or more than the matrix
    /// has.
    pub fn push(&mut self, values: &[f32]) -> Result<(), Nf4Error> {
        let first = self.absmax.len();
        let end = first * BLOCK + values.len();
        if !values.len().is_multiple_of(BLOCK) || end > self.shape[0] * self.shape[1] {
            return Err(Nf4Error::Ragged { shape: self.shape });
        }
        self.packed.resize(end / 2, 0);
        self.absmax.resize(end / BLOCK, 0.0);
        let packed = self.packed[first * BLOCK / 2..].par_chunks_mut(BLOCK / 2 * BLOCKS_A_TASK);
        let absmax = self.absmax[first..].par_chunks_mut(BLOCKS_A_TASK);
        let inputs = values.par_chunks(BLOCK * BLOCKS_A_TASK);
        inputs.zip(packed.zip(absmax)).for_each(|(values, (packed, absmax))| {
            quantise_blocks(values, packed, absmax);
        });
        match self.absmax[first..].iter().position(|scale| !scale.is_finite()) {
            None => Ok(()),
            Some(block) => {
                let in_block = &values[block * BLOCK..(block + 1) * BLOCK];
                let index = in_block.iter().position(|value| !value.is_finite()).unwrap_or(0);
                Err(Nf4Error::NotFinite { element: (first + block) * BLOCK + index })
            }
        }
    }

    /// Ends the matrix: quantises the scales.
    ///
    /// # Errors
    /// [`Nf4Error::Ragged`] when elements are missing.
    pub fn finish(self, rule: CodeRule) -> Result<Nf4Weight, Nf4Error> {
        let Self { packed, absmax, shape, precision } = self;
        if packed.len() * 2 != shape[0] * shape[1] {
            return Err(Nf4Error::Ragged { shape });
        }
        Ok(Nf4Weight { packed, absmax: Absmax::double_quantise(&absmax, rule), shape, precision })
    }
}
