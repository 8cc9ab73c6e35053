//! Double quantisation: the f32 `absmax` of every block, itself quantised to 8 bits.
//!
//! Used by [`super::Nf4Weight`]; saves 0.37 bit an element. `absmax = map[q] * nested + offset`, an f32
//! multiplication and then an f32 addition: a fused multiply-add would differ in the last bit.

use super::table::{DYNAMIC_MAP, NESTED_BLOCK};

/// One scale for each block of 64 elements.
#[derive(Debug, Clone, PartialEq)]
pub enum Absmax {
    /// Plain f32 scales (a checkpoint without `bnb_4bit_use_double_quant`).
    Plain(Vec<f32>),
    /// Scales quantised with the dynamic 8-bit map.
    Quantised {
        /// Index into the dynamic map, one a block.
        codes: Vec<u8>,
        /// Largest magnitude of `absmax - offset` in each run of 256 blocks.
        nested: Vec<f32>,
        /// Mean of all `absmax`.
        offset: f32,
    },
}

impl Absmax {
    /// Quantises block scales the way bitsandbytes does with `compress_statistics=True`, choosing the
    /// 8-bit code by the CUDA rule. The mean is accumulated in f64: bitsandbytes' own result depends on
    /// the device's reduction order in its last bit.
    pub fn double_quantise(absmax: &[f32]) -> Self {
        let sum: f64 = absmax.iter().map(|value| f64::from(*value)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a count of blocks is far below 2^52")]
        let offset = (sum / absmax.len() as f64) as f32;
        let mut codes = Vec::with_capacity(absmax.len());
        let mut nested = Vec::with_capacity(absmax.len().div_ceil(NESTED_BLOCK));
        for run in absmax.chunks(NESTED_BLOCK) {
            let largest = run.iter().fold(0.0f32, |largest, value| largest.max((value - offset).abs()));
            let reciprocal = 1.0 / largest;
            codes.extend(run.iter().map(|value| dynamic_code((value - offset) * reciprocal)));
            nested.push(largest);
        }
        Self::Quantised { codes, nested, offset }
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        match self {
            Self::Plain(values) => values.len(),
            Self::Quantised { codes, .. } => codes.len(),
        }
    }

    /// Whether there are no blocks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Scale of one block.
    #[inline]
    pub fn get(&self, block: usize) -> f32 {
        match self {
            Self::Plain(values) => values[block],
            Self::Quantised { codes, nested, offset } => {
                DYNAMIC_MAP[usize::from(codes[block])] * nested[block / NESTED_BLOCK] + offset
            }
        }
    }

    /// Bytes kept in memory.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Plain(values) => size_of_val(values.as_slice()),
            Self::Quantised { codes, nested, .. } => {
                codes.len() + size_of_val(nested.as_slice()) + size_of::<f32>()
            }
        }
    }
}

/// Index of the nearest dynamic-map value: bitsandbytes' `dQuantize<0>` (csrc/kernels.cu), a binary
/// search followed by one comparison with the midpoint to the neighbour. NaN (every `absmax` of the run
/// equals the offset, 0 * inf) fails every comparison and gives 0, which nested `absmax` 0 cancels.
pub fn dynamic_code(x: f32) -> u8 {
    let (mut pivot, mut lower_pivot, mut upper_pivot) = (127usize, 0usize, 255usize);
    let mut step = 64;
    while step > 0 {
        if x > DYNAMIC_MAP[pivot] {
            lower_pivot = pivot;
            pivot += step;
        } else {
            upper_pivot = pivot;
            pivot -= step;
        }
        step >>= 1;
    }
    let value = DYNAMIC_MAP[pivot];
    let nearest = if x > value {
        if x > (DYNAMIC_MAP[upper_pivot] + value) * 0.5 { upper_pivot } else { pivot }
    } else if x < (DYNAMIC_MAP[lower_pivot] + value) * 0.5 {
        lower_pivot
    } else {
        pivot
    };
    #[expect(clippy::cast_possible_truncation, reason = "an index into 256 entries")]
    let code = nearest as u8;
    code
}
