//! What really happened, as nobody in the simulated world knows it, and the invariants over it
//! (reliability.md, section 11; ARCHITECTURE.md, "Invariants"). Told by `coordinator`, `site` and `world` at
//! each step; the first invariant that breaks is kept.

use std::collections::{BTreeMap, BTreeSet};

use common::id::{Digest, Round, RunId, SiteId};
use common::wire::message::RoundKey;
use coordinator::execution::runs::Runs;
use coordinator::round::state::{RunState, Update};
use site_agent::gateway::consent::RunFrame;
use site_agent::gateway::store::consent::Choice;

use super::agenda::Ms;
use super::disk::Disk;
use super::plan::Plan;

mod averaged;
mod chosen;
mod journalled;

/// An invariant, by the name that a failure prints.
pub(crate) mod invariant {
    pub(crate) const COUNTED_ONCE: &str = "I1: each (run, round, site) is counted at most once";
    pub(crate) const SAME_BYTES: &str = "I1: a retry sends the same bytes";
    pub(crate) const REPLAY: &str = "I2: what is published is a function of the journal";
    pub(crate) const RECEIPT: &str = "I3: an update with a receipt survives a crash";
    pub(crate) const REVOKED: &str = "I6: nothing from a site counts after its revocation";
    pub(crate) const ENDS: &str =
        "I8: after healing, with a quorum, the run ends by its deadline and a lease";
    pub(crate) const MODEL: &str = "I8: after healing, with enough sites and time, the run has a model";
    pub(crate) const SAME_TRACE: &str = "I9: the same seed gives the same trace";
    pub(crate) const CONSENT: &str =
        "ARCHITECTURE I9: no frame of a run without an approval, none after a withdrawal";
    pub(crate) const DEADLINE: &str = "a deadline lasts as long as it says, whatever a clock does";
    pub(crate) const VETO: &str =
        "a round whose loss rose too far is not adopted, and no round begins with it";
    pub(crate) const CHOSEN: &str = "only sites that were chosen for a round count in it";
    pub(crate) const TURNS: &str = "no site is chosen again while one that is there waits for its turn";
    pub(crate) const TEST_ONCE: &str = "the test set is opened once";
}

/// An invariant that does not hold, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) invariant: &'static str,
    pub(crate) what: String,
}

/// An update file that somebody made.
#[derive(Debug, Clone, Copy)]
struct Made {
    site: usize,
    training: u32,
}

/// What a simulation did, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) steps: u64,
    pub(crate) rows: u64,
    pub(crate) closed: u64,
    pub(crate) receipts: u64,
    pub(crate) starts: u64,
    pub(crate) finished: u64,
    pub(crate) failed: u64,
    /// Rounds that were not adopted.
    pub(crate) vetoed: u64,
    /// Rounds for which sites were chosen, and how often others were chosen beside them.
    pub(crate) chosen: u64,
    pub(crate) chosen_beside: u64,
    /// How often a site lost its turn.
    pub(crate) passed_over: u64,
    /// Runs that had to end with a model.
    pub(crate) owed: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, more: &Self) {
        self.steps += more.steps;
        self.rows += more.rows;
        self.closed += more.closed;
        self.receipts += more.receipts;
        self.starts += more.starts;
        self.finished += more.finished;
        self.failed += more.failed;
        self.vetoed += more.vetoed;
        self.chosen += more.chosen;
        self.chosen_beside += more.chosen_beside;
        self.passed_over += more.passed_over;
        self.owed += more.owed;
    }
}

/// The truth.
#[derive(Debug)]
pub(crate) struct Truth {
    sites: Vec<SiteId>,
    made: BTreeMap<Digest, Made>,
    /// The update that each site's own program offers.
    offered: BTreeMap<(usize, RoundKey), Digest>,
    /// What people decided, in order.
    decisions: BTreeMap<(usize, RunId), Vec<Choice>>,
    /// Revoked in the database.
    shut_out: BTreeSet<usize>,
    /// The operator was told that it is done.
    revoked: BTreeSet<SiteId>,
    /// Receipts that went out, of updates that nobody lawfully took out since.
    promised: BTreeMap<(RunId, Round, SiteId), Digest>,
    /// The runs as their rows say.
    runs: BTreeMap<RunId, RunState>,
    /// The sites that rows of the journal chose for each round.
    chosen: BTreeMap<(RunId, Round), BTreeSet<SiteId>>,
    passed_over: BTreeMap<(RunId, Round), BTreeSet<SiteId>>,
    /// The updates of rounds that were closed.
    sealed: BTreeMap<(RunId, Round), BTreeMap<SiteId, Update>>,
    averaged: BTreeMap<(RunId, Round), Digest>,
    /// When the present round or proposal began or the coordinator was last started.
    waiting_since: BTreeMap<RunId, Ms>,
    /// Whose agent runs.
    running: Vec<bool>,
    pub(crate) broken: Option<Broken>,
    pub(crate) counts: Counts,
}

