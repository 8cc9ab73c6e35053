//! Each rule against the demand that it refuses, beside one that it lets pass. Run by `cargo test`.

use common::id::{Digest, RunId};
use common::run::{
    AdapterSettings, AggregationSettings, BaseSettings, HeldOutHashes, Member, Roster, TensorSpec,
};
use common::wire::message::PROTOCOL_VERSION;

use super::*;

fn manifest() -> RunManifest {
    let tensor = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
    RunManifest {
        protocol: PROTOCOL_VERSION,
        run: RunId([1; 8]),
        name: "r".into(),
        rounds: 3,
        base_fingerprint: Digest([0; 32]),
        adapter: AdapterSettings { rank: 2, ..AdapterSettings::default() },
        tensors: vec![tensor("m.lora_A.weight", [2, 3]), tensor("m.lora_B.weight", [4, 2])],
        adapter_bytes: (2 * 3 + 4 * 2) * 4 + 100,
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        aggregation: AggregationSettings::default(),
        quorum: 1,
        roster: Roster { members: vec![Member { name: "a".parse().unwrap(), key: Digest([1; 32]) }] },
        held_out: HeldOutHashes::default(),
        overlap: None,
    }
}

#[test]
fn a_run_that_is_made_to_read_single_records_is_refused_by_rule() {
    let policy = PolicyConfig::default();
    let refused = |change: fn(&mut TrainingSettings)| {
        let mut manifest = manifest();
        change(&mut manifest.training);
        policy.permits_terms(&manifest).err()
    };
    assert_eq!(refused(|_| ()), None);
    assert_eq!(refused(|t| t.validation_share = 0.9999), Some(PolicyRule::RunBounds));
    assert_eq!(refused(|t| t.learning_rate = 1e14), Some(PolicyRule::RunBounds));
    assert_eq!(refused(|t| t.learning_rate = 0.5), Some(PolicyRule::LearningRateMax));
    assert_eq!(refused(|t| t.epsilon = 1e12), Some(PolicyRule::EpsilonMax));
    assert_eq!(refused(|t| t.max_gradient_norm = 0.0), Some(PolicyRule::RunBounds));
    assert_eq!(refused(|t| t.max_gradient_norm = 1e30), Some(PolicyRule::GradientNormMax));
    assert_eq!(refused(|t| t.epochs = 101), Some(PolicyRule::EpochsMax));
}

#[test]
fn an_update_of_few_records_or_few_steps_is_refused() {
    let policy = PolicyConfig::default();
    let refused = |batch_size, records, tokens, steps| {
        let training = TrainingSettings { batch_size, ..TrainingSettings::default() };
        policy.permits_volume(&training, TrainingVolume { records, tokens, steps }).err()
    };
    assert_eq!(refused(8, 200, 20_000, 25), None);
    assert_eq!(refused(1, 1, 100, 1), Some(PolicyRule::RecordsMin));
    assert_eq!(refused(8, 99, 20_000, 13), Some(PolicyRule::RecordsMin));
    assert_eq!(refused(1, 200, 200_000, 200), Some(PolicyRule::StepRecordsMin));
    assert_eq!(refused(8, 200, 2_000, 25), Some(PolicyRule::StepTokensMin));
    assert_eq!(refused(100, 200, 20_000, 2), Some(PolicyRule::StepsMin));
    // A pack holds several records.
    assert_eq!(refused(1, 200, 20_000, 20), None);
}

#[test]
fn the_difference_of_two_updates_is_no_single_record() {
    let policy = PolicyConfig::default();
    assert_eq!(policy.permits_records(1000, None), Ok(()));
    assert_eq!(policy.permits_records(900, Some(1000)), Ok(()));
    assert_eq!(policy.permits_records(899, Some(1000)), Err(PolicyRule::RecordsDropMax));
    assert_eq!(policy.permits_records(99, None), Err(PolicyRule::RecordsMin));
    assert_eq!(policy.permits_one_more(99), Ok(()));
    assert_eq!(policy.permits_one_more(100), Err(PolicyRule::UpdatesPerDayMax));
}

#[test]
fn a_policy_that_makes_no_sense_is_named() {
    let fine = PolicyConfig::default();
    assert_eq!(fine.validate(), Ok(()));
    let wrong = PolicyConfig { learning_rate_max: f64::NAN, ..fine.clone() };
    assert!(wrong.validate().unwrap_err().contains("learning_rate_max"));
    let wrong = PolicyConfig { records_drop_max: 1.5, ..fine };
    assert!(wrong.validate().unwrap_err().contains("records_drop_max"));
}
