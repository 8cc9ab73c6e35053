//! What the operator should know of a run, a sentence each. Called by `admin::report`. Invariants: a site
//! that does not count is named, with the reason; the list is bounded, however many rounds there are.

use std::collections::BTreeMap;

use cli::duration::span;
use common::id::SiteId;

use super::reason::Reason;
use super::veto;
use crate::limits::REPORT_WARNINGS_MAX;
use crate::round::alone;
use crate::round::baseline::{Baseline, HeldOut};
use crate::round::measured::{Forgotten, SuiteOutcome};
use crate::round::state::{Outlier, RoundRecord, RunState, Score};
use crate::round::weight;

/// Runs of rounds that are named of one site and reason; of more, the first.
const RANGES_SHOWN: usize = 6;

/// All of a run; of too many, the last.
pub(super) fn of_run(state: &RunState) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut note = |what: String, score: &Option<Score>| {
        if let Some(Score::Unevaluated { reason }) = score {
            warnings.push(format!("{what} is not evaluated: {reason}"));
        }
    };
    for record in &state.rounds {
        note(format!("round {}", record.round), &record.score);
    }
    warnings.extend(state.rounds.iter().flat_map(|record| weight::warnings(state, record)));
    for record in &state.rounds {
        warnings.extend(record.outliers.iter().map(|outlier| outlier_warning(record, outlier)));
    }
    warnings.extend(state.rounds.iter().filter_map(veto::warning));
    warnings.extend(state.revoked.iter().map(|site| format!("site {site} was revoked during the run")));
    warnings.extend(state.rounds.iter().filter_map(extended));
    warnings.extend(state.stops_after.map(|round| format!("an operator has it end after round {round}")));
    warnings.extend(missing(state));
    // Last, because of too many the first go.
    let mut note = |what: &str, score: &Option<Score>| {
        if let Some(Score::Unevaluated { reason }) = score {
            warnings.push(format!("{what} is not evaluated: {reason}"));
        }
    };
    note("the base model", &state.base);
    let of_test = if alone::is_alone(state) {
        "what each site trained alone, on the test set,"
    } else {
        "the final model on the test set"
    };
    note(of_test, &state.test.federated);
    warnings.extend(unmeasured(state));
    warnings.extend(unasked(state));
    let more = warnings.len().saturating_sub(REPORT_WARNINGS_MAX);
    if more > 0 {
        warnings.drain(..=more);
        warnings.insert(0, format!("{} more warnings are not shown", more + 1));
    }
    warnings
}

/// What sites trained alone and could not be measured.
fn unmeasured(state: &RunState) -> impl Iterator<Item = String> {
    let sets = [(HeldOut::Validation, "validation"), (HeldOut::Test, "test")];
    sets.into_iter().flat_map(|(set, word)| {
        alone::measured(state, set).filter_map(move |(site, baseline)| match baseline {
            Some(Baseline::NotMeasured { reason }) => {
                Some(format!("what site {site} trained alone is not measured on the {word} set: {reason}"))
            }
            _ => None,
        })
    })
}

/// What was not measured beside the run, and how it is made up for.
fn unasked(state: &RunState) -> impl Iterator<Item = String> {
    let run = state.launched.run;
    let suites =
        (0..).zip(&state.launched.suites).filter_map(move |(at, suite)| match state.suites.get(&at) {
            Some(SuiteOutcome::NotMeasured { reason }) => Some(format!(
                "the suite {} was not asked: {reason}; `coordinator evaluate {run} --suite {}` asks it",
                suite.name,
                suite.file.path.display()
            )),
            _ => None,
        });
    let forgotten = match &state.forgotten {
        Some(Forgotten::NotMeasured { reason }) => {
            Some(format!("what the model forgot was not measured: {reason}"))
        }
        _ => None,
    };
    suites.chain(forgotten)
}

