//! The lines for the person at the site on what was said of a run's result on this site's own records. Called
//! by `lines`. Pure.

use common::id::RunId;
use common::limits::OWN_SCORES_RECORDS_MIN;
use common::wire::own_scores::{NoScores, OwnScores};

/// It is being measured.
pub(super) fn measuring(run: RunId) -> String {
    format!("run {run}: measuring its result on the records that this site held back")
}

/// What the coordinator has heard.
pub(super) fn said(run: RunId, said: &OwnScores) -> String {
    let few = format!("fewer than {OWN_SCORES_RECORDS_MIN} records were held back here");
    let why = match said {
        OwnScores::Measured(it) => {
            return format!(
                "run {run}: told the coordinator how its result does on {} records held back here: mean loss \
                 {:.3}, base model {:.3}",
                it.records.value(),
                it.federated.nats(),
                it.base.nats()
            );
        }
        OwnScores::NotMeasured(NoScores::NotAllowed) => {
            "the policy of this site does not allow it (own_scores)"
        }
        OwnScores::NotMeasured(NoScores::NoHeldOut) => "no record was held back here",
        OwnScores::NotMeasured(NoScores::TooFew) => few.as_str(),
        OwnScores::NotMeasured(NoScores::Failed) => "the measurement failed (see logs/worker.log)",
    };
    format!("run {run}: its result was not measured on this site's own records: {why}")
}
