//! That a round was not adopted, and what was found about it since, as the journal keeps it. Used by `state`
//! and `event`, which hold it; by `veto`, which decides it; by `admin::report`, which tells it. Invariant:
//! written names stay, so that old journals replay.

use std::collections::BTreeMap;

use common::clock::Timestamp;
use common::id::SiteId;
use serde::{Deserialize, Serialize};

/// Why a round was not adopted, and what was found about it since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Veto {
    /// When.
    pub at: Timestamp,
    /// The lowest validation loss so far, nats per supervised token: of the base model or an adopted round.
    pub best_loss: f64,
    /// How much more would have been adopted.
    pub increase_max: f64,
    /// Whose update it was, as far as that can be said; found later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harm: Option<Harm>,
}

/// What leaving one update out at a time showed. Losses are on the validation set, in nats per supervised
/// token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// It was measured.
    Measured {
        /// The mean of all updates, without the server's optimiser.
        together: f64,
        /// The mean without each of these sites.
        without: BTreeMap<SiteId, f64>,
        /// How long that took.
        duration_ms: u64,
    },
    /// It is not known, and nobody tries again.
    NotMeasured {
        /// One sentence for the operator.
        reason: String,
    },
}

/// Whose fault a vetoed round is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blame {
    /// Without any one of these sites' updates the round would have been adopted.
    Sites(Vec<SiteId>),
    /// The mean would have been adopted: the server's optimiser went too far.
    ServerOptimizer,
    /// No single update makes the difference.
    NoSingleSite,
}

impl Veto {
    /// Whether a loss would have been adopted.
    pub fn would_adopt(&self, loss: f64) -> bool {
        is_within(self.best_loss, self.increase_max, loss)
    }

    /// What the search showed; `None` before it, and where it could not be made.
    pub fn blame(&self) -> Option<Blame> {
        let Some(Harm::Measured { together, without, .. }) = &self.harm else { return None };
        if self.would_adopt(*together) {
            return Some(Blame::ServerOptimizer);
        }
        let sites: Vec<SiteId> = without
            .iter()
            .filter(|(_, loss)| self.would_adopt(**loss))
            .map(|(site, _)| site.clone())
            .collect();
        Some(if sites.is_empty() { Blame::NoSingleSite } else { Blame::Sites(sites) })
    }
}

/// A loss that is no number is within nothing.
pub(super) fn is_within(best: f64, increase_max: f64, loss: f64) -> bool {
    loss - best <= increase_max
}