/// That an operator gave a round more time.
fn extended(record: &RoundRecord) -> Option<String> {
    let by = (!record.extension.is_none()).then(|| span(record.extension.deadline_ms as f64 / 1000.0))?;
    Some(format!("round {}: an operator moved its deadline by {by}", record.round))
}

/// Who did not count, why, and when: a sentence for each site and reason.
fn missing(state: &RunState) -> Vec<String> {
    let mut rounds: BTreeMap<(&SiteId, Reason), Vec<u32>> = BTreeMap::new();
    let mut words: BTreeMap<Reason, String> = BTreeMap::new();
    for record in &state.rounds {
        for (site, why) in &record.missing {
            words.entry(why.into()).or_insert_with(|| why.to_string());
            rounds.entry((site, why.into())).or_default().push(record.round.0);
        }
    }
    let sentence = |((site, reason), rounds): ((&SiteId, Reason), Vec<u32>)| {
        let word = if rounds.len() == 1 { "round" } else { "rounds" };
        let why = words.get(&reason).cloned().unwrap_or_default();
        format!("site {site} does not count in {word} {}: {why}", ranges(&rounds))
    };
    rounds.into_iter().map(sentence).collect()
}

/// `1-3, 5`: rounds in ascending order.
fn ranges(rounds: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &round in rounds {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == round => *last = round,
            _ => ranges.push((round, round)),
        }
    }
    let shown = ranges.iter().take(RANGES_SHOWN);
    let mut text: Vec<String> = shown
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    if ranges.len() > RANGES_SHOWN {
        text.push(format!("... ({} in all)", rounds.len()));
    }
    text.join(", ")
}

fn outlier_warning(record: &RoundRecord, Outlier { site, norm_factor, cosine }: &Outlier) -> String {
    format!(
        "round {}: the update of site {site} is far from the others (its change is {norm_factor:.1} times as large, \
         with cosine {cosine:.2})",
        record.round
    )
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;
    use common::id::Round;

    use super::*;
    use crate::round::event::Event;
    use crate::round::missing::{Absence, Missing};
    use crate::round::scheduler::tests::launched_run;
    use crate::round::scheduler::{launch, step};

    #[test]
    fn rounds_are_named_in_ranges_and_the_list_ends() {
        assert_eq!(ranges(&[1, 2, 3, 5]), "1-3, 5");
        let odd: Vec<u32> = (0..100).map(|index| 2 * index + 1).collect();
        assert_eq!(ranges(&odd), "1, 3, 5, 7, 9, 11, ... (100 in all)");
    }

    #[test]
    fn a_site_that_does_not_count_is_named_once_for_each_reason() {
        let (mut state, _) = launch(launched_run(2, 1, 500), Timestamp(0));
        (state, _) = step(
            state,
            &Event::BaseScored { score: Score::Unevaluated { reason: "x".into() }, initial: None },
            Timestamp(0),
        );
        let mut first = state.rounds[0].clone();
        let site: SiteId = "site-1".parse().unwrap();
        state.rounds.clear();
        for round in 1..=500 {
            first.round = Round(round);
            let why = if round == 7 { Missing::Late } else { Missing::Absent(Absence::Offline) };
            first.missing.insert(site.clone(), why);
            first.score = Some(Score::Unevaluated { reason: "no file".into() });
            state.rounds.push(first.clone());
        }
        let warnings = of_run(&state);
        assert_eq!(warnings.len(), REPORT_WARNINGS_MAX);
        assert!(warnings[0].contains("more warnings"), "{}", warnings[0]);
        assert_eq!(warnings.last().unwrap(), "the base model is not evaluated: x");
        let named: Vec<_> = warnings.iter().filter(|text| text.contains("does not count")).collect();
        assert_eq!(
            named,
            [
                "site site-1 does not count in round 7: its update did not arrive in time",
                "site site-1 does not count in rounds 1-6, 8-500: it was offline",
            ]
        );
    }
}
