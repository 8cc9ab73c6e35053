//! Which updates are far from the others: how large each site's change of the last adapter is, and whether it
//! points where the others' changes point. Called by `aggregate`. Invariants: read in blocks, so that memory
//! does not grow with the adapter, once over each update beside the pass that takes the mean, so that the
//! cost is linear in the sites; each site is compared with the others only, each of which counts alike, so
//! that a huge update does not hide itself nor accuse the rest.

use common::id::SiteId;

use super::error::AggregateError;
use super::inputs::Averaging;
use super::lanes;
use super::panels::Block;
use crate::limits::{OUTLIER_COSINE_MIN, OUTLIER_NORM_FACTOR_MAX};
use crate::round::state::Outlier;

/// The updates that are far from the others, in site order. `norms` are those of the changes.
pub(super) fn find(of: Averaging<'_>, norms: &[f64]) -> Result<Vec<Outlier>, AggregateError> {
    let mut directions = Directions::of(norms.to_vec());
    let blocks = of.blocks;
    let work = |scratch: &mut Scratch, piece: usize| scratch.add(of, norms, blocks.list[piece]);
    blocks.pieces(of.threads).in_order(Scratch::default, work, |block| {
        directions.add(&block);
        Ok(())
    })?;
    let sites: Vec<SiteId> = of.readers.iter().map(|(site, _)| site.clone()).collect();
    Ok(directions.judge(&sites))
}

/// What a thread needs for one block.
#[derive(Debug, Default)]
struct Scratch {
    before: Vec<f32>,
    /// Every site's values, one site after the other.
    values: Vec<f32>,
    sum: Vec<f64>,
}

/// One block's part of [`Directions`].
#[derive(Debug)]
struct OfBlock {
    along: Vec<f64>,
    squared: f64,
}

impl Scratch {
    fn add(&mut self, of: Averaging<'_>, norms: &[f64], block: Block) -> Result<OfBlock, AggregateError> {
        of.read(block, &mut self.before, &mut self.values)?;
        Ok(self.directions(norms))
    }

    /// Of the values that were read.
    fn directions(&mut self, norms: &[f64]) -> OfBlock {
        let Self { before, values, sum } = self;
        let changes = |values: &[f32]| -> Vec<f64> {
            values.iter().zip(&*before).map(|(now, last)| f64::from(*now) - f64::from(*last)).collect()
        };
        sum.clear();
        sum.resize(before.len(), 0.0);
        for (values, norm) in values.chunks_exact(before.len()).zip(norms).filter(|(_, norm)| **norm > 0.0) {
            sum.iter_mut().zip(changes(values)).for_each(|(sum, change)| *sum += change / norm);
        }
        let along = values.chunks_exact(before.len()).zip(norms).map(|(values, norm)| {
            let product = || lanes::sum(&changes(values), sum, |change, sum| change * sum) / norm;
            if *norm > 0.0 { product() } else { 0.0 }
        });
        OfBlock { along: along.collect(), squared: lanes::sum(sum, sum, |left, right| left * right) }
    }
}

/// Where each change points. With u_i the change scaled to norm 1 (zero where nothing changed)
/// and S their sum, the others of i sum to S - u_i, so that their cosine with u_i needs u_i . S and S . S
/// only, and no product of a pair.
struct Directions {
    norms: Vec<f64>,
    /// u_i . S
    along: Vec<f64>,
    /// S . S
    squared: f64,
}

impl Directions {
    fn of(norms: Vec<f64>) -> Self {
        Self { along: vec![0.0; norms.len()], squared: 0.0, norms }
    }

    fn add(&mut self, block: &OfBlock) {
        self.along.iter_mut().zip(&block.along).for_each(|(sum, along)| *sum += along);
        self.squared += block.squared;
    }

