//! Tests of the manifest's bounds. Run by `cargo test`.

use super::*;
use crate::run::Epochs;

fn member(name: &str, key: u8) -> Member {
    Member { name: name.parse().unwrap(), key: Digest([key; 32]) }
}

pub(in crate::run) fn manifest() -> RunManifest {
    let tensor = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
    RunManifest {
        protocol: 2,
        run: RunId([1; 8]),
        name: "spring".into(),
        rounds: 3,
        base_fingerprint: Digest([0; 32]),
        adapter: AdapterSettings::default(),
        tensors: vec![tensor("m.q.lora_A.weight", [16, 64]), tensor("m.q.lora_B.weight", [64, 16])],
        adapter_bytes: 16 * 64 * 4 * 2 + 400,
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        aggregation: AggregationSettings::default(),
        quorum: 2,
        roster: Roster { members: vec![member("a", 1), member("b", 2)] },
        held_out: HeldOutHashes::default(),
        overlap: None,
        suites: Vec::new(),
        own_scores: false,
        train: Train::Together,
        participation: None,
    }
}

#[test]
fn a_run_of_whole_passes_has_the_terms_that_it_always_had() {
    let text = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
    assert!(text.contains(r#""training":{"epochs":1,"batch_size":8,"#), "{text}");
    assert!(text.contains(r#""aggregation":{"method":"fedavg","weighting":"capped"},"quorum""#), "{text}");
    let mut quarter = manifest();
    quarter.training.epochs = Epochs::nearest(0.25);
    quarter.aggregation =
        serde_json::from_str(r#"{"server_optimizer":"momentum","server_momentum":0.5}"#).unwrap();
    assert_eq!(quarter.validate(), Ok(()));
    let text = String::from_utf8(quarter.to_bytes().unwrap()).unwrap();
    assert!(text.contains(r#""training":{"epochs":0.25,"batch_size":8,"#), "{text}");
    let server = r#""weighting":"capped","server_optimizer":"momentum","server_momentum":0.5}"#;
    assert!(text.contains(server), "{text}");
    assert_eq!(RunManifest::from_bytes(text.as_bytes()).unwrap(), quarter);
    (quarter.training.epochs, quarter.training.steps) = (None, Some(20));
    let text = String::from_utf8(quarter.to_bytes().unwrap()).unwrap();
    assert!(text.contains(r#""training":{"steps":20,"batch_size":8,"#), "{text}");
}

/// A manifest that a hostile coordinator changed.
fn changed(change: impl FnOnce(&mut RunManifest)) -> Result<(), RunError> {
    let mut changed = manifest();
    change(&mut changed);
    changed.validate()
}

#[test]
fn a_manifest_is_held_to_the_bounds_of_a_run_file() {
    assert_eq!(manifest().validate(), Ok(()));
    let attacks: [fn(&mut RunManifest); 25] = [
        |m| m.training.validation_share = 0.9999,
        |m| m.training.learning_rate = 1e14,
        |m| m.training.learning_rate = f64::NAN,
        |m| m.training.max_gradient_norm = 0.0,
        |m| m.training.epochs = Some(Epochs::whole(u32::MAX)),
        |m| m.training.steps = Some(20),
        |m| (m.training.epochs, m.training.steps) = (None, None),
        |m| m.training.batch_size = 0,
        |m| m.training.early_stopping_patience = 3,
        |m| m.aggregation.server_momentum = Some(0.5),
        |m| m.aggregation.server_tau = Some(f64::NAN),
        |m| m.adapter.rank = 100_000,
        |m| m.rounds = 0,
        |m| m.name = "\u{1b}[2J".into(),
        |m| m.roster.members.clear(),
        |m| m.roster.members.reverse(),
        |m| m.roster.members[1].key = m.roster.members[0].key,
        |m| m.quorum = 0,
        |m| m.quorum = 3,
        |m| m.adapter_bytes = 16,
        |m| m.adapter_bytes = 1 << 40,
        |m| m.tensors.clear(),
        |m| m.tensors[0].shape = [16, 0],
        |m| m.tensors[0].shape = [17, 64],
        |m| m.tensors[0].name = "../../m.lora_A.weight\n".into(),
    ];
    for (index, attack) in attacks.into_iter().enumerate() {
        assert!(changed(attack).is_err(), "attack {index}");
    }
    let terms = OverlapTerms { public_key: Point([0; 32]), set: Digest([0; 32]), set_bytes: 1 << 40 };
    assert!(changed(|m| m.overlap = Some(terms)).is_err());
    assert!(changed(|m| m.tensors[0].shape = [16, usize::MAX / 16]).is_err(), "no overflow");
}

#[test]
fn sites_that_take_turns_are_said_and_held_to_the_members_and_the_quorum() {
    let text = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
    assert!(!text.contains("participation"), "{text}");
    let of = |sites_per_round| changed(|m| m.participation = Some(ParticipationSettings { sites_per_round }));
    assert_eq!(of(2), Ok(()));
    for (count, key) in [(1, "`quorum`"), (3, "`participation.sites_per_round`"), (0, "sites_per_round")] {
        let error = of(count).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
    let mut some = manifest();
    some.participation = Some(ParticipationSettings { sites_per_round: 2 });
    let text = String::from_utf8(some.to_bytes().unwrap()).unwrap();
    assert!(text.ends_with(r#","participation":{"sites_per_round":2}}"#), "{text}");
    assert_eq!(RunManifest::from_bytes(text.as_bytes()), Ok(some));
    let more = text.replace(r#":2}}"#, r#":2,"by":"lot"}}"#);
    assert!(RunManifest::from_bytes(more.as_bytes()).is_err());
}

#[test]
fn own_scores_are_asked_for_only_where_records_are_held_back_and_otherwise_not_mentioned() {
    let text = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
    assert!(!text.contains("own_scores"), "{text}");
    let asked = |share: f64| changed(|m| (m.own_scores, m.training.validation_share) = (true, share));
    assert_eq!(asked(0.1), Ok(()));
    let error = asked(0.0).unwrap_err().to_string();
    assert!(error.contains("own_scores") && error.contains("training.validation_share"), "{error}");
}

#[test]
fn terms_that_are_about_averages_are_refused_where_each_site_trains_alone() {
    let text = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
    assert!(!text.contains("\"train\""), "{text}");
    let alone = |change: fn(&mut RunManifest)| {
        changed(|m| {
            (m.train, m.rounds) = (Train::Alone, 1);
            change(m);
        })
    };
    assert_eq!(alone(|_| ()), Ok(()));
    let refused: [fn(&mut RunManifest); 3] = [
        |m| m.rounds = 2,
        |m| m.training.proximal_mu = 0.5,
        |m| (m.own_scores, m.training.validation_share) = (true, 0.1),
    ];
    for change in refused {
        assert!(alone(change).unwrap_err().to_string().contains("alone"));
    }
}

#[test]
fn a_run_without_suites_has_the_terms_that_it_always_had_and_their_names_are_bounded() {
    let text = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
    assert!(!text.contains("suites"), "{text}");
    let suite =
        |name: &str| SuiteTerms { name: name.to_owned(), file: Digest([1; 32]), records: Digest([2; 32]) };
    let mut with = manifest();
    with.suites = vec![suite("exam"), suite("急诊")];
    assert_eq!(with.validate(), Ok(()));
    assert_eq!(RunManifest::from_bytes(&with.to_bytes().unwrap()).unwrap(), with);
    for bad in ["", "exam", "a\nb", &"x".repeat(49)] {
        let error = changed(|m| m.suites = vec![suite("exam"), suite(bad)]).unwrap_err().to_string();
        assert!(error.contains("suites"), "{bad:?}: {error}");
    }
    let many = |count: usize| changed(|m| m.suites = (0..count).map(|it| suite(&it.to_string())).collect());
    assert!(many(32).is_ok() && many(33).is_err());
}
