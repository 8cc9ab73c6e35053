//! The aggregation error of many sites, estimated by random signed sums. Called by `aggregation_error` for
//! each module.
//!
//! A probe folds the long side of each factor to [`FOLD`] places: every column of A gets a random sign and is
//! added to place (column mod `FOLD`), likewise every row of B. With S and T the two sign matrices, E[S S^T]
//! = I and E[T T^T] = I, therefore E||T^T X S||^2 = ||X||^2 for every matrix X: the squared norm of the
//! folded error, sum p_i (T^T B_i)(A_i S) - (T^T mean(B))(mean(A) S), is an unbiased estimate of the error's,
//! and so it is with the product. Folding is linear, so that each update is read once and nothing of it is
//! kept. Beside a vector of normal variates a fold has less variance at the same cost where the energy is
//! spread, and signs need no logarithm, in which machines differ.
//!
//! Where the energy is spread evenly over the `FOLD` places, the variance of one probe is at most (2 /
//! `FOLD`)(2 ||X^T X||^2 + ||X||^4 / `FOLD`); where it stands in one place it is up to 8 ||X||^4, and the
//! standard error that is printed says so, because it comes from the probes themselves. Spread evenly, the
//! standard deviation is half of what it estimates for one module of rank 1, and far less for many modules of
//! higher rank, whose signs are independent. Invariant: signs are bits of SHA-256 of seed, factor and place.

use common::id::Digest;

use super::factors::{Factor, Module, Places, SquaredNorms, Updates, read_lines};
use crate::aggregate::error::AggregateError;
use crate::aggregate::panels::Reader;
use crate::limits::ERROR_PROBES_MAX;

/// Places that a long side is folded to. With the probes it makes the 256 bits of one digest.
const FOLD: usize = 16;
const _: () = assert!(ERROR_PROBES_MAX * FOLD == 256, "one digest holds the signs of FOLD places");
/// Places that are read at once.
const AT_ONCE: usize = 1024;

/// One place's value in every fold.
type Row = [f64; FOLD];

/// What a thread needs: sums of the site at hand, and over all sites.
#[derive(Debug, Default)]
pub(super) struct Folds {
    signs: [Vec<Row>; 2],
    lines: Vec<f32>,
    wide: Vec<Row>,
    /// Of A and of B: for each probe the rank lines.
    own: [Vec<Row>; 2],
    mean: [Vec<Row>; 2],
    /// For each probe sum p_i (T^T B_i)(A_i S).
    product: Vec<[Row; FOLD]>,
}

/// The squared norms that each probe found, over one module or several.
#[derive(Debug, Clone, Default)]
pub(super) struct Probed(pub(super) Vec<SquaredNorms>);

impl Folds {
    /// The estimates of one module.
    pub(super) fn of_module(
        &mut self,
        updates: Updates<'_>,
        module: Module,
        seed: Digest,
    ) -> Result<Probed, AggregateError> {
        let lines = ERROR_PROBES_MAX * module.rank;
        for factor in [Factor::A, Factor::B] {
            self.signs[factor as usize] = signs(seed, factor, module.length(factor));
            self.mean[factor as usize] = vec![[0.0; FOLD]; lines];
        }
        self.product = vec![[[0.0; FOLD]; FOLD]; ERROR_PROBES_MAX];
        for (reader, weight) in updates.each() {
            for factor in [Factor::A, Factor::B] {
                self.fold(reader, module, factor)?;
                let (mean, own) = (&mut self.mean[factor as usize], &self.own[factor as usize]);
                mean.iter_mut().zip(own).for_each(|(mean, own)| add(mean, own, weight));
            }
            let [a, b] = &self.own;
            for (probe, product) in self.product.iter_mut().enumerate() {
                let range = probe * module.rank..(probe + 1) * module.rank;
                multiply(product, &b[range.clone()], &a[range], weight);
            }
        }
        let [a, b] = &self.mean;
        let norms = self.product.iter().enumerate().map(|(probe, product)| {
            let range = probe * module.rank..(probe + 1) * module.rank;
            let mut error = *product;
            multiply(&mut error, &b[range.clone()], &a[range], -1.0);
            SquaredNorms { exact: squared(product), error: squared(&error) }
        });
        Ok(Probed(norms.collect()))
    }

