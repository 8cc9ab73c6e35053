//! What `status` and `report` say of a round that was not adopted: by how much its loss rose, and whose
//! update did the harm. Used by `admin::report` and `warnings`. Invariant: nobody is named on less than a
//! measurement.

use std::collections::BTreeMap;

use common::id::SiteId;
use serde::{Deserialize, Serialize};

use crate::round::state::{RoundRecord, Score};
use crate::round::vetoed::{Blame, Harm, Veto};

/// Why a round was not adopted. Losses are on the validation set, in nats per supervised token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotAdopted {
    /// The lowest loss before it, of the base model, the adapter that the run started from, or an adopted
    /// round; `null` where none of them was measured.
    pub best_loss: Option<f64>,
    /// How much more would have been adopted: `[evaluation] loss_increase_max`.
    pub increase_max: f64,
    /// `pending` (measured beside the run, while `serve` runs), `sites`, `server_optimizer`,
    /// `no_single_site` or `not_measured`.
    pub harm: String,
    /// With `sites`: those without any one of which the mean is within the bound.
    pub harmful_sites: Vec<String>,
    /// The loss of the mean of all updates, without the server's optimiser; `null` where it was not measured.
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
            (*together, without.iter().map(|(site, loss)| (site.to_string(), *loss)).collect(), None)
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
    let why = match veto.best_loss {
        Some(best) => format!("is more than {} above {best:.4}, the best before it", veto.increase_max),
        None => "is that of a model whose numbers overflow".to_owned(),
    };
    let (number, harm) = (record.round, harm(veto, record.updates.len()));
    Some(format!("round {number} was not adopted: its validation loss {loss:.4} {why}; {harm}"))
}

/// Whose it was, of so many updates.
fn harm(veto: &Veto, updates: usize) -> String {
    let Some(Harm::Measured { without, .. }) = &veto.harm else {
        return match &veto.harm {
            Some(Harm::NotMeasured { reason }) => format!("it is not known whose update it was: {reason}"),
            _ => "whose update it was is measured beside the run, while `serve` runs".to_owned(),
        };
    };
    let losses = |sites: &[SiteId]| {
        let named = sites.iter().filter_map(|site| Some(format!("{site} ({:.4})", without.get(site)?)));
        named.collect::<Vec<_>>().join(", ")
    };
    match veto.blame() {
        Some(Blame::Sites(sites)) if sites.len() == 1 => format!(
            "the mean without the update of site {} is within the bound: ask that hospital, or exclude it",
            losses(&sites)
        ),
        Some(Blame::Sites(sites)) => {
            format!("the mean without the update of any one of these is within the bound: {}", losses(&sites))
        }
        Some(Blame::ServerOptimizer) => {
            "the mean of its updates is within the bound: the server's optimiser goes too far".to_owned()
        }
        _ => {
            let tried = without.len();
            format!(
                "of the {tried} of {updates} updates that were left out, none makes the difference by itself"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;

    use super::*;

    fn veto(harm: Option<Harm>) -> Veto {
        Veto { at: Timestamp(1), best_loss: Some(5.0), increase_max: 0.5, harm }
    }

    fn found(together: f64, without: &[(&str, f64)]) -> Veto {
        let without = without.iter().map(|(site, loss)| (site.parse::<SiteId>().unwrap(), *loss)).collect();
        veto(Some(Harm::Measured { together: Some(together), without, duration_ms: 1 }))
    }

    #[test]
    fn who_did_the_harm_is_named_with_the_number_that_says_so() {
        let one = harm(&found(9.0, &[("north", 5.2), ("south", 9.1)]), 2);
        assert!(one.contains("site north (5.2000)") && !one.contains("south"), "{one}");
        let two = harm(&found(9.0, &[("north", 5.2), ("south", 5.5)]), 2);
        assert!(two.contains("north (5.2000), south (5.5000)"), "{two}");
        let none = harm(&found(9.0, &[("north", 8.0), ("south", 9.1)]), 30);
        assert!(none.starts_with("of the 2 of 30 updates"), "nobody else is cleared: {none}");
        assert!(harm(&found(5.4, &[("north", 5.3)]), 2).contains("optimiser"));
        assert!(harm(&veto(None), 2).contains("beside the run"));
        let reason = "the file is gone".to_owned();
        assert!(harm(&veto(Some(Harm::NotMeasured { reason })), 2).ends_with("the file is gone"));
    }
}
