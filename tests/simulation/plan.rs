//! What a seed stands for: how many sites, which run, which faults. A plan is a function of its seed and of
//! the faults that are left out.

use std::fmt::Write as _;

use common::id::{Digest, RunId, SiteId};
use common::run::RunSpec;
use coordinator::round::launched::{LaunchedRun, PinnedFile};

use super::agenda::Ms;
use super::dice::Dice;
use super::faults::Fault;

/// Whether faults end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Faults for ever: no invariant may break.
    Safety,
    /// They are healed after a while: then a run must end.
    Liveness,
}

/// One simulation.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) sites: Vec<SiteId>,
    /// What each site counts, as it says it.
    pub(crate) records: Vec<u64>,
    /// How long a training takes at each site.
    pub(crate) training_ms: Vec<Ms>,
    pub(crate) quorum: usize,
    /// How many sites train each round, where it is not all of them.
    pub(crate) sites_per_round: Option<usize>,
    pub(crate) rounds: u32,
    pub(crate) deadline_s: u64,
    pub(crate) runs: usize,
    pub(crate) weighting: &'static str,
    pub(crate) has_validation: bool,
    pub(crate) has_test: bool,
    /// How far a measurement may rise before its round is not adopted, if a run says so.
    pub(crate) loss_increase_max: Option<u64>,
    /// When the faults end, in a test of liveness.
    pub(crate) heal_at: Option<Ms>,
    /// When the simulation ends, whatever is left.
    pub(crate) end_at: Ms,
    pub(crate) faults: Vec<Fault>,
}

/// The most sites of an ordinary seed, of one in a hundred, and of the few that are asked for by name.
const MANY: u64 = 100;
pub(crate) const CROWD: usize = 1000;

/// The stream of dice for the held-out bound.
const BOUND_DICE: u64 = 4;
/// The one for how many sites train a round.
const PARTICIPATION_DICE: u64 = 5;
/// The one for deadlines that are moved.
const EXTENSION_DICE: u64 = 6;

impl Plan {
    /// The plan of a seed; `crowd` makes it one of a thousand sites. Of its faults only those in `kept`.
    pub(crate) fn of(seed: u64, mode: Mode, crowd: bool, kept: Option<&[usize]>) -> Self {
        // What came later has dice of its own: what a seed stood for it stands for.
        let (mut dice, mut bound) = (Dice::of(seed, 1), Dice::of(seed, BOUND_DICE));
        let mut part = Dice::of(seed, PARTICIPATION_DICE);
        // Few sites most often: what can happen between two can happen among three.
        let count = match dice.below(200) {
            _ if crowd => CROWD,
            0 => usize::try_from(dice.between(20, MANY)).unwrap(),
            1..=10 => usize::try_from(dice.between(8, 16)).unwrap(),
            _ => usize::try_from(dice.between(3, 5)).unwrap(),
        };
        let quorum = usize::try_from(dice.between(1, count as u64)).unwrap();
        // Most often a majority, so that faults have something to spoil.
        let quorum = if dice.in_thousand(700) { count / 2 + 1 } else { quorum };
        let rounds = if count > 16 { dice.between(1, 2) } else { dice.between(1, 3) };
        let deadline_s = dice.between(90, 300);
        let span_ms = 60_000 + rounds * 60_000;
        let is_final = mode == Mode::Safety || dice.in_thousand(300);
        let mut faults: Vec<Fault> =
            (0..dice.between(2, 24)).map(|_| Fault::draw(&mut dice, count, span_ms, is_final)).collect();
        let mut moved = Dice::of(seed, EXTENSION_DICE);
        if moved.in_thousand(300) {
            faults.extend((0..moved.between(1, 3)).map(|_| Fault::extend(&mut moved, span_ms)));
        }
        faults.sort_by_key(|fault| fault.at);
        if let Some(kept) = kept {
            faults = kept.iter().filter_map(|index| faults.get(*index).cloned()).collect();
        }
        Self {
            seed,
            sites: (0..count).map(|index| format!("s{index:04}").parse().unwrap()).collect(),
            records: (0..count).map(|_| dice.between(1, 5_000)).collect(),
            training_ms: (0..count).map(|_| dice.between(2_000, 40_000)).collect(),
            quorum,
            sites_per_round: part
                .in_thousand(400)
                .then(|| usize::try_from(part.between(quorum as u64, count as u64)).unwrap()),
            rounds: u32::try_from(rounds).unwrap(),
            deadline_s,
            runs: if dice.in_thousand(150) { 2 } else { 1 },
            weighting: ["capped", "records", "uniform"][dice.index(3)],
            has_validation: dice.in_thousand(500),
            has_test: dice.in_thousand(500),
            // Measurements lie between 1 and 38.
            loss_increase_max: bound.in_thousand(500).then(|| bound.between(0, 20)),
            heal_at: (mode == Mode::Liveness).then(|| dice.between(span_ms / 4, span_ms)),
            end_at: 6 * 3_600_000,
            faults,
        }
    }

    /// The launched run number `index`.
    pub(crate) fn launched(&self, index: usize, manifest: &[u8], initial: &[u8]) -> LaunchedRun {
        let (rounds, quorum, deadline, weighting) =
            (self.rounds, self.quorum, self.deadline_s, self.weighting);
        let mut text = format!("name = \"simulated\"\nrounds = {rounds}\n[quorum]\nsites = {quorum}\n");
        let _ = write!(text, "deadline_s = {deadline}\n[approval]\ndeadline_s = 200\ngrace_s = 40\n");
        let _ = write!(text, "[training]\nepochs = 1\n[aggregation]\nweighting = \"{weighting}\"\n");
        if let Some(sites) = self.sites_per_round {
            let _ = write!(text, "[participation]\nsites_per_round = {sites}\n");
        }
        if let Some(increase) = self.loss_increase_max.filter(|_| self.has_validation) {
            let _ = write!(text, "[evaluation]\nloss_increase_max = {increase}.0\n");
        }
        let spec: RunSpec = toml::from_str(&text).unwrap();
        let pinned = |is: bool, text: &str| {
            is.then(|| PinnedFile { path: text.into(), digest: Digest::of(text.as_bytes()) })
        };
        LaunchedRun {
            run: self.run(index),
            spec,
            model: "model".into(),
            model_fingerprint: Digest::of(b"base"),
            sites: self.sites.clone(),
            validation: pinned(self.has_validation, "validation"),
            test: pinned(self.has_test, "test"),
            manifest: Digest::of(manifest),
            manifest_bytes: manifest.len() as u64,
            initial: Digest::of(initial),
            adapter_bytes: initial.len() as u64,
            overlap: None,
            suites: Vec::new(),
            origin: None,
            beside: None,
            test_openings_before: 0,
            needs_approval: true,
            sent_before: Default::default(),
            queued: None,
        }
    }

    pub(crate) fn run(&self, index: usize) -> RunId {
        let mut id = [0; 8];
        id[7] = u8::try_from(index + 1).unwrap();
        RunId(id)
    }
}
