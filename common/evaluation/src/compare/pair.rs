//! One model beside the base on the same items. Called by `compare`. Invariant: `better` and `worse` count
//! the items on which the two disagree, so that difference, tests and lists say the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arm::Arm;
use super::classes;
use super::means::{Mean, Measure, cases, clusters, figure, kinds, mean};
use super::scores::Share;
use crate::judge::Outcome;
use crate::statistics::{Cluster, Discordant, Interval, adjusted, bootstrap, no_event_bound};
use crate::suite::{GradedBy, Item, Suite};

/// The level of all tests.
const LEVEL: f64 = 0.05;

/// What a comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl Verdict {
    /// From the corrected p and the difference's 95 % interval; `may_praise` where nothing forbids to say
    /// that it is better, `is_not_worse` where the interval's lower end is above minus the margin.
    #[must_use]
    pub fn of(corrected_p: f64, interval: Interval, may_praise: bool, is_not_worse: bool) -> Self {
        if corrected_p < LEVEL && interval.low > 0.0 && may_praise {
            Self::Better
        } else if corrected_p < LEVEL && interval.high < 0.0 {
            Self::Worse
        } else if is_not_worse {
            Self::NotWorse
        } else {
            Self::NotShown
        }
    }
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
    /// How many of its items are known of both models: all, but for answers that nobody graded.
    pub compared: u64,
    /// Where answers are right in part: the means of both over these items; nothing where there is none.
    pub means: Option<[f64; 2]>,
}

/// One model beside the base.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What the model is called.
    pub name: String,
    /// Items that were wrong and are right now; where answers are right in part, that are more right.
    pub better: u64,
    /// Items that were right and are wrong now; where answers are right in part, that are less right.
    pub worse: u64,
    /// Over how many items: all, but for those of which an answer is not graded.
    pub compared: u64,
    /// How many are left out, for an answer of either model is not graded. Better, or not worse, is then
    /// not shown.
    pub left_out: u64,
    /// The difference of the shares that are right; of the mean scores where answers are right in part. 0
    /// where none is compared.
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
    /// How many points worse still count as not worse, as a share.
    pub margin: f64,
    /// Whether it is shown that the model is not worse by more than the margin: the interval's lower end is
    /// above minus it. Never where a model graded, or not every pair of answers is graded.
    pub is_not_worse: bool,
    /// What is shown.
    pub verdict: Verdict,
    /// Whether answers are right in part.
    pub graded: bool,
    /// Whether a model graded: better, or not worse, is then never shown, only worse.
    pub triage_only: bool,
    /// The difference of the macro-F1 of two models, where the suite's items all have the same answers.
    pub macro_f1: Option<Mean>,
    /// The differences in what else is measured, over the items that have it of both.
    pub figures: Vec<Measure>,
    /// By kind of item, the largest first; empty where the items have no kinds.
    pub groups: Vec<Group>,
    /// The lines of the items that were wrong and are right now.
    pub better_lines: Vec<u64>,
    /// The lines of the items that were right and are wrong now.
    pub worse_lines: Vec<u64>,
}

impl Comparison {
    /// Takes the corrected p, and concludes from it. A model as a grader can raise a doubt, not settle one,
    /// nor can grades of some of the answers, which may have been chosen.
    pub(super) fn correct(&mut self, corrected_p: f64) {
        self.corrected_p = corrected_p;
        let may_praise = !self.triage_only && self.left_out == 0;
        self.verdict = Verdict::of(corrected_p, self.interval, may_praise, self.is_not_worse);
    }
}

/// How much more right `arm` is on an item than `base`; nothing where that is not known of both.
fn change(suite: &Suite, base: &Arm, arm: &Arm, place: usize) -> Option<f64> {
    let value = |arm: &Arm| {
        let outcome = arm.outcomes.get(place);
        if suite.settings.score.is_graded() {
            return outcome?.credit;
        }
        Some(f64::from(u8::from(outcome.is_some_and(|outcome| outcome.right))))
    };
    Some(value(arm)? - value(base)?)
}

