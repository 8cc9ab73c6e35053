//! One model beside the base on the same items. Called by `compare`. Invariant: `better` and `worse` count
//! the items on which the two disagree, so that difference, tests and lists say the same.

use std::collections::BTreeMap;

use serde::Serialize;

use super::arm::Arm;
use super::scores::Share;
use crate::statistics::{Cluster, Discordant, Interval, adjusted, bootstrap, no_event_bound};
use crate::suite::{Item, Suite};

/// The level of all tests.
const LEVEL: f64 = 0.05;

/// What a comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Surely better: the corrected p is below 5 %, and the interval above 0.
    Better,
    /// Surely worse: the same on the other side.
    Worse,
    /// Not surely different, and by its own interval, which is not corrected for the number of comparisons,
    /// not worse by more than the margin.
    NotWorse,
    /// Nothing is shown.
    NotShown,
}

/// One kind of items.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Its name; empty for the items that have none.
    pub name: String,
    /// The base's score.
    pub base: Share,
    /// The other model's.
    pub arm: Share,
    /// Wrong before, right now.
    pub better: u64,
    /// Right before, wrong now.
    pub worse: u64,
    /// McNemar's exact p, not corrected: groups are looked at, not tested.
    pub exact_p: f64,
}

/// One model beside the base.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What the model is called.
    pub name: String,
    /// Items that were wrong and are right now.
    pub better: u64,
    /// Items that were right and are wrong now.
    pub worse: u64,
    /// The difference of the shares that are right.
    pub difference: f64,
    /// Its 95 % interval: as wide as the next two together.
    pub interval: Interval,
    /// By a bootstrap of the cases; of width 0 where all cases say the same.
    pub bootstrap: Interval,
    /// By Agresti and Min's formula, each case counted once.
    pub adjusted: Interval,
    /// McNemar's exact p.
    pub exact_p: f64,
    /// McNemar's mid-p.
    pub mid_p: f64,
    /// Whether items share cases, so that the next four count cases and not items.
    pub by_case: bool,
    /// The exact p of the sign test on the cases, by whether more of their items became right or wrong;
    /// McNemar's where each item is a case.
    pub case_p: f64,
    /// The same, corrected over all comparisons of the report.
    pub corrected_p: f64,
    /// The share of all cases of which an item became wrong, with Clopper and Pearson's interval.
    pub became_wrong: Share,
    /// Where none did: the share is below this, one-sided with 95 %.
    pub became_wrong_below: Option<f64>,
    /// The margin, and whether the interval's lower end is above minus it.
    pub margin: f64,
    /// Whether it is shown that the model is not worse by more than the margin.
    pub is_not_worse: bool,
    /// What is shown.
    pub verdict: Verdict,
    /// By kind of item, the largest first; empty where the items have no kinds.
    pub groups: Vec<Group>,
    /// The lines of the items that were wrong and are right now.
    pub better_lines: Vec<u64>,
    /// The lines of the items that were right and are wrong now.
    pub worse_lines: Vec<u64>,
}

impl Comparison {
    /// Takes the corrected p, and concludes from it.
    pub(super) fn correct(&mut self, corrected_p: f64) {
        self.corrected_p = corrected_p;
        self.verdict = if corrected_p < LEVEL && self.interval.low > 0.0 {
            Verdict::Better
        } else if corrected_p < LEVEL && self.interval.high < 0.0 {
            Verdict::Worse
        } else if self.is_not_worse {
            Verdict::NotWorse
        } else {
            Verdict::NotShown
        };
    }
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

pub(super) fn compare(suite: &Suite, base: &Arm, arm: &Arm, seed: u64) -> Comparison {
    let change = |place: usize| {
        let right = |arm: &Arm| i8::from(arm.outcomes.get(place).is_some_and(|outcome| outcome.right));
        f64::from(right(arm) - right(base))
    };
    let cases = cases(suite);
    let clusters: Vec<Cluster> = cases
        .iter()
        .map(|items| Cluster {
            difference: items.iter().map(|place| change(*place)).sum(),
            items: items.len() as u64,
        })
        .collect();
    let lines = |wanted: f64| -> Vec<u64> {
        (0..)
            .zip(&suite.items)
            .filter(|(place, _)| change(*place) == wanted)
            .map(|(_, item)| item.line)
            .collect()
    };
    let (better_lines, worse_lines) = (lines(1.0), lines(-1.0));
    let pair = Discordant { better: better_lines.len() as u64, worse: worse_lines.len() as u64 };
    let n = suite.items.len() as u64;
    let of = |is: &dyn Fn(&Cluster) -> bool| clusters.iter().filter(|case| is(case)).count() as u64;
    let signs =
        Discordant { better: of(&|case| case.difference > 0.0), worse: of(&|case| case.difference < 0.0) };
    let lost = cases.iter().filter(|items| items.iter().any(|place| change(*place) < 0.0)).count() as u64;
    let adjusted = adjusted(&clusters);
    let drawn = bootstrap(&clusters, seed);
    let interval = Interval { low: drawn.low.min(adjusted.low), high: drawn.high.max(adjusted.high) };
    let margin = suite.settings.margin;
    let mut comparison = Comparison {
        name: arm.name.clone(),
        better: pair.better,
        worse: pair.worse,
        difference: (pair.better as f64 - pair.worse as f64) / n.max(1) as f64,
        interval,
        bootstrap: drawn,
        adjusted,
        exact_p: pair.exact_p(),
        mid_p: pair.mid_p(),
        by_case: cases.len() < suite.items.len(),
        case_p: signs.exact_p(),
        corrected_p: signs.exact_p(),
        became_wrong: Share::exact(lost, cases.len() as u64),
        became_wrong_below: (lost == 0).then(|| no_event_bound(cases.len() as u64)),
        margin,
        is_not_worse: interval.low > -margin,
        verdict: Verdict::NotShown,
        groups: groups(suite, base, arm),
        better_lines,
        worse_lines,
    };
    comparison.correct(comparison.case_p);
    comparison
}

fn groups(suite: &Suite, base: &Arm, arm: &Arm) -> Vec<Group> {
    if suite.items.iter().all(|item| item.group.is_none()) {
        return Vec::new();
    }
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, item) in suite.items.iter().enumerate() {
        places.entry(name(item)).or_default().push(place);
    }
    let mut groups: Vec<Group> = places
        .into_iter()
        .map(|(name, places)| {
            let right =
                |arm: &Arm, place: &usize| arm.outcomes.get(*place).is_some_and(|outcome| outcome.right);
            let count = |is: &dyn Fn(&usize) -> bool| places.iter().filter(|place| is(place)).count() as u64;
            let pair = Discordant {
                better: count(&|place| !right(base, place) && right(arm, place)),
                worse: count(&|place| right(base, place) && !right(arm, place)),
            };
            let n = places.len() as u64;
            Group {
                name: name.to_owned(),
                base: Share::wilson(count(&|place| right(base, place)), n),
                arm: Share::wilson(count(&|place| right(arm, place)), n),
                better: pair.better,
                worse: pair.worse,
                exact_p: pair.exact_p(),
            }
        })
        .collect();
    groups.sort_by(|a, b| b.base.of.cmp(&a.base.of).then_with(|| a.name.cmp(&b.name)));
    groups
}

fn name(item: &Item) -> &str {
    item.group.as_deref().unwrap_or_default()
}
