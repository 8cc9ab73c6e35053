//! What got better, what got worse and what cannot be told apart, for whom and how sure that is: the facts of
//! a report as short sentences, sorted by direction. Called by `html` and `table`, so that the two cannot
//! disagree. Pure. Invariants: a direction is a fact of an interval or a corrected test, never of a
//! difference alone; too few questions are said to be too few; what was not measured is not counted anywhere.

pub mod words;

#[cfg(test)]
mod tests;

use cli::comparison::format::{p_value, percent, points};
use common::language::Language;
use evaluation::compare::Verdict;

use self::words as c;
use super::document::{DepartmentReport, Report};
use super::suites::{ForgettingReport, Status, SuiteReport};
use super::{baselines, format, own_scores, words as w};
use crate::round::measured::SuiteFigures;

/// Departments that are named in one sentence; of more, the largest.
const DEPARTMENTS_NAMED: usize = 8;

/// What is said of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is surely better.
    pub better: Vec<String>,
    /// What is surely worse.
    pub worse: Vec<String>,
    /// What is neither.
    pub not_told: Vec<String>,
    /// What waits, and what could not be measured.
    pub missing: Vec<String>,
    /// How sure all that is.
    pub certainty: Vec<String>,
}

impl Changes {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.better.is_empty() && self.worse.is_empty() && self.not_told.is_empty() && self.missing.is_empty()
    }

    /// The three directions with their headings; one without an entry says so.
    pub fn directions(&self, language: Language) -> [(&'static str, Vec<String>); 3] {
        let of = |entries: &[String]| match entries {
            [] => vec![c::NOTHING.get(language).to_owned()],
            entries => entries.to_vec(),
        };
        [
            (c::BETTER.get(language), of(&self.better)),
            (c::WORSE.get(language), of(&self.worse)),
            (c::NOT_TOLD.get(language), of(&self.not_told)),
        ]
    }

    fn put(&mut self, verdict: Verdict, sentence: String) {
        match verdict {
            Verdict::Better => self.better.push(sentence),
            Verdict::Worse => self.worse.push(sentence),
            Verdict::NotWorse | Verdict::NotShown => self.not_told.push(sentence),
        }
    }
}

/// All that a report says of change.
pub fn of(report: &Report, language: Language) -> Changes {
    let mut changes = Changes::default();
    let test = &report.test;
    if let Some(((change, interval), questions)) = test.change.zip(test.change_interval).zip(test.questions) {
        let (change, range) = (format::signed_percent(change), range(interval, language));
        let said = c::TEST.with(language, &[&change, &range, &format::grouped(questions)]);
        changes.put(of_loss(interval), said);
    }
    departments(&report.departments, language, &mut changes);
    let measured = report.suites.iter().filter(|suite| suite.figures.is_some()).count();
    for suite in &report.suites {
        of_suite(suite, measured, language, &mut changes);
    }
    let waiting = report.suites.iter().filter(|suite| suite.status == Status::Waiting).count();
    if waiting > 0 {
        changes.missing.push(c::WAITING.with(language, &[&waiting]));
    }
    if let Some(forgetting) = &report.forgetting {
        of_forgetting(forgetting, language, &mut changes);
    }
    let compared = report.side_by_side.iter().flat_map(|shown| baselines::of(shown, language));
    let is_compared = compared.map(|(verdict, said)| changes.put(verdict, said)).count() > 0;
    if let Some(scores) = &report.own_scores {
        let said = own_scores::of(scores, language);
        changes.better.extend(said.better);
        changes.worse.extend(said.worse);
        changes.not_told.extend(said.not_told);
        changes.missing.extend(said.missing);
    }
    if !changes.is_empty() {
        changes.certainty.push(c::CERTAINTY.get(language).to_owned());
        if report.own_scores.is_some() || is_compared {
            changes.certainty.push(own_scores::words::CERTAINTY.get(language).to_owned());
        }
        if !report.departments.is_empty() {
            changes.certainty.push(c::CERTAINTY_DEPARTMENTS.get(language).to_owned());
        }
        if measured > 0 {
            changes.certainty.push(c::CERTAINTY_SUITES.with(language, &[&measured]));
        }
    }
    changes
}

/// The direction of a change of a loss: lower is better.
fn of_loss([low, high]: [f64; 2]) -> Verdict {
    match (high < 0.0, low > 0.0) {
        (true, _) => Verdict::Better,
        (_, true) => Verdict::Worse,
        _ => Verdict::NotShown,
    }
}