pub(super) fn compare(suite: &Suite, base: &Arm, arm: &Arm, seed: u64) -> Comparison {
    let change = |place: usize| change(suite, base, arm, place);
    let cases = cases(suite);
    let clusters = clusters(&cases, &change);
    let lines = |is: &dyn Fn(f64) -> bool| -> Vec<u64> {
        let changed = (0..).zip(&suite.items).filter(|(place, _)| change(*place).is_some_and(is));
        changed.map(|(_, item)| item.line).collect()
    };
    let (better_lines, worse_lines) = (lines(&|by| by > 0.0), lines(&|by| by < 0.0));
    let pair = Discordant { better: better_lines.len() as u64, worse: worse_lines.len() as u64 };
    let n: u64 = clusters.iter().map(|case| case.items).sum();
    let of = |is: &dyn Fn(&Cluster) -> bool| clusters.iter().filter(|case| is(case)).count() as u64;
    let signs =
        Discordant { better: of(&|case| case.difference > 0.0), worse: of(&|case| case.difference < 0.0) };
    let is_lost = |place: &usize| change(*place).is_some_and(|by| by < 0.0);
    let lost = cases.iter().filter(|items| items.iter().any(is_lost)).count() as u64;
    let adjusted = adjusted(&clusters);
    let drawn = bootstrap(&clusters, seed);
    let interval = Interval { low: drawn.low.min(adjusted.low), high: drawn.high.max(adjusted.high) };
    let margin = suite.settings.margin;
    let left_out = (suite.items.len() as u64).saturating_sub(n);
    let triage_only = suite.grades.as_ref().is_some_and(|grades| grades.by == GradedBy::Model);
    let mut comparison = Comparison {
        name: arm.name.clone(),
        better: pair.better,
        worse: pair.worse,
        compared: n,
        left_out,
        difference: clusters.iter().map(|case| case.difference).sum::<f64>() / n.max(1) as f64,
        interval,
        bootstrap: drawn,
        adjusted,
        exact_p: pair.exact_p(),
        mid_p: pair.mid_p(),
        by_case: cases.len() < suite.items.len(),
        case_p: signs.exact_p(),
        corrected_p: signs.exact_p(),
        became_wrong: Share::exact(lost, clusters.len() as u64),
        became_wrong_below: (lost == 0).then(|| no_event_bound(clusters.len() as u64)),
        margin,
        is_not_worse: interval.low > -margin && !triage_only && left_out == 0,
        verdict: Verdict::NotShown,
        graded: suite.settings.score.is_graded(),
        triage_only,
        macro_f1: classes::difference(suite, [base, arm], &cases, seed),
        figures: figures(&cases, &base.outcomes, &arm.outcomes, seed),
        groups: groups(suite, base, arm),
        better_lines,
        worse_lines,
    };
    comparison.correct(comparison.case_p);
    comparison
}

/// The paired differences in what else is measured.
fn figures(cases: &[Vec<usize>], base: &[Outcome], arm: &[Outcome], seed: u64) -> Vec<Measure> {
    let of = |kind| {
        let difference = |place: usize| Some(figure(arm.get(place), kind)? - figure(base.get(place), kind)?);
        Some(Measure { figure: kind, mean: mean(cases, seed, &difference)? })
    };
    kinds(arm).into_iter().filter_map(of).collect()
}

fn groups(suite: &Suite, base: &Arm, arm: &Arm) -> Vec<Group> {
    if suite.items.iter().all(|item| item.group.is_none()) {
        return Vec::new();
    }
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, item) in suite.items.iter().enumerate() {
        places.entry(name(item)).or_default().push(place);
    }
    let mut groups: Vec<Group> =
        places.into_iter().map(|(name, places)| group(suite, base, arm, name, &places)).collect();
    groups.sort_by(|a, b| b.base.of.cmp(&a.base.of).then_with(|| a.name.cmp(&b.name)));
    groups
}

fn group(suite: &Suite, base: &Arm, arm: &Arm, name: &str, places: &[usize]) -> Group {
    let right = |arm: &Arm, place: &usize| arm.outcomes.get(*place).is_some_and(|outcome| outcome.right);
    let count = |is: &dyn Fn(&usize) -> bool| places.iter().filter(|place| is(place)).count() as u64;
    let by = |place: &usize| change(suite, base, arm, *place);
    let pair = Discordant {
        better: count(&|place| by(place).is_some_and(|by| by > 0.0)),
        worse: count(&|place| by(place).is_some_and(|by| by < 0.0)),
    };
    let n = places.len() as u64;
    let both = || places.iter().filter(|place| by(place).is_some());
    let compared = both().count() as u64;
    let means = (suite.settings.score.is_graded() && compared > 0).then(|| {
        let credit = |arm: &Arm, place: &usize| arm.outcomes.get(*place).and_then(|outcome| outcome.credit);
        let mean = |arm: &Arm| both().filter_map(|place| credit(arm, place)).sum::<f64>() / compared as f64;
        [mean(base), mean(arm)]
    });
    Group {
        name: name.to_owned(),
        base: Share::wilson(count(&|place| right(base, place)), n),
        arm: Share::wilson(count(&|place| right(arm, place)), n),
        better: pair.better,
        worse: pair.worse,
        exact_p: pair.exact_p(),
        compared,
        means,
    }
}

fn name(item: &Item) -> &str {
    item.group.as_deref().unwrap_or_default()
}