impl Truth {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            sites: plan.sites.clone(),
            made: BTreeMap::new(),
            offered: BTreeMap::new(),
            decisions: BTreeMap::new(),
            shut_out: BTreeSet::new(),
            revoked: BTreeSet::new(),
            promised: BTreeMap::new(),
            runs: BTreeMap::new(),
            chosen: BTreeMap::new(),
            passed_over: BTreeMap::new(),
            sealed: BTreeMap::new(),
            averaged: BTreeMap::new(),
            waiting_since: BTreeMap::new(),
            running: vec![false; plan.sites.len()],
            broken: None,
            counts: Counts::default(),
        }
    }

    /// Keeps the first of what is broken.
    pub(crate) fn broken(&mut self, invariant: &'static str, what: impl FnOnce() -> String) {
        if self.broken.is_none() {
            self.broken = Some(Broken { invariant, what: what() });
        }
    }

    fn check(&mut self, holds: bool, invariant: &'static str, what: impl FnOnce() -> String) {
        if !holds {
            self.broken(invariant, what);
        }
    }

    /// Somebody at this site made an update file.
    pub(crate) fn made(&mut self, site: usize, digest: Digest, training: u32) {
        self.made.insert(digest, Made { site, training });
    }

    /// A site's own program offers its update.
    pub(crate) fn offers(&mut self, site: usize, key: RoundKey, digest: Digest) {
        let first = *self.offered.entry((site, key)).or_insert(digest);
        self.check(first == digest, invariant::SAME_BYTES, || {
            format!("site {site} offers two updates for round {}", key.round)
        });
    }

    /// Somebody at a site decided about a run.
    pub(crate) fn decides(&mut self, site: usize, run: RunId, choice: Choice) {
        self.decisions.entry((site, run)).or_default().push(choice);
    }

    /// What somebody at a site last decided; a withdrawal is final.
    pub(crate) fn decision(&self, site: usize, run: RunId) -> Option<Choice> {
        let all = self.decisions.get(&(site, run))?;
        all.iter().find(|choice| **choice == Choice::Withdrawn).or_else(|| all.last()).copied()
    }

    /// Whether a site has agreed, and never said anything else: a no that is still on its way may end a
    /// proposal.
    pub(crate) fn always_approved(&self, site: usize, run: RunId) -> bool {
        let all = self.decisions.get(&(site, run));
        all.is_some_and(|all| all.iter().all(|choice| *choice == Choice::Approved))
    }

    /// A frame of a run leaves a site.
    pub(crate) fn leaves(&mut self, site: usize, run: RunId, frame: RunFrame) {
        let decision = self.decision(site, run);
        let is_refusal = frame == RunFrame::Refusal;
        self.check(is_refusal || decision == Some(Choice::Approved), invariant::CONSENT, || {
            format!("{frame:?} of site {site} leaves, where it has decided {decision:?}")
        });
    }

    pub(crate) fn runs_now(&mut self, site: usize, is_running: bool) {
        self.running[site] = is_running;
    }

    /// Whether a site may have a connection: its agent runs, and it is not revoked.
    pub(crate) fn is_connected(&self, site: usize) -> bool {
        self.running[site] && !self.shut_out.contains(&site)
    }

    /// The database says that a site is revoked.
    pub(crate) fn shuts_out(&mut self, site: usize) {
        self.shut_out.insert(site);
    }

    /// The operator hears that a site is revoked.
    pub(crate) fn revoked(&mut self, site: &SiteId) {
        self.revoked.insert(site.clone());
    }

    pub(crate) fn is_shut_out(&self, site: usize) -> bool {
        self.shut_out.contains(&site)
    }

    /// A request of a site is acted on.
    pub(crate) fn admitted(&mut self, site: usize) {
        let is_shut_out = self.is_shut_out(site);
        self.check(!is_shut_out, invariant::REVOKED, || {
            format!("a request of revoked site {site} is answered")
        });
    }

    /// A receipt goes out.
    pub(crate) fn promises(&mut self, site: usize, key: RoundKey, digest: Digest, disk: &Disk) {
        self.counts.receipts += 1;
        let name = self.sites[site].clone();
        let record = self.runs.get(&key.run).and_then(|state| state.round(key.round));
        let journalled = record.and_then(|record| record.updates.get(&name)).map(|update| update.digest);
        self.check(journalled == Some(digest), invariant::RECEIPT, || {
            format!("site {site} gets a receipt for round {} and the journal has no such update", key.round)
        });
        let is_there = disk.blobs.contains_key(&digest);
        let is_settled = record_is_settled(self.runs.get(&key.run), key.round);
        self.check(is_there || is_settled, invariant::RECEIPT, || {
            format!("site {site} gets a receipt for round {} and there is no file", key.round)
        });
        self.promised.insert((key.run, key.round, name), digest);
    }

    /// The coordinator was started again and has these runs.
    pub(crate) fn restarted(&mut self, runs: &Runs, disk: &Disk, now: Ms) {
        self.counts.starts += 1;
        let mut lost = None;
        for ((run, round, site), digest) in &self.promised {
            let state = runs.find(*run);
            let record = state.as_deref().and_then(|state| state.round(*round));
            let found = record.and_then(|record| record.updates.get(site)).map(|update| update.digest);
            let is_there = disk.blobs.get(digest).is_some_and(|bytes| Digest::of(bytes) == *digest);
            if found != Some(*digest) || !(is_there || record_is_settled(state.as_deref(), *round)) {
                lost = Some(format!("after a start the update of {site} for round {round} is gone"));
            }
        }
        if let Some(what) = lost {
            self.broken(invariant::RECEIPT, || what);
        }
        let same = self.runs.iter().all(|(run, state)| runs.find(*run).as_deref() == Some(state));
        self.check(same, invariant::REPLAY, || "the replay of the journal gives another state".to_owned());
        self.waiting_since.values_mut().for_each(|since| *since = now);
    }

    /// The run that is going, as its rows say.
    pub(crate) fn active(&self) -> Option<&RunState> {
        self.runs.values().find(|state| !state.is_over())
    }

    pub(crate) fn run(&self, run: RunId) -> Option<&RunState> {
        self.runs.get(&run)
    }
}

fn record_is_settled(state: Option<&RunState>, round: Round) -> bool {
    let record = state.and_then(|state| state.round(round));
    record.is_some_and(|record| record.published_at.is_some() || record.vetoed.is_some())
}