/// One sentence for each direction, and one for those that are too small.
fn departments(all: &[DepartmentReport], language: Language, changes: &mut Changes) {
    let name = |of: &DepartmentReport| {
        of.name.as_deref().map_or_else(|| w::OTHERS.get(language).to_owned(), str::to_owned)
    };
    for wanted in [Verdict::Better, Verdict::Worse, Verdict::NotShown] {
        let entry = |of: &DepartmentReport| {
            let (change, interval) = of.change.zip(of.change_interval)?;
            let (change, range) = (format::signed_percent(change), range(interval, language));
            let (name, questions) = (name(of), format::grouped(of.questions));
            let said = c::DEPARTMENT_ENTRY.with(language, &[&name, &change, &range, &questions]);
            (of_loss(interval) == wanted).then_some(said)
        };
        let named: Vec<String> = all.iter().filter_map(entry).collect();
        if !named.is_empty() {
            changes.put(wanted, c::DEPARTMENTS.with(language, &[&list(&named, language)]));
        }
    }
    let small = all.iter().filter(|of| of.change_interval.is_none());
    let small: Vec<String> =
        small.map(|of| c::SMALL_ENTRY.with(language, &[&name(of), &format::grouped(of.questions)])).collect();
    if !small.is_empty() {
        changes.not_told.push(c::DEPARTMENTS_SMALL.with(language, &[&list(&small, language)]));
    }
}

fn list(entries: &[String], language: Language) -> String {
    let shown = entries.len().min(DEPARTMENTS_NAMED);
    let joined = entries[..shown].join(if language == Language::Zh { "；" } else { "; " });
    let more = entries.len() - shown;
    if more == 0 { joined } else { c::AND_MORE.with(language, &[&joined, &more]) }
}

fn of_suite(suite: &SuiteReport, measured: usize, language: Language, changes: &mut Changes) {
    if let (Some(figures), Some(verdict)) = (&suite.figures, suite.verdict) {
        let mut said = shares(&suite.name, figures, language);
        let p = p_value(suite.corrected_p.unwrap_or(figures.p));
        said.push_str(&c::P.with(language, &[&p, &measured]));
        said.push_str(&baseline(figures, language));
        said.push_str(&margin(figures, verdict, language));
        changes.put(verdict, said);
    }
    if suite.status == Status::NotMeasured {
        let reason = suite.reason.as_deref().unwrap_or_default();
        changes.missing.push(c::NOT_MEASURED.with(language, &[&suite.name, &reason]));
    }
}

fn of_forgetting(of: &ForgettingReport, language: Language, changes: &mut Changes) {
    match (&of.figures, of.verdict) {
        (Some(figures), Some(verdict)) => {
            let general = &figures.general;
            let mut said = shares(c::GENERAL.get(language), general, language);
            said.push_str(&c::P_ALONE.with(language, &[&p_value(general.p)]));
            said.push_str(&baseline(general, language));
            said.push_str(&margin(general, verdict, language));
            changes.put(verdict, said);
        }
        _ if of.status == Status::Waiting => {
            changes.missing.push(c::FORGETTING_WAITING.get(language).to_owned());
        }
        _ => {
            let reason = of.reason.as_deref().unwrap_or_default();
            changes.missing.push(c::FORGETTING_NOT_MEASURED.with(language, &[&reason]));
        }
    }
}

/// How far the next tokens moved, where that was measured.
pub fn divergence(report: &Report, language: Language) -> Option<String> {
    let figures = report.forgetting.as_ref()?.figures.as_ref()?;
    let [low, high] = figures.divergence_interval.map(|nats| format!("{nats:.4}"));
    // Pinsker's bound, of the mean: the square root is concave.
    let most = (figures.divergence.max(0.0) / 2.0).sqrt().min(1.0);
    let nats = format!("{:.4}", figures.divergence);
    let most = format!("{:.1}", most * 100.0);
    Some(
        c::DIVERGENCE.with(
            language,
            &[&format::grouped(figures.positions), &figures.texts, &nats, &low, &high, &most],
        ),
    )
}

/// `name: 50.0 % of 100 questions with the base model, 65.0 % with the final one (+15.0 points, ...)`.
fn shares(name: &str, figures: &SuiteFigures, language: Language) -> String {
    let [low, high] = figures.interval.map(points);
    let difference = points(figures.difference);
    let (base, last) = (percent(figures.base.share), percent(figures.federated.share));
    let questions = format::grouped(figures.items);
    c::SHARES.with(language, &[&name, &base, &last, &questions, &difference, &low, &high])
}

/// What needs no model at all.
fn baseline(figures: &SuiteFigures, language: Language) -> String {
    let said = |majority: f64| c::MAJORITY.with(language, &[&percent(majority)]);
    figures.majority.map(said).unwrap_or_default()
}

/// Whether it is shown not to be worse, and what the suite could have seen; where that is all there is to
/// say.
fn margin(figures: &SuiteFigures, verdict: Verdict, language: Language) -> String {
    let margin = format!("{:.1}", figures.margin * 100.0);
    match verdict {
        Verdict::NotWorse => c::MARGIN_SHOWN.with(language, &[&margin]),
        Verdict::NotShown => {
            let sees = format!("{:.1}", figures.sees * 100.0);
            c::MARGIN_NOT_SHOWN.with(language, &[&margin, &sees])
        }
        Verdict::Better | Verdict::Worse => String::new(),
    }
}

fn range([low, high]: [f64; 2], language: Language) -> String {
    w::RANGE.with(language, &[&format::signed_percent(low), &format::signed_percent(high)])
}
