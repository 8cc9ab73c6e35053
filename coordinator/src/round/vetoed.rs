//! That a round was not adopted, and what was found about it since, as the journal keeps it. Used by `state`
//! and `event`, which hold it; by `veto`, which decides it; by `admin::report`, which tells it. Invariant:
//! written names stay, so that old journals replay.

use std::collections::BTreeMap;

use common::clock::Timestamp;
use common::id::SiteId;
use serde::{Deserialize, Serialize};

use crate::limits::LOSS_NATS_MAX;

/// Why a round was not adopted, and what was found about it since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Veto {
    /// When.
    pub at: Timestamp,
    /// The lowest validation loss so far, nats per supervised token: of the base model, of the adapter that
    /// the run started from, or of an adopted round. `None` where none of them was measured.
    pub best_loss: Option<f64>,
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
        /// The mean of all updates, without the server's optimiser; `None` where it could not be measured, or
        /// sites would refuse it.
        together: Option<f64>,
        /// The mean without each of these sites, as far as that could be measured.
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
    /// The mean without any one of these sites' updates is within the bound.
    Sites(Vec<SiteId>),
    /// The mean is within the bound: the server's optimiser went too far.
    ServerOptimizer,
    /// None of the updates that were left out makes the difference by itself.
    NoSingleSite,
}

impl Veto {
    /// Whether a loss would have been adopted.
    pub fn would_adopt(&self, loss: f64) -> bool {
        is_number(loss) && self.best_loss.is_none_or(|best| loss - best <= self.increase_max)
    }

    /// What the search showed; `None` before it, and where it could not be made.
    pub fn blame(&self) -> Option<Blame> {
        let Some(Harm::Measured { together, without, .. }) = &self.harm else { return None };
        if together.is_some_and(|loss| self.would_adopt(loss)) {
            return Some(Blame::ServerOptimizer);
        }
        let harmful = without.iter().filter(|(_, loss)| self.would_adopt(**loss));
        let sites: Vec<SiteId> = harmful.map(|(site, _)| site.clone()).collect();
        Some(if sites.is_empty() { Blame::NoSingleSite } else { Blame::Sites(sites) })
    }
}

/// Whether a loss is a number that says something.
pub(super) fn is_number(loss: f64) -> bool {
    loss < LOSS_NATS_MAX
}
