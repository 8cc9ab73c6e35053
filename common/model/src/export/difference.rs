//! How far written weights are from those that they stand for. Used by `gguf` and `quantise`, which fill it,
//! and told by the export's card. Invariant: the same weights give the same numbers on every machine, however
//! many cores it has: parts of a fixed size are added in order.

use rayon::prelude::*;

/// Values that a task adds up.
const PART: usize = 64 << 10;

/// Over the weights that were rounded; f64 sums.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Difference {
    values: u64,
    sum: f64,
    weights: f64,
    largest: f64,
}

impl Difference {
    /// Takes in a run of weights and what was written for them.
    pub(crate) fn add(&mut self, exact: &[f32], written: &[f32]) {
        let parts: Vec<Self> = exact
            .par_chunks(PART)
            .zip(written.par_chunks(PART))
            .map(|(exact, written)| {
                let mut part = Self::default();
                for (exact, written) in exact.iter().zip(written) {
                    let gap = (f64::from(*exact) - f64::from(*written)).abs();
                    part.sum += gap;
                    part.weights += f64::from(*exact).abs();
                    part.largest = part.largest.max(gap);
                }
                part.values = exact.len() as u64;
                part
            })
            .collect();
        for part in parts {
            self.values += part.values;
            self.sum += part.sum;
            self.weights += part.weights;
            self.largest = self.largest.max(part.largest);
        }
    }

    /// How many weights.
    #[must_use]
    pub const fn values(&self) -> u64 {
        self.values
    }

    /// Mean |difference|; 0 where there are no weights.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.values.max(1) as f64
    }

    /// Mean |weight| before rounding.
    #[must_use]
    pub fn mean_weight(&self) -> f64 {
        self.weights / self.values.max(1) as f64
    }

    /// The largest |difference|.
    #[must_use]
    pub const fn largest(&self) -> f64 {
        self.largest
    }
}
