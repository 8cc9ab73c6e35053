//! `[participation]` of a run file: how many of the run's sites train each round. Used by `run` and its
//! manifest; the coordinator chooses by it (`round::participation` there). Invariants: a round of so many
//! sites can reach its quorum; a run in which every site trains every round has the bytes that it always had.

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use super::train::Train;

/// `[participation]`. Flower says it as a share (`fraction_train`, `min_train_nodes`), NVFlare as a number
/// (`num_clients` of `sample_clients`); here it is a number, because so is the quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticipationSettings {
    /// How many sites train in a round. The others rest, and are handed the model when they next train.
    pub sites_per_round: usize,
}

/// What run file and manifest have in common. `members`: how many sites take part, as far as that is known;
/// `key`: what the quorum is called there.
pub(super) fn validate(
    participation: Option<ParticipationSettings>,
    quorum: (&'static str, usize),
    members: Option<usize>,
    train: Train,
) -> Result<(), RunError> {
    let Some(ParticipationSettings { sites_per_round }) = participation else { return Ok(()) };
    let key = "participation.sites_per_round";
    let expected = "left out with train = \"alone\": there is one round, and every site trains in it";
    bound(train == Train::Together, key, sites_per_round, expected)?;
    bound(sites_per_round >= 1, key, sites_per_round, "at least 1")?;
    if let Some(members) = members {
        bound(sites_per_round <= members, key, sites_per_round, "at most the number of sites")?;
    }
    let (quorum_key, quorum) = quorum;
    let expected = "at most participation.sites_per_round: only sites that are chosen send an update";
    bound(quorum <= sites_per_round, quorum_key, quorum, expected)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::RunSpec;
    use super::*;

    fn read(changes: &Value) -> Result<RunSpec, String> {
        let mut text = json!({
            "name": "t", "rounds": 1, "validation": "v", "quorum": {"sites": 3, "deadline_s": 60}, "training": {},
        });
        let fields = changes.as_object().unwrap().clone();
        text.as_object_mut().unwrap().extend(fields);
        let spec: RunSpec = serde_json::from_value(text).map_err(|error| error.to_string())?;
        spec.validate().map_err(|error| error.to_string())?;
        Ok(spec)
    }

    #[test]
    fn a_run_of_some_sites_a_round_is_read_and_one_of_all_is_written_as_before() {
        let some = read(&json!({"participation": {"sites_per_round": 4}})).unwrap();
        assert_eq!(some.participation, Some(ParticipationSettings { sites_per_round: 4 }));
        let all = read(&json!({})).unwrap();
        assert!(!serde_json::to_string(&all).unwrap().contains("participation"));
        let exactly = json!({"participation": {"sites_per_round": 3}});
        assert!(read(&exactly).is_ok(), "all who are chosen are needed");
    }

    #[test]
    fn what_no_round_could_do_is_refused_by_name() {
        let of = |sites_per_round: usize, more: Value| {
            let mut changes = json!({"participation": {"sites_per_round": sites_per_round}});
            changes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            read(&changes).unwrap_err()
        };
        let message = of(2, json!({}));
        assert!(message.contains("`quorum.sites`") && message.contains("participation"), "{message}");
        assert!(of(0, json!({})).contains("`participation.sites_per_round`"));
        let named = json!({"sites": {"names": ["a", "b", "c", "d"]}});
        assert!(of(5, named).contains("at most the number of sites"));
        assert!(of(3, json!({"train": "alone"})).contains("alone"));
        assert!(of(4, json!({"quorum": {"sites": 5, "deadline_s": 60}})).contains("`quorum.sites`"));
        for other in [json!({"fraction": 0.5}), json!({"sites_per_round": 3, "fraction": 0.5}), json!({})] {
            assert!(read(&json!({ "participation": other })).is_err(), "{other}");
        }
    }
}
