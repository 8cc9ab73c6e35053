//! What `status` and `report` say of a round that was not adopted: by how much its loss rose, and whose
//! update did the harm. Used by `admin::report` and `warnings`. Invariant: nobody is named on less than a
//! measurement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::round::state::{RoundRecord, Score};
use crate::round::vetoed::{Blame, Harm, Veto};

/// Why a round was not adopted. Losses are on the validation set, in nats per supervised token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotAdopted {
    /// The lowest loss before it, of the base model or an adopted round.
    pub best_loss: f64,
    /// How much more would have been adopted: `[evaluation] loss_increase_max`.
    pub increase_max: f64,
    /// `pending` (measured beside the run, while `serve` runs), `sites`, `server_optimizer`,
    /// `no_single_site` or `not_measured`.
    pub harm: String,
    /// With `sites`: those without any one of which the round would have been adopted.
    pub harmful_sites: Vec<String>,
    /// The loss of the mean of all updates, without the server's optimiser.
    pub together: Option<f64>,
    /// The loss of the mean without each of these sites.
    pub without: BTreeMap<String, f64>,
    /// With `not_measured`: why, a sentence.
    pub reason: Option<String>,
}

/// Of a round that was not adopted.
pub(super) fn of_round(record: &RoundRecord) -> Option<NotAdopted> {
    let veto = record.vetoed.as_ref()?;
    let (together, without, reason) = match &veto.harm {
        None => (None, BTreeMap::new(), None),
        Some(Harm::NotMeasured { reason }) => (None, BTreeMap::new(), Some(reason.clone())),
        Some(Harm::Measured { together, without, .. }) => {
            (Some(*together), without.iter().map(|(site, loss)| (site.to_string(), *loss)).collect(), None)
        }
    };
    let (harm, harmful_sites) = match veto.blame() {
        Some(Blame::Sites(sites)) => ("sites", sites.iter().map(ToString::to_string).collect()),
        Some(Blame::ServerOptimizer) => ("server_optimizer", Vec::new()),
        Some(Blame::NoSingleSite) => ("no_single_site", Vec::new()),
        None if veto.harm.is_none() => ("pending", Vec::new()),
        None => ("not_measured", Vec::new()),
    };
    let (best_loss, increase_max) = (veto.best_loss, veto.increase_max);
    Some(NotAdopted {
        best_loss,
        increase_max,
        harm: harm.to_owned(),
        harmful_sites,
        together,
        without,
        reason,
    })
}

/// Two sentences for the operator.
pub(super) fn warning(record: &RoundRecord) -> Option<String> {
    let veto = record.vetoed.as_ref()?;
    let loss = record.score.as_ref().and_then(Score::metrics).map_or(f64::NAN, |metrics| metrics.loss);
    Some(format!(
        "round {} was not adopted: its validation loss {loss:.4} is more than {} above {:.4}, the best before it; {}",
        record.round,
        veto.increase_max,
        veto.best_loss,
        harm(veto)
    ))
}

fn harm(veto: &Veto) -> String {
    let losses = |sites: &[common::id::SiteId]| {
        let Some(Harm::Measured { without, .. }) = &veto.harm else { return String::new() };
        let named = sites.iter().filter_map(|site| Some(format!("{site} ({:.4})", without.get(site)?)));
        named.collect::<Vec<_>>().join(", ")
    };
    match (veto.blame(), &veto.harm) {
        (Some(Blame::Sites(sites)), _) if sites.len() == 1 => format!(
            "without the update of site {} it would have been: ask that hospital, or exclude it",
            losses(&sites)
        ),
        (Some(Blame::Sites(sites)), _) => {
            format!("without the update of any one of these it would have been: {}", losses(&sites))
        }
        (Some(Blame::ServerOptimizer), _) => {
            "the mean of its updates would have been: the server's optimiser goes too far".to_owned()
        }
        (Some(Blame::NoSingleSite), _) => "no single site's update makes the difference".to_owned(),
        (None, Some(Harm::NotMeasured { reason })) => {
            format!("it is not known whose update it was: {reason}")
        }
        (None, _) => "whose update it was is measured beside the run, while `serve` runs".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;
    use common::id::SiteId;

    use super::*;

    fn veto(harm: Option<Harm>) -> Veto {
        Veto { at: Timestamp(1), best_loss: 5.0, increase_max: 0.5, harm }
    }

    fn found(together: f64, without: &[(&str, f64)]) -> Veto {
        let without = without.iter().map(|(site, loss)| (site.parse::<SiteId>().unwrap(), *loss)).collect();
        veto(Some(Harm::Measured { together, without, duration_ms: 1 }))
    }

    #[test]
    fn who_did_the_harm_is_named_with_the_number_that_says_so() {
        let one = harm(&found(9.0, &[("north", 5.2), ("south", 9.1)]));
        assert!(one.contains("site north (5.2000)") && !one.contains("south"), "{one}");
        let two = harm(&found(9.0, &[("north", 5.2), ("south", 5.5)]));
        assert!(two.contains("north (5.2000), south (5.5000)"), "{two}");
        assert!(harm(&found(9.0, &[("north", 8.0), ("south", 9.1)])).starts_with("no single"));
        assert!(harm(&found(5.4, &[("north", 5.3)])).contains("optimiser"));
        assert!(harm(&veto(None)).contains("beside the run"));
        let reason = "the file is gone".to_owned();
        assert!(harm(&veto(Some(Harm::NotMeasured { reason }))).ends_with("the file is gone"));
    }
}
