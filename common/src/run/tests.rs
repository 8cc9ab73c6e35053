//! A run file next to the ways it can be wrong.

use super::*;
use crate::id::{Digest, RunId};
use crate::wire::message::PROTOCOL_VERSION;

fn spec() -> RunSpec {
    RunSpec {
        name: "medqa".into(),
        rounds: 3,
        model: None,
        validation: None,
        test: None,
        initial: None,
        train: Train::Together,
        participation: None,
        compare_with: None,
        pooled: None,
        quorum: QuorumSettings { sites: 4, deadline_s: 60, grace_s: None },
        approval: ApprovalSettings::default(),
        sites: None,
        adapter: AdapterSettings::default(),
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        aggregation: AggregationSettings::default(),
        overlap: OverlapSettings::default(),
        evaluation: EvaluationSettings::default(),
    }
}

#[test]
fn bounds_are_checked_by_name() {
    assert_eq!(spec().validate(), Ok(()));
    let mut wrong = spec();
    wrong.rounds = 0;
    assert!(wrong.validate().unwrap_err().to_string().contains("`rounds`"));
    let mut wrong = spec();
    wrong.overlap.points_max = 1000;
    assert!(wrong.validate().unwrap_err().to_string().contains("overlap.points_max"));
    let mut wrong = spec();
    wrong.evaluation.sites.score = true;
    wrong.training.validation_share = 0.0;
    assert!(wrong.validate().unwrap_err().to_string().contains("evaluation.sites.score"));
    wrong.evaluation.sites.score = false;
    wrong.evaluation.sample_questions = 11;
    assert!(wrong.validate().unwrap_err().to_string().contains("evaluation.sample_questions"));
    let mut wrong = spec();
    wrong.training.learning_rate = f64::NAN;
    assert!(wrong.validate().unwrap_err().to_string().contains("training.learning_rate"));
    let mut wrong = spec();
    wrong.adapter.target_modules = TargetModules::Named(vec!["lm_head".into()]);
    assert!(wrong.validate().unwrap_err().to_string().contains("target_modules"));
}

#[test]
fn a_run_file_of_an_older_version_asks_for_three_sample_questions() {
    let mut written = serde_json::to_value(spec()).unwrap();
    assert_eq!(written.as_object_mut().unwrap().remove("evaluation").unwrap()["sample_questions"], 3);
    assert_eq!(serde_json::from_value::<RunSpec>(written).unwrap(), spec());
}

#[test]
fn a_round_waits_a_tenth_of_its_deadline_for_the_rest_at_most_ten_minutes() {
    let mut quorum = QuorumSettings { sites: 2, deadline_s: 60, grace_s: None };
    assert_eq!(quorum.grace_ms(), 6_000);
    quorum.deadline_s = 24 * 3600;
    assert_eq!(quorum.grace_ms(), 600_000);
    quorum.grace_s = Some(0);
    assert_eq!(quorum.grace_ms(), 0);
    let mut wrong = spec();
    wrong.quorum.grace_s = Some(61);
    assert!(wrong.validate().unwrap_err().to_string().contains("quorum.grace_s"));
}

