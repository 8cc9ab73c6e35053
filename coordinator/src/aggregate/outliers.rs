//! Which updates are far from the others: how large each site's change of the last adapter is, and whether it
//! points where the others' changes point. Called by `aggregate`. Invariants: read in blocks, so that memory
//! does not grow with the adapter; each site is compared with the others only, each of which counts alike, so
//! that a huge update does not hide itself nor accuse the rest.

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
    let products = products(readers, last, tensors)?;
    let sites: Vec<SiteId> = readers.iter().map(|(site, _)| site.clone()).collect();
    Ok(judge(&sites, &products))
}

/// Inner products of all changes: `[i][j]` for j <= i.
fn products(
    readers: &[Reader],
    last: &AdapterReader,
    tensors: &[TensorSpec],
) -> Result<Vec<Vec<f64>>, AggregateError> {
    let mut products: Vec<Vec<f64>> = (1..=readers.len()).map(|length| vec![0.0; length]).collect();
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
            for (row, left) in products.iter_mut().zip(&changes) {
                for (sum, right) in row.iter_mut().zip(&changes) {
                    *sum += left.iter().zip(right).map(|(x, y)| x * y).sum::<f64>();
                }
            }
        }
    }
    Ok(products)
}

fn judge(sites: &[SiteId], products: &[Vec<f64>]) -> Vec<Outlier> {
    let norms: Vec<f64> = products.iter().enumerate().map(|(i, row)| row[i].max(0.0).sqrt()).collect();
    let judged = sites.iter().enumerate().map(|(index, site)| Outlier {
        site: site.clone(),
        norm_factor: norm_factor(&norms, index),
        cosine: cosine(products, &norms, index),
    });
    judged
        .filter(|site| site.norm_factor > OUTLIER_NORM_FACTOR_MAX || site.cosine < OUTLIER_COSINE_MIN)
        .collect()
}

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

/// The cosine between a change and the sum of the others' changes, each scaled to norm 1; 0 where one
/// vanishes.
fn cosine(products: &[Vec<f64>], norms: &[f64], index: usize) -> f64 {
    let product = |i: usize, j: usize| products[i.max(j)][i.min(j)];
    let unit = |i: usize, j: usize| {
        let scale = norms[i] * norms[j];
        if scale > 0.0 { product(i, j) / scale } else { 0.0 }
    };
    let others: Vec<usize> = (0..norms.len()).filter(|&other| other != index).collect();
    let along: f64 = others.iter().map(|&other| unit(index, other)).sum();
    let squared: f64 =
        others.iter().flat_map(|&i| others.iter().map(move |&j| (i, j))).map(|(i, j)| unit(i, j)).sum();
    if squared > 0.0 { along / squared.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges changes given as vectors.
    fn far(changes: &[[f64; 4]]) -> Vec<String> {
        let sites: Vec<SiteId> = (0..changes.len()).map(|i| format!("site-{i}").parse().unwrap()).collect();
        let dot = |a: &[f64; 4], b: &[f64; 4]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let products: Vec<Vec<f64>> =
            (0..changes.len()).map(|i| (0..=i).map(|j| dot(&changes[i], &changes[j])).collect()).collect();
        judge(&sites, &products).into_iter().map(|outlier| outlier.site.to_string()).collect()
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
