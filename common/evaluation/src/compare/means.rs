//! Means of what is measured of each item, with a bootstrap by case. Used by `scores` and `pair`.
//! Invariants: a mean is over the items that have the figure, and says over how many; cases without a value
//! are left out first, and of those that are left the same seed draws the same for every model.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::judge::{Figure, Outcome};
use crate::statistics::{Cluster, bootstrap};
use crate::suite::Suite;

/// A mean over items with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// The interval's lower end: a bootstrap of the cases.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Over how many items.
    pub of: u64,
}

/// One measure of one model's answers, or the difference of two models in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measure {
    /// What is measured.
    pub figure: Figure,
    /// Its mean.
    #[serde(flatten)]
    pub mean: Mean,
}

/// The items of each case, by their place.
pub(super) fn cases(suite: &Suite) -> Vec<Vec<usize>> {
    let mut shared: BTreeMap<&str, usize> = BTreeMap::new();
    let mut cases: Vec<Vec<usize>> = Vec::new();
    for (place, item) in suite.items.iter().enumerate() {
        match item.case.as_deref() {
            None => cases.push(vec![place]),
            Some(case) => {
                let at = *shared.entry(case).or_insert(cases.len());
                if at == cases.len() {
                    cases.push(Vec::new());
                }
                cases[at].push(place);
            }
        }
    }
    cases
}

/// The values of the items, by the cases that they are of; cases without a value are left out.
pub(super) fn clusters(cases: &[Vec<usize>], value: &dyn Fn(usize) -> Option<f64>) -> Vec<Cluster> {
    let cluster = |places: &Vec<usize>| {
        let values: Vec<f64> = places.iter().filter_map(|place| value(*place)).collect();
        Cluster { difference: values.iter().sum(), items: values.len() as u64 }
    };
    cases.iter().map(cluster).filter(|cluster| cluster.items > 0).collect()
}

/// The mean of what the items have; nothing where none has it.
pub(super) fn mean(cases: &[Vec<usize>], seed: u64, value: &dyn Fn(usize) -> Option<f64>) -> Option<Mean> {
    let clusters = clusters(cases, value);
    let of: u64 = clusters.iter().map(|cluster| cluster.items).sum();
    if of == 0 {
        return None;
    }
    let mean = clusters.iter().map(|cluster| cluster.difference).sum::<f64>() / of as f64;
    let drawn = bootstrap(&clusters, seed);
    Some(Mean { mean, low: drawn.low.min(mean), high: drawn.high.max(mean), of })
}

/// The figures that some outcome has, in the order in which they are shown.
pub(super) fn kinds(outcomes: &[Outcome]) -> Vec<Figure> {
    let mut kinds: Vec<Figure> =
        outcomes.iter().flat_map(|outcome| outcome.figures.iter().map(|(figure, _)| *figure)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// One figure of one item.
pub(super) fn figure(outcome: Option<&Outcome>, wanted: Figure) -> Option<f64> {
    outcome?.figures.iter().find(|(figure, _)| *figure == wanted).map(|(_, value)| *value)
}
