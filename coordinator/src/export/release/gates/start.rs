//! The gate of what round 1 began with. Used by `gates`. Invariant: every run whose records are in the
//! model is held to what this one is held to; where that cannot be known, the gate fails.

use common::id::SiteId;

use super::super::facts::{Ancestor, Approval, Facts, LedgerFacts, Start};
use super::super::words as w;
use super::{Gate, Gates, names};

/// What to do where it fails.
const NEXT: &str = "launch a run that starts from a fresh adapter: one without `initial` in its run file";

impl Gates {
    pub(super) fn start(self, facts: &Facts) -> Gate {
        let (gate, ancestors) = (("start", w::START), &facts.initial.ancestors);
        match facts.initial.from {
            Start::Folder => self.failed(gate, self.word(w::START_FOLDER), NEXT),
            Start::Fresh if ancestors.is_empty() && facts.run.origin.is_none() => {
                self.passed(gate, self.word(w::START_FRESH))
            }
            Start::Run if is_whole(facts) => match ancestors.iter().find_map(|it| self.lacks(facts, it)) {
                Some(why) => self.failed(gate, why, NEXT),
                None => self.passed(gate, w::START_RUNS.with(self.0, &[&ancestors.len()])),
            },
            Start::Fresh | Start::Run => self.failed(gate, self.word(w::START_UNKNOWN), NEXT),
        }
    }

    /// Why an ancestor does not hold.
    fn lacks(self, facts: &Facts, ancestor: &Ancestor) -> Option<String> {
        let run = &ancestor.run;
        let (own, theirs) = (&facts.held_out, &ancestor.held_out);
        let is_asked = ancestor.sites_were_asked && !ancestor.approvals.is_empty();
        if !is_asked || !ancestor.approvals.values().all(Approval::holds) {
            let open = ancestor.approvals.iter().filter(|(_, it)| !is_asked || !it.holds());
            return Some(w::START_NOT_APPROVED.with(self.0, &[run, &names(open.map(|(site, _)| site))]));
        }
        let has_ledger = |site: &SiteId| facts.standing.ledgers.get(site).is_some_and(LedgerFacts::holds);
        let open = names(ancestor.approvals.keys().filter(|site| !has_ledger(site)));
        if !open.is_empty() {
            return Some(w::START_LEDGERS.with(self.0, &[run, &open]));
        }
        if own.test.is_some() && theirs.validation == own.test {
            return Some(w::START_STEERED.with(self.0, &[run]));
        }
        // What it was compared with has to be what this run is measured on.
        let held_out = [theirs.validation, theirs.test];
        let is_compared = theirs.compared
            && [own.validation, own.test].into_iter().flatten().all(|file| held_out.contains(&Some(file)));
        (!is_compared).then(|| w::START_NOT_COMPARED.with(self.0, &[run]))
    }
}

/// Whether the chain goes from this run back to a fresh adapter without a gap.
fn is_whole(facts: &Facts) -> bool {
    let ancestors = &facts.initial.ancestors;
    let Some((last, before)) = ancestors.split_last() else { return false };
    ancestors.first().map(|it| it.run) == facts.run.origin
        && last.from == Start::Fresh
        && before.iter().all(|it| it.from == Start::Run)
}
