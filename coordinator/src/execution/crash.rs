//! The places where the tests kill the coordinator (cargo feature `failpoints`, environment variable
//! `CONSILIUM_CRASH_AT`). Called by `driver`; `CRASH_POINTS` is the list that `tests/it/crash.rs` walks, so
//! that none is forgotten. Invariant: each stands between two durable steps; after a restart the run must
//! go on and publish the same bytes.

use crate::round::event::Event;

/// Every named point, in the order a run passes them.
pub const CRASH_POINTS: [&str; 47] = [
    "authority-next-stored",
    "authority-decided",
    "authority-key-taken",
    "enrol-after-sign",
    "enrol-after-commit",
    "renew-after-commit",
    "launched-before-journal",
    "launched-after-journal",
    "left-queue-before-journal",
    "left-queue-after-journal",
    "base-scored-before-journal",
    "base-scored-after-journal",
    "sites-chosen-before-journal",
    "sites-chosen-after-journal",
    "taken-after-journal",
    "overlap-declared",
    "overlap-batch-noted",
    "overlap-evaluated",
    "upload-after-chunk",
    "update-before-rename",
    "update-after-rename",
    "update-stored-before-journal",
    "update-stored-after-journal",
    "receipt-before-answer",
    "aggregate-mid-write",
    "server-step-mid-write",
    "server-step-after-moments",
    "aggregate-after-file",
    "aggregated-before-journal",
    "aggregated-after-journal",
    "scored-before-journal",
    "scored-after-journal",
    "deadline-extended-before-journal",
    "deadline-extended-after-journal",
    "stop-after-round-before-journal",
    "stop-after-round-after-journal",
    "round-published-before-journal",
    "round-published-after-journal",
    "aggregation-error-before-journal",
    "aggregation-error-after-journal",
    "test-opened-after-journal",
    "test-scored-before-journal",
    "test-scored-after-journal",
    "suite-measured-before-journal",
    "suite-measured-after-journal",
    "alone-measured-before-journal",
    "alone-measured-after-journal",
];

/// Passed by the driver before it commits `event`.
pub fn before_journal(event: &Event) {
    common::crash_point!(match event {
        Event::Launched { .. } => "launched-before-journal",
        Event::LeftQueue { .. } => "left-queue-before-journal",
        Event::BaseScored { .. } => "base-scored-before-journal",
        Event::SitesChosen { .. } => "sites-chosen-before-journal",
        Event::UpdateStored { .. } => "update-stored-before-journal",
        Event::DeadlineExtended { .. } => "deadline-extended-before-journal",
        Event::StopAfterRound { .. } => "stop-after-round-before-journal",
        Event::Aggregated { .. } => "aggregated-before-journal",
        Event::Scored { .. } => "scored-before-journal",
        Event::RoundPublished { .. } => "round-published-before-journal",
        Event::AggregationErrorFound { .. } => "aggregation-error-before-journal",
        Event::TestScored { .. } => "test-scored-before-journal",
        Event::SuiteMeasured { .. } => "suite-measured-before-journal",
        Event::AloneMeasured { .. } => "alone-measured-before-journal",
        _ => "other-before-journal",
    });
}

/// Passed by the driver after it committed `event`, before any effect.
pub fn after_journal(event: &Event) {
    common::crash_point!(match event {
        Event::Launched { .. } => "launched-after-journal",
        Event::LeftQueue { .. } => "left-queue-after-journal",
        Event::BaseScored { .. } => "base-scored-after-journal",
        Event::SitesChosen { .. } => "sites-chosen-after-journal",
        Event::SiteReady { .. } => "taken-after-journal",
        Event::UpdateStored { .. } => "update-stored-after-journal",
        Event::DeadlineExtended { .. } => "deadline-extended-after-journal",
        Event::StopAfterRound { .. } => "stop-after-round-after-journal",
        Event::Aggregated { .. } => "aggregated-after-journal",
        Event::Scored { .. } => "scored-after-journal",
        Event::RoundPublished { .. } => "round-published-after-journal",
        Event::AggregationErrorFound { .. } => "aggregation-error-after-journal",
        Event::TestOpened { .. } => "test-opened-after-journal",
        Event::TestScored { .. } => "test-scored-after-journal",
        Event::SuiteMeasured { .. } => "suite-measured-after-journal",
        Event::AloneMeasured { .. } => "alone-measured-after-journal",
        _ => "other-after-journal",
    });
}
