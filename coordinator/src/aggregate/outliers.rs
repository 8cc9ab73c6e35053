//! Which updates are far from the others: how large each site's change of the last adapter is, and whether it
//! points where the others' changes point. Called by `aggregate`. Invariants: read in blocks, so that memory
//! does not grow with the adapter, twice over each update, so that the cost is linear in the sites; each site
//! is compared with the others only, each of which counts alike, so that a huge update does not hide itself
//! nor accuse the rest.

use common::adapter::AdapterReader;
use common::id::SiteId;
use common::run::TensorSpec;

use super::error::AggregateError;
use super::panels::{BLOCK_ELEMENTS, Reader, panels};
use crate::limits::{OUTLIER_COSINE_MIN, OUTLIER_NORM_FACTOR_MAX, OUTLIER_SITES_MIN};
use crate::round::state::Outlier;

/// The updates that are far from the others, in site order; none where there are too few to compare.
pub(super) fn find(
    readers: &[Reader],
    last: &AdapterReader,
    tensors: &[TensorSpec],
) -> Result<Vec<Outlier>, AggregateError> {
    if readers.len() < OUTLIER_SITES_MIN {
        return Ok(Vec::new());
    }
    let mut norms = Norms::of(readers.len());
    each_block(readers, last, tensors, |changes| norms.add(changes))?;
    let mut directions = Directions::of(norms.finish());
    each_block(readers, last, tensors, |changes| directions.add(changes))?;
    let sites: Vec<SiteId> = readers.iter().map(|(site, _)| site.clone()).collect();
    Ok(directions.judge(&sites))
}

/// Calls `each` with every site's change of the last adapter, a block at a time.
fn each_block(
    readers: &[Reader],
    last: &AdapterReader,
    tensors: &[TensorSpec],
    mut each: impl FnMut(&[Vec<f64>]),
) -> Result<(), AggregateError> {
    for (index, spec) in tensors.iter().enumerate() {
        let elements = spec.shape[0] * spec.shape[1];
        for first in (0..elements).step_by(BLOCK_ELEMENTS) {
            let count = BLOCK_ELEMENTS.min(elements - first);
            let mut before = vec![0.0; count];
            last.read(index, first, &mut before).map_err(AggregateError::Last)?;
            let change = |panel: Vec<f32>| -> Vec<f64> {
                panel.iter().zip(&before).map(|(now, last)| f64::from(*now) - f64::from(*last)).collect()
            };
            let changes: Vec<_> = panels(readers, index, first, count)?.into_iter().map(change).collect();
            each(&changes);
        }
    }
    Ok(())
}

/// First pass: how large each change is.
struct Norms(Vec<f64>);

impl Norms {
    fn of(sites: usize) -> Self {
        Self(vec![0.0; sites])
    }

    fn add(&mut self, changes: &[Vec<f64>]) {
        for (squared, change) in self.0.iter_mut().zip(changes) {
            *squared += change.iter().map(|value| value * value).sum::<f64>();
        }
    }

    fn finish(self) -> Vec<f64> {
        self.0.into_iter().map(f64::sqrt).collect()
    }
}

/// Second pass: where each change points. With u_i the change scaled to norm 1 (zero where nothing changed)
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

    fn add(&mut self, changes: &[Vec<f64>]) {
        let mut sum = vec![0.0; changes.first().map_or(0, Vec::len)];
        for (change, norm) in changes.iter().zip(&self.norms).filter(|(_, norm)| **norm > 0.0) {
            sum.iter_mut().zip(change).for_each(|(sum, value)| *sum += value / norm);
        }
        self.squared += sum.iter().map(|value| value * value).sum::<f64>();
        let sites = self.along.iter_mut().zip(changes).zip(&self.norms);
        for ((along, change), norm) in sites.filter(|(_, norm)| **norm > 0.0) {
            *along += change.iter().zip(&sum).map(|(value, sum)| value / norm * sum).sum::<f64>();
        }
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

    /// Judges changes given as vectors.
    fn far(changes: &[[f64; 4]]) -> Vec<String> {
        let sites: Vec<SiteId> = (0..changes.len()).map(|i| format!("site-{i}").parse().unwrap()).collect();
        // In two blocks, as a file is read.
        let block = |range: std::ops::Range<usize>| -> Vec<Vec<f64>> {
            changes.iter().map(|change| change[range.clone()].to_vec()).collect()
        };
        let (mut norms, blocks) = (Norms::of(changes.len()), [block(0..1), block(1..4)]);
        blocks.iter().for_each(|block| norms.add(block));
        let mut directions = Directions::of(norms.finish());
        blocks.iter().for_each(|block| directions.add(block));
        directions.judge(&sites).into_iter().map(|outlier| outlier.site.to_string()).collect()
    }

    const HONEST: [[f64; 4]; 3] = [[1.0, 0.2, 0.0, 0.1], [0.9, -0.2, 0.3, 0.0], [1.1, 0.0, -0.3, 0.1]];

    #[test]
    fn a_huge_and_an_opposite_change_are_named_and_honest_ones_are_not() {
        assert_eq!(far(&HONEST), Vec::<String>::new());
        let with = |odd: [f64; 4]| far(&[HONEST[0], odd, HONEST[1], HONEST[2]]);
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
