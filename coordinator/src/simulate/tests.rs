//! Tests only. The simulation against sums that can be done by hand, and against what may be asked of it.

use proptest::prelude::*;

use super::plan::{Machine, Network, Plan, SiteWork};
use super::rounds::ClosedBy;
use super::*;
use crate::round::retention::Rule;

/// Ten megabytes, 100 Mbit/s, ten minutes of training that are the same everywhere.
pub(super) fn plan(sites: usize, rounds: u32) -> Plan {
    let quorum = sites.div_ceil(2);
    let text = format!(
        "name = \"t\"\nrounds = {rounds}\n[quorum]\nsites = {quorum}\ndeadline_s = 3600\ngrace_s = 300\n[training]\n"
    );
    Plan {
        sites: (0..sites).map(|index| format!("site-{index:05}").parse().unwrap()).collect(),
        spec: toml::from_str(&text).unwrap(),
        update_bytes: 10_000_000,
        halves: [6_000_000, 4_000_000],
        manifest_bytes: 20_000,
        network: Network { up: 12_500.0, down: 12_500.0, coordinator: 125_000.0, round_trip_ms: 20 },
        work: SiteWork { train_ms: 600_000, spread: 0.0, drop: 0.0, away_ms: 600_000 },
        machine: Machine { average: 500_000.0, cores: 2, evaluate_ms: 0 },
        retention: Rule { update_rounds: 2, adapter_rounds: 50 },
    }
}

fn of(plan: &Plan, seed: u64) -> Course {
    course(plan, seed).unwrap()
}

#[test]
fn one_site_takes_what_the_sum_of_its_parts_says() {
    let course = of(&plan(1, 3), 1);
    // 10 MB and a few per cent at 12.5 MB/s each way, 600 s, 40 ms of check and 20 of average and publication
    // each; a few messages.
    let [transfer, train] = [10.0 * 1.024 / 12.5, 600.0];
    let round = 2.0 * transfer + train + 0.04 + 0.02 + 0.02 + 0.1;
    let wall = course.wall_ms as f64 / 1000.0;
    assert!((wall - 3.0 * round).abs() < 0.3, "{wall} s instead of {}", 3.0 * round);
    for round in &course.rounds {
        let [download, training, upload, waiting, aggregation, evaluation] = round.parts.all();
        assert_eq!((training, waiting, evaluation < 20), (600_000, 0, true), "{round:?}");
        assert!((820..900).contains(&download) && (820..1_000).contains(&upload), "{round:?}");
        assert!(aggregation < 100);
    }
    let sum: u64 = course.rounds.iter().map(|round| round.parts.total_ms()).sum();
    assert!(course.wall_ms - sum < 100, "{sum} of {}", course.wall_ms);
}

#[test]
fn many_sites_wait_for_the_line_that_they_share() {
    let course = of(&plan(100, 1), 1);
    // 1,000 MB and a few per cent at 125 MB/s.
    let parts = course.rounds[0].parts;
    assert!((8_000..8_800).contains(&parts.download_ms), "{parts:?}");
    // They arrive together, and are checked together: 1,000 MB at 500 MB/s.
    assert!((10_000..11_000).contains(&parts.upload_ms), "{parts:?}");
    assert_eq!(course.transfers, 100);
    let payload = 1_000_000_000;
    assert!((payload..payload * 26 / 25).contains(&course.traffic.up_bytes));
    assert!((payload..payload * 26 / 25).contains(&course.traffic.down_bytes));
}

#[test]
fn the_same_seed_gives_the_same_course_and_another_one_another() {
    let mut plan = plan(40, 3);
    (plan.work.spread, plan.work.drop) = (0.5, 0.2);
    assert_eq!(of(&plan, 5), of(&plan, 5));
    assert_ne!(of(&plan, 5).wall_ms, of(&plan, 6).wall_ms);
    let [one, two] = [1, 3].map(|threads| predict(&plan, 5, 4, threads).unwrap());
    assert_eq!(one, two, "threads change nothing");
}

#[test]
fn sites_that_take_turns_rest_between_them() {
    let mut plan = plan(100, 10);
    plan.spec.quorum.sites = 8;
    plan.spec.participation = Some(common::run::ParticipationSettings { sites_per_round: 10 });
    let course = of(&plan, 1);
    assert_eq!(course.rounds.len(), 10);
    assert!(course.rounds.iter().all(|round| round.updates == 10 && round.missing.is_empty()));
    assert!(course.missing.is_empty());
    // Everybody sent once: 100 updates of 10 MB.
    let payload = 1_000_000_000;
    assert!((payload..payload * 26 / 25).contains(&course.traffic.up_bytes), "{:?}", course.traffic);
    assert_eq!(course.transfers, 10);
}

#[test]
fn at_a_deadline_without_a_quorum_sites_that_rested_train() {
    let mut plan = plan(20, 1);
    plan.spec.quorum.sites = 4;
    plan.spec.participation = Some(common::run::ParticipationSettings { sites_per_round: 4 });
    (plan.work.drop, plan.work.away_ms) = (0.3, 100 * 3_600_000);
    let courses: Vec<_> = (0..8).map(|seed| of(&plan, seed)).collect();
    assert!(courses.iter().all(|course| course.failed_at.is_none() && course.rounds[0].updates == 4));
    assert!(courses.iter().any(|course| course.wall_ms > 3_600_000), "the deadline has passed in some");
}