    /// Folds one factor of one site into `own`.
    fn fold(&mut self, reader: &Reader, module: Module, factor: Factor) -> Result<(), AggregateError> {
        let Self { signs, lines, wide, own, .. } = self;
        let (signs, own) = (&signs[factor as usize], &mut own[factor as usize]);
        own.clear();
        own.resize(ERROR_PROBES_MAX * module.rank, [0.0; FOLD]);
        let length = module.length(factor);
        let rows = length.div_ceil(FOLD);
        for first in (0..length).step_by(AT_ONCE) {
            let count = AT_ONCE.min(length - first);
            read_lines(reader, Places { module, factor, first, count }, lines)?;
            for (line, values) in lines.chunks_exact(count).enumerate() {
                widen(values, wide);
                for probe in 0..ERROR_PROBES_MAX {
                    let from = probe * rows + first / FOLD;
                    fold(&mut own[probe * module.rank + line], wide, &signs[from..from + wide.len()]);
                }
            }
        }
        Ok(())
    }
}

/// The signs of all places: for each probe its rows of `FOLD`.
fn signs(seed: Digest, factor: Factor, length: usize) -> Vec<Row> {
    let rows = length.div_ceil(FOLD);
    let mut signs = vec![[0.0; FOLD]; rows * ERROR_PROBES_MAX];
    for row in 0..rows {
        let mut text = seed.0.to_vec();
        text.push(factor as u8);
        text.extend((row as u64).to_le_bytes());
        let bits = Digest::of(&text).0;
        for probe in 0..ERROR_PROBES_MAX {
            for (place, sign) in signs[probe * rows + row].iter_mut().enumerate() {
                let bit = probe * FOLD + place;
                *sign = if bits[bit / 8] >> (bit % 8) & 1 == 0 { 1.0 } else { -1.0 };
            }
        }
    }
    signs
}

/// The values in f64, in rows; what is missing in the last row is zero.
fn widen(values: &[f32], wide: &mut Vec<Row>) {
    wide.clear();
    wide.extend(values.chunks(FOLD).map(|values| {
        let mut row = [0.0; FOLD];
        row.iter_mut().zip(values).for_each(|(wide, value)| *wide = f64::from(*value));
        row
    }));
}

fn fold(sums: &mut Row, values: &[Row], signs: &[Row]) {
    let mut own = *sums;
    for (values, signs) in values.iter().zip(signs) {
        for place in 0..FOLD {
            own[place] += values[place] * signs[place];
        }
    }
    *sums = own;
}

fn add(sums: &mut Row, values: &Row, weight: f64) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
}

/// product += weight (T^T B)(A S), of `rank` lines each.
fn multiply(product: &mut [Row; FOLD], b: &[Row], a: &[Row], weight: f64) {
    for (b, a) in b.iter().zip(a) {
        for (sums, b) in product.iter_mut().zip(b) {
            add(sums, a, weight * b);
        }
    }
}

fn squared(product: &[Row; FOLD]) -> f64 {
    product.iter().flatten().map(|value| value * value).sum()
}

impl Probed {
    /// Adds another module.
    pub(super) fn add(&mut self, module: &Self) {
        self.0.resize(module.0.len(), SquaredNorms::default());
        self.0.iter_mut().zip(&module.0).for_each(|(sum, more)| sum.add(*more));
    }

    /// The relative error and its standard error. With q the quotient of the two sums over the probes, each
    /// probe's error_j - q exact_j has mean zero; their spread is that of q, and half of q's relative spread
    /// is that of its root.
    pub(super) fn relative_error(&self) -> (f64, f64) {
        let mut sums = SquaredNorms::default();
        self.0.iter().for_each(|probe| sums.add(*probe));
        let (value, count) = (sums.relative_error(), self.0.len() as f64);
        if value == 0.0 || count < 2.0 {
            return (value, 0.0);
        }
        let quotient = value * value;
        let spread = self.0.iter().map(|probe| (probe.error - quotient * probe.exact).powi(2)).sum::<f64>();
        let of_quotient = (spread * count / (count - 1.0)).sqrt() / sums.exact;
        (value, of_quotient / (2.0 * value))
    }
}
