//! What came of the answers that were checked. Used by `answering`, which counts, and by `serve` at its end.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::alone::checking::Verdict;

/// Counts since the start.
#[derive(Debug, Default)]
pub(super) struct Tally {
    checked: AtomicU64,
    withheld: AtomicU64,
    warned: AtomicU64,
}

impl Tally {
    /// One answer more.
    pub(super) fn count(&self, verdict: &Verdict) {
        self.checked.fetch_add(1, Ordering::Relaxed);
        if verdict.is_withheld() {
            self.withheld.fetch_add(1, Ordering::Relaxed);
        } else if !verdict.broken().is_empty() {
            self.warned.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        let [checked, withheld, warned] =
            [&self.checked, &self.withheld, &self.warned].map(|count| count.load(Ordering::Relaxed));
        format!("checked answers: {checked}; withheld: {withheld}; given although a rule warns: {warned}")
    }
}
