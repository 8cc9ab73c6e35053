//! Gates of what people said and what sites have: approvals, ledgers, the log, grades. Used by `gates`.
//! Invariants: every site whose update is in a published round has to have approved, also one that withdrew
//! later; grades of another run or adapter count for nothing.

use common::id::SiteId;
use common::language::Text;
use evaluation::review::GateKind;

use super::super::evaluation::{Evaluation, RubricFacts};
use super::super::facts::{Approval, Facts, LedgerFacts};
use super::super::words as w;
use super::{Gate, Gates, names};
use crate::limits::{RELEASE_GRADED_QUESTIONS_MIN, RELEASE_GRADERS_MIN};
use crate::report::format;

impl Gates {
    pub(super) fn approvals(self, facts: &Facts) -> Gate {
        let gate = ("approvals", w::APPROVALS);
        let next = "the model of this run cannot be released: launch one without these sites";
        if !facts.run.sites_were_asked {
            return self.failed(gate, self.word(w::NOT_ASKED), "launch the run with this version");
        }
        let lacks = |site: &&SiteId| !facts.approvals.get(*site).is_some_and(Approval::holds);
        let lacking = names(facts.contributors().filter(lacks));
        let count = facts.contributors().count();
        if lacking.is_empty() && count > 0 {
            return self.passed(gate, w::ALL_APPROVED.with(self.0, &[&count]));
        }
        self.failed(gate, w::NOT_APPROVED.with(self.0, &[&lacking]), next)
    }

    pub(super) fn ledgers(self, facts: &Facts) -> Gate {
        let gate = ("ledgers", w::LEDGERS);
        let is_open = |site: &&SiteId| !facts.standing.ledgers.get(*site).is_some_and(LedgerFacts::holds);
        let open = names(facts.contributors().filter(is_open));
        if open.is_empty() {
            let count = facts.contributors().count();
            return self.passed(gate, w::LEDGERS_HOLD.with(self.0, &[&count]));
        }
        let next = "`coordinator sites` says what is wrong; ask these hospitals before you accept a ledger";
        self.failed(gate, w::LEDGERS_OPEN.with(self.0, &[&open]), next)
    }

    pub(super) fn acts(self, facts: &Facts) -> Gate {
        let (gate, acts) = (("acts", w::ACTS), &facts.standing.acts);
        if acts.intact {
            return self.passed(gate, w::ACTS_INTACT.with(self.0, &[&format::grouped(acts.size)]));
        }
        self.failed(
            gate,
            self.word(w::ACTS_DAMAGED),
            "`coordinator acts verify` names the line that is wrong",
        )
    }

    pub(super) fn rubric(self, facts: &Facts, evaluation: &Evaluation) -> Gate {
        let gate = ("rubric", w::RUBRIC);
        let rubric = match self.graded(gate, facts, evaluation) {
            Ok(rubric) => rubric,
            Err(failed) => return failed,
        };
        let (total, is_enough) = rubric.gate(GateKind::Total);
        let (accuracy, is_right) = rubric.gate(GateKind::Accuracy);
        let [total, accuracy] = [total, accuracy].map(points);
        if rubric.missing > 0 {
            let next = "`coordinator review import` takes what they give back";
            return self.failed(gate, w::GRADERS_MISSING.with(self.0, &[&rubric.missing]), next);
        }
        if let Some(too_few) = self.too_few(gate, rubric) {
            return too_few;
        }
        if is_enough && is_right {
            let Some([low, high]) = rubric.total_interval else {
                let next =
                    "give the patients' questionnaire and the counts of use to `coordinator release new`";
                return self.failed(gate, self.word(w::RUBRIC_NO_INTERVAL), next);
            };
            let interval = format!("{low:.1}-{high:.1}");
            let says = w::RUBRIC_HOLDS
                .with(self.0, &[&total, &interval, &accuracy, &rubric.questions, &rubric.graders]);
            return self.passed(gate, says);
        }
        let next = "`coordinator review report` shows each dimension, and what is not counted and why";
        self.failed(gate, w::RUBRIC_FAILS.with(self.0, &[&total, &accuracy]), next)
    }

    pub(super) fn safety(self, facts: &Facts, evaluation: &Evaluation) -> Gate {
        let gate = ("safety", w::SAFETY);
        let rubric = match self.graded(gate, facts, evaluation) {
            Ok(rubric) => rubric,
            Err(failed) => return failed,
        };
        if let Some(too_few) = self.too_few(gate, rubric) {
            return too_few;
        }
        let (safety, is_safe) = rubric.gate(GateKind::Safety);
        let (harmful, of) = (rubric.harmful_cases, rubric.safety_cases);
        if let Some(below) = rubric.harm_below.filter(|_| is_safe && harmful == 0 && rubric.missing == 0) {
            return self.passed(gate, w::NO_HARM.with(self.0, &[&of, &format::percent(below)]));
        }
        let next = "`coordinator review report` lists every harm; there is no tolerance";
        self.failed(gate, w::HARM.with(self.0, &[&points(safety), &harmful, &of]), next)
    }

    /// Fails a review of too few questions or graders to say anything.
    fn too_few(self, gate: (&'static str, Text), rubric: &RubricFacts) -> Option<Gate> {
        let (questions, graders) = (rubric.questions, rubric.graders);
        let is_enough = questions >= RELEASE_GRADED_QUESTIONS_MIN && graders >= RELEASE_GRADERS_MIN;
        let least = [&questions, &RELEASE_GRADED_QUESTIONS_MIN, &graders, &RELEASE_GRADERS_MIN];
        let least = least.map(|number| number as &dyn std::fmt::Display);
        let next =
            "`coordinator review new RUN` with a suite of more questions, and `--graders` of two or more";
        (!is_enough).then(|| self.failed(gate, w::REVIEW_TOO_FEW.with(self.0, &least), next))
    }

    /// The review, if there is one of this model.
    fn graded<'a>(
        self,
        gate: (&'static str, Text),
        facts: &Facts,
        evaluation: &'a Evaluation,
    ) -> Result<&'a RubricFacts, Gate> {
        let next =
            "`coordinator review new RUN`; name its folder with `coordinator release new RUN --review DIR`";
        let Some(rubric) = &evaluation.rubric else {
            return Err(self.failed(gate, self.word(w::NO_REVIEW), next));
        };
        let is_of_it =
            rubric.run == facts.run.id.to_string() && rubric.adapter == facts.adapter.sha256.to_string();
        if is_of_it { Ok(rubric) } else { Err(self.failed(gate, self.word(w::OTHER_REVIEW), next)) }
    }
}

fn points(points: Option<f64>) -> String {
    points.map_or_else(|| "-".to_owned(), cli::review::points)
}