    fn judge(&self, sites: &[SiteId]) -> Vec<Outlier> {
        let judged = sites.iter().enumerate().map(|(index, site)| Outlier {
            site: site.clone(),
            norm_factor: norm_factor(&self.norms, index),
            cosine: self.cosine(index),
        });
        judged
            .filter(|site| site.norm_factor > OUTLIER_NORM_FACTOR_MAX || site.cosine < OUTLIER_COSINE_MIN)
            .collect()
    }

    /// The cosine between a change and the sum of the others' changes, each scaled to norm 1; 0 where one
    /// vanishes.
    fn cosine(&self, index: usize) -> f64 {
        let own = if self.norms[index] > 0.0 { 1.0 } else { 0.0 };
        let (along, squared) = (self.along[index] - own, self.squared - 2.0 * self.along[index] + own);
        // Rounding leaves some 1e-16 per site where the others cancel; so short a sum has no direction.
        if squared > VANISHES { along / squared.sqrt() } else { 0.0 }
    }
}

/// Below this, the squared norm of a sum of unit vectors counts as zero.
const VANISHES: f64 = 1e-9;

/// The norm of a change over the median of the others' norms.
fn norm_factor(norms: &[f64], index: usize) -> f64 {
    let mut others: Vec<f64> =
        norms.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, norm)| *norm).collect();
    others.sort_by(f64::total_cmp);
    let middle = others.len() / 2;
    let median = if others.len().is_multiple_of(2) {
        (others[middle - 1] + others[middle]) / 2.0
    } else {
        others[middle]
    };
    // Where the others did not move at all, any change is far away; a journal has no word for infinity.
    let factor = if norms[index] > 0.0 { norms[index] / median } else { 0.0 };
    if factor.is_finite() { factor } else { f64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges changes given as vectors, in two blocks, as a file is read.
    fn far(changes: &[[f32; 4]]) -> Vec<String> {
        let sites: Vec<SiteId> = (0..changes.len()).map(|i| format!("site-{i}").parse().unwrap()).collect();
        let norm =
            |change: &[f32; 4]| change.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let norms: Vec<f64> = changes.iter().map(norm).collect();
        let mut directions = Directions::of(norms.clone());
        for range in [0..1, 1..4] {
            let values = changes.iter().flat_map(|change| change[range.clone()].to_vec()).collect();
            let mut scratch = Scratch { before: vec![0.0; range.len()], values, sum: Vec::new() };
            directions.add(&scratch.directions(&norms));
        }
        directions.judge(&sites).into_iter().map(|outlier| outlier.site.to_string()).collect()
    }

    const HONEST: [[f32; 4]; 3] = [[1.0, 0.2, 0.0, 0.1], [0.9, -0.2, 0.3, 0.0], [1.1, 0.0, -0.3, 0.1]];

    #[test]
    fn a_huge_and_an_opposite_change_are_named_and_honest_ones_are_not() {
        assert_eq!(far(&HONEST), Vec::<String>::new());
        let with = |odd: [f32; 4]| far(&[HONEST[0], odd, HONEST[1], HONEST[2]]);
        assert_eq!(with([900.0, 0.0, 0.0, 0.0]), ["site-1"], "huge, in the right direction");
        assert_eq!(with([-1.0, 0.0, 0.0, 0.0]), ["site-1"], "as large as the others, backwards");
        assert_eq!(with([-900.0, 0.0, 0.0, 0.0]), ["site-1"], "both, and it accuses nobody else");
        assert_eq!(with([0.0; 4]), Vec::<String>::new(), "no change harms nobody");
        assert_eq!(with([0.0, 0.0, 0.0, 2.0]), Vec::<String>::new(), "other records, another direction");
    }

    #[test]
    fn where_nobody_else_moved_a_change_is_far() {
        let zero = [0.0; 4];
        assert_eq!(far(&[zero, zero, [1.0, 0.0, 0.0, 0.0]]), ["site-2"]);
        assert_eq!(far(&[zero, zero, zero]), Vec::<String>::new());
    }
}
