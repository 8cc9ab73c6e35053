//! What a site says of a run's result on records of its own, as the journal keeps it. Used by `event` and
//! `state`, which hold it; by `own_scores`, which notes it. Invariant: written names stay, so that old
//! journals replay.

use common::wire::own_scores::{NoScores, OwnScores};
use serde::{Deserialize, Serialize};

/// What a site said, as the journal keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It measured.
    Measured(Figures),
    /// It does not say, and why.
    NotMeasured(Silence),
}

/// Base model and result on a site's own held-out records; losses in nats per supervised token, each a mean
/// over records.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Records, rounded.
    pub records: u64,
    /// The base model's loss.
    pub base: f64,
    /// The result's.
    pub federated: f64,
    /// The 95 % interval of `base - federated`: above 0 the result is better.
    pub gain_interval: [f64; 2],
}

/// Why a site does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// Its policy does not allow it.
    NotAllowed,
    /// It held no record back.
    NoHeldOut,
    /// It held back too few.
    TooFew,
    /// Its measurement failed.
    Failed,
}

impl From<OwnScores> for Said {
    fn from(said: OwnScores) -> Self {
        match said {
            OwnScores::Measured(measured) => Self::Measured(Figures {
                records: measured.records.value(),
                base: measured.base.nats(),
                federated: measured.federated.nats(),
                gain_interval: [measured.gain_low.nats(), measured.gain_high.nats()],
            }),
            OwnScores::NotMeasured(reason) => Self::NotMeasured(match reason {
                NoScores::NotAllowed => Silence::NotAllowed,
                NoScores::NoHeldOut => Silence::NoHeldOut,
                NoScores::TooFew => Silence::TooFew,
                NoScores::Failed => Silence::Failed,
            }),
        }
    }
}
