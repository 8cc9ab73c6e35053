//! Double quantisation: the f32 `absmax` of every block, itself quantised to 8 bits.
//!
//! Used by [`super::Nf4Weight`]; saves 0.37 bit an element. `absmax = map[q] * nested + offset`, an f32
//! multiplication and then an f32 addition: a fused multiply-add would differ in the last bit.

use rayon::prelude::*;

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

/// Which of bitsandbytes' two ways of choosing the 8-bit code of a scale. They differ by one code for
/// about one block in 600 (measured on the reference vectors).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRule {
    /// What its GPU kernels do, and what we quantise with.
    Cuda,
    /// What its CPU path does: the value is first rounded to one of 65,536 steps.
    Cpu,
}

impl Absmax {
    /// Quantises block scales the way bitsandbytes does with `compress_statistics=True`, choosing the
    /// 8-bit code by `rule`. The mean is accumulated in f64: bitsandbytes' own result depends on
    /// the device's reduction order in its last bit.
    pub fn double_quantise(absmax: &[f32], rule: CodeRule) -> Self {
        let sum: f64 = absmax.iter().map(|value| f64::from(*value)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a count of blocks is far below 2^52")]
        let offset = (sum / absmax.len() as f64) as f32;
        let code = match rule {
            CodeRule::Cuda => dynamic_code,
            CodeRule::Cpu => dynamic_code_cpu,
        };
        let mut codes = vec![0; absmax.len()];
        let runs = codes.par_chunks_mut(NESTED_BLOCK).zip(absmax.par_chunks(NESTED_BLOCK));
        let nested = runs.map(|(codes, run)| {
            let largest = run.iter().fold(0.0f32, |largest, value| largest.max((value - offset).abs()));
            let reciprocal = 1.0 / largest;
            for (slot, value) in codes.iter_mut().zip(run) {
                *slot = code((value - offset) * reciprocal);
            }
            largest
        });
        let nested = nested.collect();
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

    /// Scales of the blocks from `start` on.
    pub fn range(&self, start: usize, out: &mut [f32]) {
        match self {
            Self::Plain(values) => out.copy_from_slice(&values[start..start + out.len()]),
            Self::Quantised { codes, nested, offset } => {
                let codes = &codes[start..start + out.len()];
                for (index, (slot, code)) in out.iter_mut().zip(codes).enumerate() {
                    *slot = DYNAMIC_MAP[usize::from(*code)] * nested[(start + index) / NESTED_BLOCK] + offset;
                }
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

/// The code that bitsandbytes' CPU path gives (csrc/cpu_ops.cpp, `norm_to_lut_index` and
/// `build_quantize_lut`): of the nearest of 65,536 steps, how many midpoints lie below it.
pub fn dynamic_code_cpu(x: f32) -> u8 {
    const STEPS: f32 = 65_535.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 65,535.5")]
    let index = ((x.clamp(-1.0, 1.0) + 1.0) * 0.5 * STEPS + 0.5) as u16;
    let value = -1.0 + (2.0 * f32::from(index)) / STEPS;
    let below = DYNAMIC_MAP.array_windows().filter(|[left, right]| 0.5 * (left + right) < value).count();
    #[expect(clippy::cast_possible_truncation, reason = "an index into 256 entries")]
    let code = below as u8;
    code
}
