//! What has to hold before a model is released. Called by `assess` where a release is made, and by `verify`
//! on another machine: the same rules on the same facts. Pure.
//!
//! Invariants: no gate can be waved through; what was not measured fails, unless the gate is about something
//! that the run or this version does not have, and then it says so; every gate that fails is told, each with
//! its next step.

mod people;
mod start;

use common::id::SiteId;
use common::language::{Language, Text};
use evaluation::compare::Verdict;
use serde::Serialize;

use super::evaluation::Evaluation;
use super::facts::Facts;
use super::words as w;
use crate::admin::report::own_scores::Status as Said;
use crate::report::suites::Status;
use crate::report::{format, suites::SuiteReport};

/// What became of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is passed.
    Passed,
    /// It is not.
    Failed,
    /// There is nothing that it could be about.
    NotApplicable,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Its name for programs.
    pub gate: &'static str,
    /// What became of it.
    pub state: State,
    /// What people call it.
    pub title: &'static str,
    /// Why, in a sentence.
    pub says: String,
    /// Where it failed: the next step.
    pub next: Option<&'static str>,
}

/// Makes gates in a language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gates(pub(super) Language);

impl Gates {
    pub(super) fn passed(self, gate: (&'static str, Text), says: String) -> Gate {
        let (gate, title) = (gate.0, gate.1.get(self.0));
        Gate { gate, state: State::Passed, title, says, next: None }
    }

    pub(super) fn failed(self, gate: (&'static str, Text), says: String, next: &'static str) -> Gate {
        Gate { state: State::Failed, next: Some(next), ..self.passed(gate, says) }
    }

    fn not_applicable(self, gate: (&'static str, Text), says: String) -> Gate {
        Gate { state: State::NotApplicable, ..self.passed(gate, says) }
    }

    fn word(self, text: Text) -> String {
        text.get(self.0).to_owned()
    }
}

/// Sites as a sentence has them.
fn names<'a>(sites: impl Iterator<Item = &'a SiteId>) -> String {
    sites.map(SiteId::as_str).collect::<Vec<_>>().join(", ")
}

/// The gates that facts and measurements decide, in the order in which they are shown.
#[must_use]
pub fn gates(facts: &Facts, evaluation: &Evaluation, language: Language) -> Vec<Gate> {
    let gates = Gates(language);
    vec![
        gates.finished(facts),
        gates.start(facts),
        gates.terms(facts),
        gates.approvals(facts),
        gates.ledgers(facts),
        gates.acts(facts),
        gates.overlap(facts),
        gates.veto(facts),
        gates.test_once(evaluation),
        gates.regression(evaluation),
        gates.departments(evaluation),
        gates.suites(&evaluation.suites),
        gates.forgetting(evaluation),
        gates.sites(evaluation),
        gates.rubric(facts, evaluation),
        gates.safety(facts, evaluation),
        gates.audit(),
    ]
}

impl Gates {
    fn finished(self, facts: &Facts) -> Gate {
        let (gate, run) = (("finished", w::FINISHED), &facts.run);
        if run.phase == "finished" && run.published > 0 && facts.released().is_some() {
            return self.passed(gate, w::IS_FINISHED.with(self.0, &[&run.published, &run.rounds]));
        }
        let next = "`coordinator status` shows how far it is; a run that failed is launched anew";
        self.failed(gate, w::NOT_FINISHED.with(self.0, &[&run.phase]), next)
    }

    fn terms(self, facts: &Facts) -> Gate {
        let gate = ("terms", w::TERMS);
        if facts.run.terms_are_signed {
            return self.passed(gate, w::TERMS_SIGNED.with(self.0, &[&facts.run.terms]));
        }
        let next =
            "restore the state folder from a backup: the terms or the receipt key are not those of the run";
        self.failed(gate, self.word(w::TERMS_NOT_SIGNED), next)
    }

    fn overlap(self, facts: &Facts) -> Gate {
        let gate = ("overlap", w::OVERLAP);
        if facts.held_out.compared {
            return self.passed(gate, self.word(w::COMPARED));
        }
        self.failed(gate, self.word(w::NOT_COMPARED), "launch a run with `[overlap] enabled = true`")
    }

    fn veto(self, facts: &Facts) -> Gate {
        let (gate, released) = (("veto", w::VETO), facts.released());
        let round = released.map_or(0, |round| round.round);
        if released.is_some_and(|round| round.measured && !round.vetoed) {
            return self.passed(gate, w::NOT_VETOED.with(self.0, &[&round]));
        }
        let next = "launch a run with a `validation` file, and a base model that can be measured";
        self.failed(gate, w::UNMEASURED.with(self.0, &[&round]), next)
    }

    fn test_once(self, evaluation: &Evaluation) -> Gate {
        let gate = ("test-once", w::TEST_ONCE);
        let (openings, before) = (evaluation.openings.len(), evaluation.openings_elsewhere);
        let is_measured = evaluation.base.test_loss.is_some() && evaluation.released.test_loss.is_some();
        match (openings, before) {
            (1, 0) if is_measured => {
                let questions = format::grouped(evaluation.test.questions.unwrap_or(0));
                self.passed(gate, w::OPENED_ONCE.with(self.0, &[&questions]))
            }
            (0 | 1, 0) => {
                let next =
                    "name a `test` file in the run file; `coordinator evaluate RUN` measures one that waits";
                self.failed(gate, self.word(w::NO_TEST), next)
            }
            _ => {
                let next = "a run with held-out questions that no run has seen is needed";
                self.failed(gate, w::OPENED_MORE.with(self.0, &[&openings, &before]), next)
            }
        }
    }

    fn regression(self, evaluation: &Evaluation) -> Gate {
        let (gate, test) = (("regression", w::REGRESSION), &evaluation.test);
        match (test.change, test.change_interval) {
            (Some(change), Some([low, high])) if change <= 0.0 => {
                let [change, low, high] = [change, low, high].map(format::signed_percent);
                self.passed(gate, w::NOT_WORSE.with(self.0, &[&change, &low, &high]))
            }
            (Some(change), _) if change > 0.0 => {
                let next = "train longer, on other records or at another learning rate: `coordinator report` shows the rounds";
                self.failed(gate, w::IS_WORSE.with(self.0, &[&format::signed_percent(change)]), next)
            }
            _ => {
                let next = "launch a run with a `test` file of 30 questions or more";
                self.failed(gate, self.word(w::NO_INTERVAL), next)
            }
        }
    }

    fn suites(self, suites: &[SuiteReport]) -> Gate {
        let gate = ("suites", w::SUITES);
        let named = |is: &dyn Fn(&SuiteReport) -> bool| {
            let names = suites.iter().filter(|suite| is(suite)).map(|suite| suite.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        let open = named(&|suite| suite.status != Status::Measured || suite.verdict.is_none());
        let worse = named(&|suite| suite.verdict == Some(Verdict::Worse));
        let next =
            "`coordinator report` names the reason; `[evaluation] suites` of a run file has them asked";
        if suites.is_empty() {
            self.failed(gate, self.word(w::NO_SUITES), next)
        } else if !worse.is_empty() {
            self.failed(gate, w::SUITES_WORSE.with(self.0, &[&worse]), next)
        } else if !open.is_empty() {
            self.failed(gate, w::SUITES_OPEN.with(self.0, &[&open]), next)
        } else {
            let not_shown = named(&|suite| suite.verdict == Some(Verdict::NotShown));
            if not_shown.is_empty() {
                return self.passed(gate, w::SUITES_HOLD.with(self.0, &[&suites.len()]));
            }
            self.passed(gate, w::SUITES_NOT_SHOWN.with(self.0, &[&suites.len(), &not_shown]))
        }
    }

    fn forgetting(self, evaluation: &Evaluation) -> Gate {
        let gate = ("forgetting", w::FORGETTING);
        let measured = evaluation.forgetting.as_ref().filter(|it| it.status == Status::Measured);
        match measured.and_then(|it| it.verdict) {
            Some(Verdict::Better | Verdict::NotWorse) => self.passed(gate, self.word(w::NOT_FORGOTTEN)),
            Some(Verdict::NotShown) => self.passed(gate, self.word(w::NOT_SHOWN)),
            Some(Verdict::Worse) => {
                let next = "train less, at a smaller rate, or with general records among the sites'";
                self.failed(gate, self.word(w::FORGOTTEN), next)
            }
            None => {
                let next = "launch a run with `[evaluation] forgetting = true`";
                self.failed(gate, self.word(w::FORGETTING_OPEN), next)
            }
        }
    }

    fn sites(self, evaluation: &Evaluation) -> Gate {
        let gate = ("sites", w::SITES);
        let Some(scores) = &evaluation.own_scores else {
            return self.not_applicable(gate, self.word(w::SITES_NOT_ASKED));
        };
        let lost: Vec<&str> = scores.sites.iter().filter(|it| it.lost()).map(|it| it.site.as_str()).collect();
        if !lost.is_empty() {
            let next = "speak with these sites; a model that makes one of them worse is not released";
            return self.failed(gate, w::SITES_LOST.with(self.0, &[&lost.join(", ")]), next);
        }
        if scores.sites.iter().any(|it| it.status == Said::Waiting) {
            let until = scores.asked_until.as_deref().unwrap_or("-");
            let next = "wait until then, and run `coordinator release new` for the same folder again";
            return self.failed(gate, w::SITES_WAITING.with(self.0, &[&until]), next);
        }
        let silent = scores.sites.iter().filter(|it| it.status != Said::Measured || it.gain.is_none());
        let silent: Vec<&str> = silent.map(|it| it.site.as_str()).collect();
        if silent.len() == scores.sites.len() {
            return self.not_applicable(gate, w::SITES_SILENT.with(self.0, &[&silent.join(", ")]));
        }
        if silent.is_empty() {
            return self.passed(gate, self.word(w::SITES_HOLD));
        }
        self.passed(gate, w::SITES_HOLD_OF_SOME.with(self.0, &[&silent.join(", ")]))
    }

    /// A department that the model surely makes worse stops it, however the whole set does.
    fn departments(self, evaluation: &Evaluation) -> Gate {
        let gate = ("departments", w::DEPARTMENTS);
        let known = evaluation.departments.iter().filter(|it| it.change_interval.is_some()).count();
        let worse = evaluation.departments.iter();
        let worse = worse.filter(|it| it.change_interval.is_some_and(|[low, _]| low > 0.0));
        let worse: Vec<&str> = worse.map(|it| it.name.as_deref().unwrap_or("-")).collect();
        if !worse.is_empty() {
            let next = "`coordinator report` shows each department; train on more records of these, or none";
            return self.failed(gate, w::DEPARTMENTS_WORSE.with(self.0, &[&worse.join(", ")]), next);
        }
        if known == 0 {
            return self.not_applicable(gate, self.word(w::NO_DEPARTMENTS));
        }
        self.passed(gate, w::DEPARTMENTS_HOLD.with(self.0, &[&known, &evaluation.departments.len()]))
    }

    fn audit(self) -> Gate {
        self.not_applicable(("privacy-audit", w::AUDIT), self.word(w::NO_AUDIT))
    }
}

#[cfg(test)]
pub(crate) mod tests;
