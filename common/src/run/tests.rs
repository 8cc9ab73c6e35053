//! A run file next to the ways it can be wrong.

use super::*;

fn spec() -> RunSpec {
    RunSpec {
        name: "medqa".into(),
        rounds: 3,
        model: None,
        validation: None,
        test: None,
        quorum: QuorumSettings { sites: 4, deadline_s: 60 },
        adapter: AdapterSettings::default(),
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        aggregation: AggregationSettings::default(),
    }
}

#[test]
fn bounds_are_checked_by_name() {
    assert_eq!(spec().validate(), Ok(()));
    let mut wrong = spec();
    wrong.rounds = 0;
    assert!(wrong.validate().unwrap_err().to_string().contains("`rounds`"));
    let mut wrong = spec();
    wrong.training.learning_rate = f64::NAN;
    assert!(wrong.validate().unwrap_err().to_string().contains("training.learning_rate"));
    let mut wrong = spec();
    wrong.adapter.target_modules = TargetModules::Named(vec!["lm_head".into()]);
    assert!(wrong.validate().unwrap_err().to_string().contains("target_modules"));
}

#[test]
fn a_manifest_round_trips_and_refuses_unknown_fields() {
    let manifest = RunManifest {
        run: RunId([7; 8]),
        name: "medqa".into(),
        rounds: 3,
        base_fingerprint: Digest::of(b"base"),
        adapter: AdapterSettings::default(),
        tensors: vec![TensorSpec { name: "a".into(), shape: [2, 3] }],
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        sites: vec!["cardiology".parse().unwrap()],
    };
    let bytes = manifest.to_bytes().unwrap();
    assert_eq!(RunManifest::from_bytes(&bytes).unwrap(), manifest);
    let mut value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    value["surprise"] = 1.into();
    assert!(RunManifest::from_bytes(&serde_json::to_vec(&value).unwrap()).is_err());
}