#[test]
fn the_sites_of_a_run_are_named_once_and_make_a_quorum() {
    let chosen = |text: &str| {
        let mut spec = spec();
        spec.sites = Some(serde_json::from_str(text).unwrap());
        spec.validate()
    };
    assert_eq!(chosen(r#"{"names": ["a", "b", "c", "d"]}"#), Ok(()));
    for (text, key) in [
        (r#"{"names": []}"#, "sites.names"),
        (r#"{"names": ["a", "b", "c", "d", "a"]}"#, "each name once"),
        (r#"{"names": ["a", "b", "c"]}"#, "quorum.sites"),
    ] {
        let message = chosen(text).unwrap_err().to_string();
        assert!(message.contains(key), "{message}");
    }
}

#[test]
fn a_run_file_of_before_is_written_as_before() {
    let text = serde_json::to_string(&spec()).unwrap();
    for key in ["grace_s", "initial", "\"sites\":{"] {
        assert!(!text.contains(key), "{key} in {text}");
    }
}

#[test]
fn each_training_setting_has_a_name_and_a_bound() {
    let parse = |text: &str| serde_json::from_str::<TrainingSettings>(text);
    for (key, value) in [
        ("kl_weight", "-1.0"),
        ("proximal_mu", "-0.1"),
        ("proximal_mu", "101.0"),
        ("neftune_alpha", "101"),
        ("validation_share", "0.6"),
        ("warmup_ratio", "1.5"),
        ("decay_ratio", "-0.1"),
        ("schedule_cycles", "0"),
        ("early_stopping_min_delta", "11"),
    ] {
        let training = parse(&format!("{{\"{key}\": {value}}}")).unwrap();
        let message = training.validate().unwrap_err().to_string();
        assert!(message.contains(&format!("`training.{key}`")), "{message}");
    }
    let not_a_number = TrainingSettings { kl_weight: f64::NAN, ..Default::default() };
    assert!(not_a_number.validate().is_err());
    let text = r#"{"batching": "packed", "schedule": "cosine-with-restarts", "schedule_cycles": 3}"#;
    let training = parse(text).unwrap();
    assert_eq!(training.validate(), Ok(()));
    assert_eq!((training.batching, training.schedule), (Batching::Packed, Schedule::CosineWithRestarts));
    assert!(parse(r#"{"schedule": "cosin"}"#).is_err());
    assert!(parse(r#"{"kl_wieght": 0.1}"#).is_err());
}

#[test]
fn a_round_is_so_many_passes_or_so_many_steps_and_not_both() {
    let work = |text: &str| {
        let training: TrainingSettings = serde_json::from_str(text).unwrap();
        training.validate().map(|()| training.work()).map_err(|error| error.to_string())
    };
    let epochs = |passes| Ok(LocalWork::Epochs(Epochs::nearest(passes).unwrap()));
    assert_eq!(work("{}"), epochs(1.0));
    assert_eq!(work(r#"{"epochs": 3}"#), epochs(3.0));
    assert_eq!(work(r#"{"epochs": 0.25}"#), epochs(0.25));
    assert_eq!(work(r#"{"steps": 20}"#), Ok(LocalWork::Steps(20)));
    assert!(work(r#"{"epochs": 0.25, "steps": 20}"#).unwrap_err().contains("`training.steps`"));
    for (text, key) in [
        (r#"{"epochs": 0}"#, "training.epochs"),
        (r#"{"epochs": 0.0009}"#, "training.epochs"),
        (r#"{"epochs": 1001}"#, "training.epochs"),
        (r#"{"steps": 0}"#, "training.steps"),
        (r#"{"steps": 1000001}"#, "training.steps"),
    ] {
        assert!(work(text).unwrap_err().contains(key), "{text}");
    }
    let mut unsaid: TrainingSettings = serde_json::from_str(r#"{"batch_size": 4}"#).unwrap();
    unsaid.say_work();
    assert_eq!((unsaid.epochs, unsaid.steps), (Some(Epochs::whole(1)), None));
    let mut steps: TrainingSettings = serde_json::from_str(r#"{"steps": 4}"#).unwrap();
    steps.say_work();
    assert_eq!((steps.epochs, steps.steps), (None, Some(4)));
}

#[test]
fn early_stopping_needs_something_to_measure() {
    let mut spec = spec();
    spec.training.early_stopping_patience = 2;
    assert!(spec.validate().unwrap_err().to_string().contains("early_stopping_patience"));
    spec.training.validation_share = 0.1;
    assert_eq!(spec.validate(), Ok(()));
}

#[test]
fn a_manifest_round_trips_and_refuses_unknown_fields() {
    let manifest = RunManifest {
        protocol: PROTOCOL_VERSION,
        run: RunId([7; 8]),
        name: "medqa".into(),
        rounds: 3,
        base_fingerprint: Digest::of(b"base"),
        adapter: AdapterSettings::default(),
        tensors: vec![TensorSpec { name: "a".into(), shape: [2, 3] }],
        adapter_bytes: 100,
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        aggregation: AggregationSettings::default(),
        quorum: 1,
        roster: Roster {
            members: vec![Member { name: "cardiology".parse().unwrap(), key: Digest([1; 32]) }],
        },
        held_out: HeldOutHashes::default(),
        overlap: None,
        suites: Vec::new(),
        own_scores: false,
        train: Train::Together,
        participation: None,
    };
    let bytes = manifest.to_bytes().unwrap();
    assert_eq!(RunManifest::from_bytes(&bytes).unwrap(), manifest);
    let mut value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    value["surprise"] = 1.into();
    assert!(RunManifest::from_bytes(&serde_json::to_vec(&value).unwrap()).is_err());
}

#[test]
fn every_rank_that_a_run_may_have_is_one_vllm_can_serve() {
    assert_eq!([1, 2, 16, 17, 256].map(vllm_rank), [Some(1), Some(8), Some(16), Some(32), Some(256)]);
    assert!((1..=crate::limits::ADAPTER_RANK_MAX as u64).all(|rank| vllm_rank(rank).is_some()));
    assert_eq!(vllm_rank(513), None);
}
