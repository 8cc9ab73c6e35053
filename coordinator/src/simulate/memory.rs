//! The coordinator's memory, by the program's own limits. Used by `prediction`. Invariant: what the limits
//! allow is above what is expected.

use common::limits::{
    CHUNK_BYTES_MAX, CONNECTION_WINDOW_BYTES_MAX, PAYLOADS_IN_FLIGHT_MAX, SEND_WINDOW_BYTES_MAX,
};
use serde::Serialize;

use super::plan::Plan;
use crate::limits::AGGREGATE_BLOCK_BYTES_MAX;

/// The program with its database, before a site connects: measured.
const BASE_BYTES: u64 = 24 << 20;
/// A connection on which nothing moves: measured.
const IDLE_BYTES: u64 = 512 << 10;
/// A site in a round's state (name, time, digest, numbers, and the maps around them), of which there is one
/// in the present state and one in the one that follows.
const ENTRY_BYTES: u64 = 2 * 400;

/// Bytes of memory of `coordinator serve`; the processes that evaluate are others. `Serialize` is what
/// `--json` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryUse {
    /// With the transfers that the simulation has at once.
    pub expected_bytes: u64,
    /// With every buffer full that a limit allows.
    pub most_bytes: u64,
}

impl MemoryUse {
    /// Of a plan in which so many transfers go on at once.
    pub(super) fn of(plan: &Plan, transfers: usize) -> Self {
        let (sites, transfers) = (plan.sites.len() as u64, transfers as u64);
        let window = u64::from(CONNECTION_WINDOW_BYTES_MAX) + SEND_WINDOW_BYTES_MAX;
        let payloads = |count: u64| count.min(PAYLOADS_IN_FLIGHT_MAX as u64) * CHUNK_BYTES_MAX as u64;
        // A block of updates, and its sums and changes in f64: limits.rs says 6 MiB a thread.
        let averaging = plan.machine.cores as u64 * AGGREGATE_BLOCK_BYTES_MAX as u64 * 3 / 2;
        let rounds = u64::from(plan.spec.rounds).saturating_mul(sites).saturating_mul(ENTRY_BYTES);
        let fixed = BASE_BYTES.saturating_add(averaging).saturating_add(rounds);
        let with = |count: u64| count.saturating_mul(window).saturating_add(payloads(count));
        let idle = sites.saturating_mul(IDLE_BYTES);
        Self {
            expected_bytes: fixed.saturating_add(idle).saturating_add(with(transfers.min(sites))),
            most_bytes: fixed.saturating_add(idle).saturating_add(with(sites)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::tests::plan;

    #[test]
    fn memory_grows_with_transfers_and_stays_below_the_limits() {
        let plan = plan(100, 3);
        let [few, many, too_many] = [1, 50, 1_000].map(|transfers| MemoryUse::of(&plan, transfers));
        assert!(few.expected_bytes < many.expected_bytes && many.expected_bytes < many.most_bytes);
        assert_eq!((few.most_bytes, too_many.expected_bytes), (many.most_bytes, many.most_bytes));
    }
}
