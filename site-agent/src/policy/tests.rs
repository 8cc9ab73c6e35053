//! Each rule against the demand that it refuses, beside one that it lets pass. Run by `cargo test`.

use common::id::{Digest, Point, RunId};
use common::run::{
    AdapterSettings, AggregationSettings, BaseSettings, Epochs, HeldOutHashes, Member, OverlapTerms, Roster,
    RunManifest, ServerOptimizer, TensorSpec, Train,
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
        quorum: 2,
        roster: Roster {
            members: [("a", 1), ("b", 2)]
                .map(|(name, key)| Member { name: name.parse().unwrap(), key: Digest([key; 32]) })
                .to_vec(),
        },
        held_out: HeldOutHashes::default(),
        overlap: None,
        suites: Vec::new(),
        own_scores: false,
        train: Default::default(),
        participation: None,
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
    assert_eq!(refused(|t| t.epochs = Some(Epochs::whole(101))), Some(PolicyRule::EpochsMax));
    assert_eq!(refused(|t| t.epochs = Epochs::nearest(100.5)), Some(PolicyRule::EpochsMax));
    assert_eq!(refused(|t| t.epochs = Epochs::nearest(0.25)), None);
    assert_eq!(refused(|t| t.steps = Some(20)), Some(PolicyRule::RunBounds), "both");
    assert_eq!(refused(|t| (t.epochs, t.steps) = (None, Some(20))), None, "a pass is counted by the worker");
}

