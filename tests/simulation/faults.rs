//! What may go wrong, and what people do in the middle of a run. A seed draws a list of these; each may be
//! left out by itself, which is how a failing schedule is made short.

use super::agenda::Ms;
use super::dice::Dice;

/// One decision of the seed.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) at: Ms,
    /// How long it lasts, where that means something.
    pub(crate) lasts: Ms,
    pub(crate) kind: FaultKind,
}

/// A site is named by its place among the run's sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// kill -9, and a start after a while.
    KillCoordinator,
    /// The same at the next row of the journal, before or after it is written.
    KillAtJournal {
        after: bool,
    },
    /// The machine loses what was not synced.
    PowerCut,
    KillSite(usize),
    KillWorker(usize),
    PauseCoordinator,
    PauseSite(usize),
    /// These sites cannot reach the coordinator: `count` of them from `first` on.
    Partition {
        first: usize,
        count: usize,
    },
    /// Everybody's messages, in thousandths, and how much later they come.
    BadNetwork {
        lost: u64,
        doubled: u64,
        slow_ms: Ms,
    },
    StepClockOfCoordinator {
        ms: i64,
    },
    StepClockOfSite {
        site: usize,
        ms: i64,
    },
    DiskFullAtCoordinator,
    DiskFullAtSite(usize),
    /// The next chunk is written half and refused.
    TornWrite,
    /// Files that no run needs go.
    Prune,
    Revoke(usize),
    /// Left out of the run for a while.
    Exclude(usize),
    /// Paused by the operator for a while.
    Hold(usize),
    Stop,
    /// The operator gives the open round more time.
    Extend {
        ms: Ms,
    },
    Withdraw(usize),
    Decline(usize),
    /// A member whose program was replaced.
    Rude {
        site: usize,
        how: Rudeness,
    },
}

impl FaultKind {
    /// Whether the operator does it.
    pub(crate) fn is_command(&self) -> bool {
        matches!(self, Self::Revoke(_) | Self::Exclude(_) | Self::Hold(_) | Self::Stop | Self::Extend { .. })
    }
}

/// What a replaced program sends beside the honest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rudeness {
    /// A second, different update for the round it last heard of.
    OtherUpdate,
    /// An update for a round that is over, or was never announced.
    WrongRound,
    /// A commit of what was never offered.
    NothingOffered,
    /// Record counts that no site may say.
    ForbiddenCount,
    /// Another site's update, by its digest.
    Stolen,
}

const RUDE: [Rudeness; 5] = [
    Rudeness::OtherUpdate,
    Rudeness::WrongRound,
    Rudeness::NothingOffered,
    Rudeness::ForbiddenCount,
    Rudeness::Stolen,
];

impl Fault {
    /// A deadline that is moved before `until`.
    pub(crate) fn extend(dice: &mut Dice, until: Ms) -> Self {
        let (at, ms) = (dice.below(until), dice.between(1_000, 300_000));
        Self { at, lasts: 0, kind: FaultKind::Extend { ms } }
    }

    /// One that happens before `until`. After a liveness test's faults are healed a run must be able to end:
    /// `is_final` says whether what cannot be healed is drawn, too.
    pub(crate) fn draw(dice: &mut Dice, sites: usize, until: Ms, is_final: bool) -> Self {
        let (at, lasts) = (dice.below(until), dice.between(50, 90_000));
        Self { at, lasts, kind: kind(dice, sites, is_final) }
    }
}

fn kind(dice: &mut Dice, sites: usize, is_final: bool) -> FaultKind {
    let site = dice.index(sites);
    // A minute to a day, either way.
    let ms =
        i64::try_from(dice.between(60_000, 86_400_000)).unwrap() * if dice.in_thousand(500) { 1 } else { -1 };
    match dice.below(if is_final { 43 } else { 35 }) {
        0..=2 => FaultKind::KillCoordinator,
        3..=6 => FaultKind::KillAtJournal { after: dice.in_thousand(600) },
        7 => FaultKind::PowerCut,
        8..=11 => FaultKind::KillSite(site),
        12 | 13 => FaultKind::KillWorker(site),
        14 => FaultKind::PauseCoordinator,
        15 | 16 => FaultKind::PauseSite(site),
        17..=19 => FaultKind::Partition { first: site, count: dice.index(sites) + 1 },
        20..=23 => FaultKind::BadNetwork {
            lost: dice.between(0, 300),
            doubled: dice.between(0, 200),
            slow_ms: dice.between(0, 20_000),
        },
        24 => FaultKind::StepClockOfCoordinator { ms },
        25 => FaultKind::StepClockOfSite { site, ms },
        26 => FaultKind::DiskFullAtCoordinator,
        27 => FaultKind::DiskFullAtSite(site),
        28 => FaultKind::TornWrite,
        29 | 30 => FaultKind::Exclude(site),
        31 | 32 => FaultKind::Hold(site),
        33 => FaultKind::Rude { site, how: RUDE[dice.index(RUDE.len())] },
        34 => FaultKind::Prune,
        35 | 36 => FaultKind::Revoke(site),
        37 | 38 => FaultKind::Withdraw(site),
        39 => FaultKind::Decline(site),
        40 => FaultKind::Stop,
        _ => FaultKind::Rude { site, how: RUDE[dice.index(RUDE.len())] },
    }
}
