//! What a run that asks for own scores lets leave a site, in words. Called by `words`. Pure.

use common::limits::{OWN_SCORES_RECORDS_MAX, OWN_SCORES_RECORDS_MIN};
use common::page::grouped;

use crate::gateway::progress::SCORES_BITS;

/// For a site whose policy lets them leave, or does not.
pub(super) fn words(may_score: bool) -> String {
    if !may_score {
        return "this run asks how its result does on the records that this site held back; this site's policy does \
                not allow it (own_scores): it trains, and says only that it does not say"
            .to_owned();
    }
    format!(
        "once, after the last round: how the base model and the result do on the records that this site held back \
         ({} of them at least, {} at most): a rounded count, two mean losses and an interval, {SCORES_BITS} bits; no \
         record's own loss, no text",
        OWN_SCORES_RECORDS_MIN,
        grouped(OWN_SCORES_RECORDS_MAX)
    )
}