#[test]
fn an_update_of_few_records_or_few_steps_is_refused() {
    let policy = PolicyConfig::default();
    let refused = |batch_size, records, tokens, steps| {
        let training = TrainingSettings { batch_size, ..TrainingSettings::default() };
        let volume =
            TrainingVolume { records, records_of_a_round: records, tokens, steps, steps_of_a_pass: steps };
        policy.permits_volume(&training, volume).err()
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
fn a_round_that_is_less_than_a_pass_counts_what_it_is_trained_on() {
    let policy = PolicyConfig::default();
    let refused = |records, steps, steps_of_a_pass| {
        let tokens = records * 100;
        let volume = TrainingVolume { records, records_of_a_round: records, tokens, steps, steps_of_a_pass };
        policy.permits_volume(&TrainingSettings::default(), volume).err()
    };
    assert_eq!(refused(800, 25, 100), None, "a quarter");
    assert_eq!(refused(800, 12, 100), Some(PolicyRule::RecordsMin), "an eighth: 96 records");
    assert_eq!(refused(1600, 9, 200), Some(PolicyRule::RecordsMin));
    assert_eq!(refused(8000, 9, 100), Some(PolicyRule::StepsMin));
    assert_eq!(refused(8000, 1, 1000), Some(PolicyRule::RecordsMin), "a single step is a gradient");
    assert_eq!(refused(200, 2500, 25), None, "a hundred passes");
    assert_eq!(refused(200, 2501, 25), Some(PolicyRule::EpochsMax));
    // 14 steps of 8 are 112 places, and over the end of a pass fewer than a hundred records.
    let volume = TrainingVolume {
        records: 120,
        records_of_a_round: 86,
        tokens: 12_000,
        steps: 14,
        steps_of_a_pass: 15,
    };
    let over_the_end = policy.permits_volume(&TrainingSettings::default(), volume);
    assert_eq!(over_the_end, Err(PolicyRule::RecordsMin));
}

/// With records held back, what leaves is the best adapter so far: it may be the one after the first
/// measurement.
#[test]
fn an_update_that_may_be_an_early_one_counts_the_steps_before_it() {
    let policy = PolicyConfig::default();
    let refused = |evaluate_every_steps, validation_share, keep_best| {
        let training =
            TrainingSettings { evaluate_every_steps, validation_share, keep_best, ..Default::default() };
        let (records, tokens, steps, steps_of_a_pass) = (800, 80_000, 100, 100);
        let volume = TrainingVolume { records, records_of_a_round: records, tokens, steps, steps_of_a_pass };
        policy.permits_volume(&training, volume).err()
    };
    assert_eq!(refused(1, 0.1, true), Some(PolicyRule::RecordsMin), "a single step is a gradient");
    assert_eq!(refused(1, 0.0, true), None, "nothing is measured");
    assert_eq!(refused(1, 0.1, false), None, "the last one leaves");
    assert_eq!((refused(50, 0.1, true), refused(0, 0.1, true)), (None, None));
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

/// Each rule refuses the first run that is beyond it, and lets the last one within it pass.
/// Sets one number of a policy.
type Setter = fn(&mut PolicyConfig, u64);

#[test]
fn a_run_beyond_what_the_policy_allows_is_refused_by_rule() {
    let asked = manifest();
    let (rounds, rank, bytes) = (asked.rounds, asked.adapter.rank as u32, asked.adapter_bytes);
    let default = PolicyConfig::default();
    let within = |change: Setter, value: u64| {
        let mut policy = default.clone();
        change(&mut policy, value);
        policy.permits_terms(&asked).err()
    };
    let sites: Setter = |policy, value| policy.sites_min = value as u32;
    assert_eq!([within(sites, 2), within(sites, 3)], [None, Some(PolicyRule::SitesMin)]);
    let most: [(Setter, u64, PolicyRule); 4] = [
        (|policy, value| policy.rounds_max = value as u32, rounds.into(), PolicyRule::RoundsMax),
        (|policy, value| policy.rank_max = value as u32, rank.into(), PolicyRule::RankMax),
        (|policy, value| policy.update_bytes_max = value, bytes, PolicyRule::UpdateBytesMax),
        (|policy, value| policy.run_bytes_max = value, bytes * u64::from(rounds), PolicyRule::RunBytesMax),
    ];
    for (change, last, rule) in most {
        assert_eq!([within(change, last), within(change, last - 1)], [None, Some(rule)]);
    }
    let bases = |bases: &[u8]| {
        let bases = bases.iter().map(|byte| Digest([*byte; 32])).collect();
        PolicyConfig { bases, ..default.clone() }.permits_terms(&asked).err()
    };
    assert_eq!([bases(&[]), bases(&[5, 0])], [None, None]);
    assert_eq!(bases(&[5, 6]), Some(PolicyRule::Bases));
    let terms = OverlapTerms { public_key: Point([1; 32]), set: Digest([1; 32]), set_bytes: 1 };
    let compared = RunManifest { overlap: Some(terms), ..asked.clone() };
    assert_eq!(default.permits_terms(&compared), Ok(()));
    let no = PolicyConfig { overlap: false, ..default.clone() };
    assert_eq!((no.permits_terms(&compared), no.permits_terms(&asked)), (Err(PolicyRule::Overlap), Ok(())));
}

#[test]
fn what_is_shown_is_what_refuses() {
    let mut asked = manifest();
    let policy = PolicyConfig { rounds_max: 2, sites_min: 5, ..PolicyConfig::default() };
    asked.training.learning_rate = f64::NAN;
    let checks = policy.checks(&asked);
    let failed: Vec<PolicyRule> =
        checks.iter().filter(|check| !check.holds).map(|check| check.rule).collect();
    let expected =
        [PolicyRule::RunBounds, PolicyRule::LearningRateMax, PolicyRule::SitesMin, PolicyRule::RoundsMax];
    assert_eq!(failed, expected);
    assert_eq!(policy.permits_terms(&asked), Err(PolicyRule::RunBounds));
    let rounds = checks.iter().find(|check| check.rule == PolicyRule::RoundsMax).unwrap();
    assert_eq!((rounds.allowed.as_str(), rounds.asked.as_str()), ("at most 2", "3"));
}

#[test]
fn numbers_of_the_new_rules_are_bounded() {
    let wrong = |change: fn(&mut PolicyConfig)| {
        let mut policy = PolicyConfig::default();
        change(&mut policy);
        policy.validate().unwrap_err()
    };
    assert!(wrong(|policy| policy.sites_min = 0).contains("sites_min"));
    assert!(wrong(|policy| policy.sites_min = 101).contains("sites_min"));
    assert!(wrong(|policy| policy.rounds_max = 0).contains("rounds_max"));
    assert!(wrong(|policy| policy.rank_max = 0).contains("rank_max"));
    assert!(wrong(|policy| policy.run_bytes_max = 0).contains("run_bytes_max"));
    assert!(wrong(|policy| policy.bases = vec![Digest([1; 32]); 101]).contains("bases"));
}

#[test]
fn methods_privacy_and_an_update_that_no_day_has_room_for_are_refused_by_rule() {
    let refused = |change: fn(&mut PolicyConfig, &mut RunManifest)| {
        let (mut policy, mut manifest) = (PolicyConfig::default(), manifest());
        change(&mut policy, &mut manifest);
        assert_eq!(policy.validate(), Ok(()));
        policy.permits_terms(&manifest).err()
    };
    assert_eq!(refused(|policy, _| policy.methods = vec![Method::FedAvg]), None);
    assert_eq!(refused(|policy, _| policy.methods = vec![Method::FedAvgM]), Some(PolicyRule::Methods));
    let both = |policy: &mut PolicyConfig, manifest: &mut RunManifest| {
        policy.methods = vec![Method::FedAvg, Method::FedAvgM];
        manifest.aggregation.server_optimizer = ServerOptimizer::Momentum;
    };
    assert_eq!(refused(both), None);
    let mut with_momentum = manifest();
    with_momentum.aggregation.server_optimizer = ServerOptimizer::Momentum;
    let mean_only = PolicyConfig { methods: vec![Method::FedAvg], ..PolicyConfig::default() };
    assert_eq!(mean_only.permits_terms(&with_momentum), Err(PolicyRule::Methods));
    assert_eq!(PolicyConfig::default().permits_terms(&with_momentum), Ok(()));
    assert_eq!(refused(|policy, _| policy.privacy_required = true), Some(PolicyRule::PrivacyRequired));
    assert_eq!(refused(|policy, manifest| policy.bytes_per_day_max = manifest.adapter_bytes + 60), None);
    let too_small = |policy: &mut PolicyConfig, manifest: &mut RunManifest| {
        policy.bytes_per_day_max = manifest.adapter_bytes + 59
    };
    assert_eq!(refused(too_small), Some(PolicyRule::BytesPerDayMax), "the frame is counted");
    // When this site trains is no question of a run's terms.
    assert_eq!(refused(|policy, _| policy.hours = "10:00-11:00 +00:00".parse().unwrap()), None);
}

#[test]
fn a_run_of_each_site_alone_is_taken_only_where_the_policy_says_so() {
    let mut asked = manifest();
    (asked.train, asked.rounds) = (Train::Alone, 1);
    let refusing = PolicyConfig::default();
    assert_eq!(refusing.permits_terms(&asked), Err(PolicyRule::Alone), "not by default");
    let allowing = PolicyConfig { alone: true, ..PolicyConfig::default() };
    assert_eq!((allowing.permits_terms(&asked), allowing.permits_terms(&manifest())), (Ok(()), Ok(())));
    // A signature over a policy that did not know the key holds for one that says no.
    assert!(!refusing.canonical().contains("alone") && allowing.canonical().contains("\"alone\":true"));
    let check = refusing.checks(&asked).into_iter().find(|check| check.rule == PolicyRule::Alone).unwrap();
    assert_eq!((check.allowed.as_str(), check.asked.as_str()), ("all together", "each site alone"));
    asked.rounds = 2;
    assert_eq!(allowing.permits_terms(&asked), Err(PolicyRule::RunBounds), "what no coordinator may ask");
}

#[test]
fn a_days_bytes_are_those_that_left_and_those_that_are_to_leave() {
    let policy = PolicyConfig { bytes_per_day_max: 1000, ..PolicyConfig::default() };
    assert!(policy.has_room_today(0, 940) && !policy.has_room_today(1, 940));
    assert!(policy.has_room_today(1000, 0) && !policy.has_room_today(u64::MAX, u64::MAX));
    let unlimited = PolicyConfig { bytes_per_day_max: u64::MAX, ..PolicyConfig::default() };
    assert!(unlimited.has_room_today(5, 1 << 40));
    for wrong in [
        PolicyConfig { bytes_per_day_max: 0, ..PolicyConfig::default() },
        PolicyConfig { methods: vec![Method::FedAvg; 11], ..PolicyConfig::default() },
    ] {
        assert!(wrong.validate().is_err());
    }
}
