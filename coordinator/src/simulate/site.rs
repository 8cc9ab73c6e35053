//! A site of a simulation, as far as its part in a round goes. Used by `world`. Invariant: whatever is
//! planned for it carries its `life`; a plan of an earlier one is void.

use super::agenda::Ms;
use super::traffic::{Exchanges, Traffic};

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// It asks, and waits for an answer.
    Waiting,
    Fetching,
    /// Also from the adapter's last byte to the first step.
    Training,
    /// Also from the offer to the first byte.
    Sending,
    /// Its update is there and is being checked and journalled.
    Delivered,
    /// It has heard that its round is over, and pauses.
    Pausing,
    Away,
}

/// A site.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) doing: Doing,
    pub(super) life: u32,
    /// The round it is at, or was last.
    pub(super) round: u32,
    /// The round for which it has the adapter.
    pub(super) holds: u32,
    /// How long it trains, over the median.
    pub(super) speed: f64,
    pub(super) train_ms: Ms,
    /// What is left of that.
    pub(super) left_ms: Ms,
    /// Since when it does what it does.
    pub(super) since: Ms,
    /// The coordinator takes it for offline.
    pub(super) is_missed: bool,
    /// How long it was away in all.
    pub(super) away_ms: Ms,
    pub(super) traffic: Traffic,
    /// When it heard of its round, had the adapter, had its update, and how long it was away in it.
    pub(super) heard_at: Ms,
    pub(super) fetched_at: Ms,
    pub(super) trained_at: Ms,
    pub(super) away_in_round_ms: Ms,
}

impl Site {
    /// One that is connected, and waits.
    pub(super) fn new(speed: f64, exchanges: &Exchanges) -> Self {
        let mut traffic = Traffic::default();
        exchanges.connects(&mut traffic);
        Self {
            doing: Doing::Waiting,
            life: 0,
            round: 0,
            holds: 0,
            speed,
            train_ms: 0,
            left_ms: 0,
            since: 0,
            is_missed: false,
            away_ms: 0,
            traffic,
            heard_at: 0,
            fetched_at: 0,
            trained_at: 0,
            away_in_round_ms: 0,
        }
    }

    pub(super) fn now_does(&mut self, doing: Doing, now: Ms) {
        (self.doing, self.since) = (doing, now);
    }
}
