//! What came out of a run, in a few plain sentences. Used by `html` and `table`, so that the two cannot
//! disagree.

use common::language::Language;
use serde_json::Value;

use super::baselines::words as b;
use super::document::Report;
use super::{baselines, format, words as w};
use crate::admin::report::baselines::SideBySide;
use crate::admin::report::own_scores::OwnScoresReport;

/// What happened, what came out on how many questions, how sure that is, and what left the hospitals.
pub fn sentences(report: &Report, language: Language) -> Vec<String> {
    let mut said = vec![happened(report, language)];
    let test = &report.test;
    match test.change.zip(test.questions) {
        Some((change, questions)) => {
            let word = if change <= 0.0 { w::VERDICT_LOWER } else { w::VERDICT_HIGHER };
            let (questions, size) = (format::grouped(questions), format!("{:.1} %", change.abs() * 100.0));
            said.push(word.with(language, &[&questions, &size]));
            said.push(certainty(report, language));
            let is_compared = report.provenance.overlap;
            said.push(if is_compared { w::COMPARED } else { w::NOT_COMPARED }.get(language).to_owned());
        }
        None if report.run.alone => {
            let verdict = report.side_by_side.as_ref().and_then(|shown| baselines::verdict(shown, language));
            let is_compared = report.provenance.overlap;
            let overlap = if is_compared { w::COMPARED } else { w::NOT_COMPARED };
            let overlap = verdict.is_some().then(|| overlap.get(language).to_owned());
            said.push(verdict.unwrap_or_else(|| b::NO_VERDICT.get(language).to_owned()));
            said.extend(overlap);
        }
        None => said.push(w::NO_TEST.get(language).to_owned()),
    }
    if let Some(shown) = report.side_by_side.as_ref().filter(|_| !report.run.alone) {
        said.extend(baselines::verdict(shown, language));
    }
    said.extend(report.side_by_side.as_ref().and_then(|shown| baselines::pooled(shown, language)));
    let vetoed = report.rounds.iter().filter(|round| round.not_adopted);
    let vetoed: Vec<String> = vetoed.map(|round| round.round.to_string()).collect();
    if !vetoed.is_empty() {
        said.push(w::ROUNDS_NOT_ADOPTED.with(language, &[&vetoed.join(", ")]));
    }
    if let Some(each) = sites_per_round(report) {
        said.push(w::IN_TURNS.with(language, &[&each, &report.sites.len()]));
    }
    let left = if report.provenance.overlap { w::WHAT_LEFT_OVERLAP } else { w::WHAT_LEFT };
    said.push(left.get(language).to_owned());
    if report.own_scores.as_ref().is_some_and(OwnScoresReport::has_figures) {
        said.push(w::SCORES_LEFT.get(language).to_owned());
    }
    said
}

/// How many sites a round was for, where it was not for all.
pub(super) fn sites_per_round(report: &Report) -> Option<u64> {
    report.provenance.settings.get("participation.sites_per_round").and_then(Value::as_u64)
}

fn happened(report: &Report, language: Language) -> String {
    let run = &report.run;
    let reached = report.rounds.last().map_or(0, |round| round.round);
    // English counts in words of their own; Chinese has its measure words in the sentence.
    let counted = |count: u64, one: &str| match (language, count) {
        (Language::En, 1) => format!("1 {one}"),
        (Language::En, _) => format!("{count} {one}s"),
        _ => count.to_string(),
    };
    // Who was invited and never counted has not trained it.
    let counting = report.sites.iter().filter(|site| site.weight.is_some()).count();
    let hospitals = counted(counting as u64, "hospital");
    let invited = counted(report.sites.len() as u64, "hospital");
    let alone = report.side_by_side.as_ref().filter(|_| run.alone).map_or(0, SideBySide::sites);
    match (&run.failure, &run.ended) {
        (Some(reason), _) => w::LEAD_FAILED.with(language, &[reason]),
        (None, Some(_)) if run.alone => {
            b::LEAD_FINISHED.with(language, &[&counted(alone as u64, "hospital")])
        }
        (None, None) if run.alone => b::LEAD_GOING.with(language, &[&counted(alone as u64, "hospital")]),
        (None, Some(_)) => {
            let vetoed = report.rounds.iter().filter(|round| round.not_adopted).count() as u64;
            let adopted = u64::from(run.rounds).saturating_sub(vetoed);
            w::LEAD_FINISHED.with(language, &[&hospitals, &counted(adopted, "round")])
        }
        (None, None) => w::LEAD_GOING.with(language, &[&invited, &reached, &run.rounds]),
    }
}

fn certainty(report: &Report, language: Language) -> String {
    let test = &report.test;
    match (test.change_interval, &test.paired) {
        (Some([low, high]), _) => {
            let word = if low <= 0.0 && high >= 0.0 { w::INTERVAL_OPEN } else { w::INTERVAL_HOLDS };
            word.with(language, &[&format::signed_percent(low), &format::signed_percent(high)])
        }
        (None, Some(paired)) => w::NO_INTERVAL_FEW.with(language, &[&format::grouped(paired.records)]),
        (None, None) => w::NO_INTERVAL_OLD.get(language).to_owned(),
    }
}