#[test]
fn a_slow_site_is_waited_for_until_the_grace_period_ends() {
    let mut plan = plan(20, 2);
    plan.work.spread = 2.0;
    let course = of(&plan, 3);
    let round = &course.rounds[0];
    assert_eq!((round.closed_by, round.failed), (ClosedBy::Time, false));
    assert!(round.parts.waiting_ms > 0 && round.parts.waiting_ms <= 300_000);
    assert_eq!(round.missing.values().sum::<usize>(), 20 - round.updates);
    assert!(round.missing.contains_key("its update did not arrive in time"), "{round:?}");
}

#[test]
fn sites_that_are_gone_are_not_waited_for_once_a_quorum_is_in() {
    let mut plan = plan(20, 1);
    (plan.work.drop, plan.work.away_ms) = (0.3, 100 * 3_600_000);
    let course = of(&plan, 3);
    let round = &course.rounds[0];
    assert_eq!(round.closed_by, ClosedBy::Absence, "{round:?}");
    assert!(round.missing.contains_key("it was offline"), "{round:?}");
    assert!(round.parts.waiting_ms < 62_000, "a minute after the last one left, or at once: {round:?}");
}

#[test]
fn without_a_quorum_a_run_ends_at_its_deadline() {
    let mut plan = plan(10, 5);
    (plan.work.drop, plan.work.away_ms) = (1.0, 100 * 3_600_000);
    let course = of(&plan, 1);
    assert_eq!((course.failed_at, course.rounds.len()), (Some(1), 1));
    assert!((3_600_000..3_601_000).contains(&course.wall_ms), "{}", course.wall_ms);
    assert!(course.rounds[0].failed);
}

#[test]
fn a_site_that_was_away_goes_on_where_it_was_and_counts() {
    let mut plan = plan(1, 1);
    (plan.work.drop, plan.work.away_ms) = (1.0, 60_000);
    let course = of(&plan, 2);
    let parts = course.rounds[0].parts;
    assert_eq!((course.failed_at, course.rounds[0].updates), (None, 1));
    assert!((600_000..600_100).contains(&parts.training_ms) && parts.waiting_ms > 1_000, "{parts:?}");
}

#[test]
fn the_disk_holds_what_the_rule_keeps_and_what_is_not_an_hour_old() {
    let (update, sites) = (10_000_000, 10);
    let course = of(&plan(sites, 40), 1);
    // Rounds of ten minutes: seven of updates are not older than an hour and a look, one more arrives; 41
    // adapters stay.
    let most = (course.disk.most_bytes / update - 41) / sites as u64;
    assert!((7..=8).contains(&most), "{most} rounds of updates on the disk");
    // Two rounds of updates, one that waits for its aggregation error perhaps, 40 adapters and the first.
    let kept = course.disk.kept_bytes / update;
    assert!((61..=71).contains(&kept), "{kept} adapters stay");
    assert!(course.disk.end_bytes >= course.disk.kept_bytes);
}

#[test]
fn held_out_measurements_are_part_of_a_round_and_the_test_of_the_run() {
    let mut plan = plan(2, 2);
    let without = of(&plan, 1).wall_ms;
    plan.machine.evaluate_ms = 50_000;
    assert_eq!(of(&plan, 1).wall_ms, without, "there is nothing to measure on");
    (plan.spec.validation, plan.spec.test) = (Some("v.jsonl".into()), Some("t.jsonl".into()));
    let course = of(&plan, 1);
    // The base, two rounds, and two models on the test set.
    let more = course.wall_ms - without;
    assert!((250_000..250_100).contains(&more), "{more}");
    assert!((50_000..50_100).contains(&course.rounds[1].parts.evaluation_ms));
}

#[test]
fn a_crowd_goes_through_its_rounds_and_names_who_is_missing() {
    let mut plan = plan(1_000, 5);
    (plan.work.spread, plan.work.drop) = (0.3, 0.05);
    let course = of(&plan, 1);
    assert_eq!(course.rounds.len(), 5);
    assert!(course.rounds.iter().all(|round| round.updates > 800), "{:?}", course.rounds);
    assert!(course.missing.len() > 100, "5 % of 1,000 in each of five rounds");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the numbers, a simulation ends, its rounds have the sites that there are, and a second one is
    /// the same.
    #[test]
    fn any_plan_ends(
        sites in 1_usize..12,
        rounds in 1_u32..6,
        bytes in prop_oneof![Just(1), 1_u64..4_000_000_000],
        speed in prop_oneof![Just(1e-3), Just(1e9), 1.0..1e6],
        train_ms in prop_oneof![Just(1), 1_u64..604_800_000],
        spread in 0.0..3.0,
        drop in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0],
        away_ms in 1_u64..604_800_000,
        evaluate_ms in 0_u64..100_000_000,
        seed in any::<u64>(),
    ) {
        let mut plan = plan(sites, rounds);
        plan.update_bytes = bytes;
        plan.network = Network { up: speed, down: speed, coordinator: 2.5 * speed, round_trip_ms: 60_000 };
        plan.work = SiteWork { train_ms, spread, drop, away_ms };
        plan.machine.evaluate_ms = evaluate_ms;
        (plan.spec.validation, plan.spec.test) = (Some("v".into()), (seed % 2 == 0).then(|| "t".into()));
        let one = of(&plan, seed);
        for round in &one.rounds {
            prop_assert_eq!(round.updates + round.missing.values().sum::<usize>(), sites);
            prop_assert!(round.parts.total_ms() <= one.wall_ms);
        }
        prop_assert_eq!(one.rounds.len() == rounds as usize, one.failed_at.is_none() || one.failed_at == Some(rounds));
        prop_assert_eq!(&one, &of(&plan, seed));
    }
}
