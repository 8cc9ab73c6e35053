//! What the scheduler asks to be done. Used by `scheduler`, which asks, and by `execution::driver` and
//! `execution::performer`, which do it. Invariant: effects are idempotent. Performing one twice leaves the
//! same files and the same journal, which is what lets a restart simply perform the pending ones.

use common::id::{Digest, Round, SiteId};

use super::baseline::HeldOut;
use super::state::Update;

/// One thing to do, after the event that caused it is in the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Measure the base model on the validation set; answer with `BaseScored`.
    ScoreBase,
    /// Choose the sites that train the round; answer with `SitesChosen`.
    ChooseSites {
        /// The round.
        round: Round,
    },
    /// Wake the sites that wait for work.
    Announce {
        /// The round that sites may now train.
        round: Round,
    },
    /// Average these updates (in site order); answer with `Aggregated`.
    Aggregate {
        /// The round.
        round: Round,
        /// Who is counted, in site order.
        inputs: Vec<(SiteId, Update)>,
    },
    /// Measure an adapter on the validation set; answer with `Scored`.
    Score {
        /// The round.
        round: Round,
        /// Its aggregate.
        adapter: Digest,
    },
    /// Make the aggregate the run's current model; answer with `RoundPublished`.
    Publish {
        /// The round.
        round: Round,
        /// Its aggregate.
        adapter: Digest,
    },
    /// Measure what one site trained alone; answer with `AloneMeasured`.
    MeasureAlone {
        /// The round.
        round: Round,
        /// Whose.
        site: SiteId,
        /// On what.
        set: HeldOut,
        /// Its update.
        adapter: Digest,
    },
    /// Journal that the test set is opened; answer with `TestOpened`.
    OpenTest,
    /// Measure base and final model on the test set; answer with `TestScored`.
    ScoreTest {
        /// The last round's aggregate.
        adapter: Digest,
    },
    /// The run is over: wake everybody, drop partial uploads.
    Finish,
    /// Answer the site whose update this event reported.
    Answer(Admission),
}

/// What a site is told about its update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Not seen before: send it (offer), or it counts now (commit).
    Welcome,
    /// Exactly this update counts already; the receipt is the same as before.
    Known,
    /// Another update of this site counts for this round.
    Conflict,
    /// The round does not take updates (any more).
    RoundClosed,
}
