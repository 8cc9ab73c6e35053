//! A replaced worker's words against the arithmetic of what may leave.

use std::collections::BTreeSet;

use common::id::{Round, RunId};
use proptest::prelude::*;

use super::*;

const KEY: RoundKey = RoundKey { run: RunId([1; 8]), round: Round(2) };

fn said(step: u32, total_steps: u32, loss: f64, tokens_per_s: u32) -> Progress {
    Progress { step, total_steps, loss, tokens_per_s }
}

/// Gives the gate each message at its time; returns what leaves.
fn leaving(
    messages: impl IntoIterator<Item = (u64, Progress)>,
) -> (Vec<(u64, CoarseProgress)>, ProgressGate) {
    let (mut gate, mut told, mut out) = (ProgressGate::default(), None, Vec::new());
    for (now_ms, message) in messages {
        if let Ok((coarse, next)) = gate.admit(KEY, &message, told, now_ms) {
            told = Some(next);
            out.push((now_ms, coarse));
        }
    }
    (out, gate)
}

#[test]
fn an_honest_training_is_told_in_fiftieths_with_two_digits() {
    let steps = (1..=1234)
        .map(|step| (u64::from(step) * 1100, said(step, 1234, 3.0 - f64::from(step) / 1000.0, 1777)));
    let (out, gate) = leaving(steps);
    assert_eq!(out.len(), 50);
    assert_eq!(gate.dropped(), 1234 - 50);
    let first = out[0].1;
    assert_eq!((first.percent(), first.tokens_per_s()), (2, 1800));
    let last = out[49].1;
    assert_eq!((last.percent(), last.loss()), (100, LossMilli::of(1.766)));
}

/// The coordinator chose the batch size, and read the exact number of records in steps and totals.
#[test]
fn no_batch_size_makes_progress_tell_the_number_of_records() {
    let told = |total: u32| -> Vec<u32> {
        let steps = (1..=total).map(|step| (u64::from(step) * 1100, said(step, total, 2.0, 70)));
        leaving(steps).0.iter().map(|(_, told)| told.percent()).collect()
    };
    let fiftieths: Vec<u32> = (1..=50).map(|part| 2 * part).collect();
    for total in [50, 51, 155, 1234, 9999] {
        assert_eq!(told(total), fiftieths, "{total} steps");
    }
    for total in [10, 11, 13, 29, 49] {
        assert_eq!(told(total), [10, 20, 30, 40, 50, 60, 70, 80, 90, 100], "{total} steps");
    }
    for total in 1..10 {
        assert_eq!(told(total), [100], "{total} steps");
    }
}

#[test]
fn the_gateways_own_clock_decides_how_often() {
    // 905 messages a second for ten seconds, every one with a new part of the round.
    let flood = (1..=9050).map(|step| (u64::from(step) * 1000 / 905, said(step, 9050, 2.0, 70)));
    let (out, gate) = leaving(flood);
    assert!(out.len() <= 10, "{} messages in ten seconds", out.len());
    assert_eq!(gate.dropped(), 9050 - out.len() as u64);
    assert!(out.windows(2).all(|two| two[1].0 - two[0].0 >= PROGRESS_INTERVAL_MS_MIN));
}

#[test]
fn what_is_out_of_range_is_dropped_and_counted() {
    let told = Some(Told { total_steps: 100, part: 40, loss_milli: 2000 });
    let mut gate = ProgressGate::default();
    let odd = [
        said(60, 101, 2.0, 70),
        said(101, 100, 2.0, 70),
        said(60, 100, f64::NAN, 70),
        said(60, 100, -0.1, 70),
        said(60, 100, 64.1, 70),
        said(60, 100, f64::INFINITY, 70),
        said(60, 100, 2.0, TOKENS_PER_S_MAX + 1),
        said(0, 0, 2.0, 70),
    ];
    for (index, message) in odd.iter().enumerate() {
        assert_eq!(gate.admit(KEY, message, told, 5000), Err(Dropped::OutOfRange), "{message:?}");
        assert_eq!(gate.dropped(), index as u64 + 1);
    }
    let total = said(1, PROGRESS_STEPS_MAX + 1, 2.0, 70);
    assert_eq!(gate.admit(KEY, &total, None, 5000), Err(Dropped::OutOfRange));
    for step in [0, 10, 41] {
        assert_eq!(
            gate.admit(KEY, &said(step, 100, 2.0, 70), told, 5000),
            Err(Dropped::NothingNew),
            "{step}"
        );
    }
    let (coarse, next) = gate.admit(KEY, &said(60, 100, 9.0, 70), told, 5000).unwrap();
    assert_eq!(
        (coarse.percent(), coarse.loss(), next.part),
        (60, LossMilli::of(2.5), 60),
        "the loss moves by half a nat"
    );
}

#[test]
fn the_bits_of_a_round_are_those_of_the_values_that_can_leave() {
    let values = |largest: u64| {
        let mut all = BTreeSet::new();
        let mut unit = 1;
        while unit <= largest {
            all.extend(
                (0..=100)
                    .map(|digits| RoundedCount::of(digits * unit).value())
                    .filter(|value| *value <= largest),
            );
            unit *= 10;
        }
        all.len() as u64
    };
    for largest in [u64::from(TOKENS_PER_S_MAX), RECORDS_MAX] {
        assert_eq!(counts(largest), values(largest), "{largest}");
        assert_eq!(largest, 10_u64.pow(largest.ilog10()), "the arithmetic wants powers of ten");
    }
    assert_eq!([1, 2, 3, 4, 1_000_000_000_000].map(powers), [2, 3, 3, 4, 41]);
    for (count, wanted) in [(1, 0), (2, 1), (3, 2), (1001, 10), (1024, 10), (1025, 11), (64_001, 16)] {
        assert_eq!(bits(count), wanted, "{count}");
    }
    let codes = 9;
    assert_eq!(FAILED_BITS, bits(codes + 1));
    assert_eq!(PROGRESS_BITS, 16 + 49 * 10 + 50 * (1 + 10));
    assert_eq!((ROUND_BITS, RUN_BITS), (1056 + 10 + 32 + 4, 5));
    // 281 counts and 4 codes; losses; the ends of an interval.
    assert_eq!(SCORES_BITS, bits(281 + 4) + 2 * 16 + 2 * 17);
    assert_eq!((run_bits(false), run_bits(true)), (5, 5 + 75));
    let page = include_str!("../../../PRIVACY.md");
    assert!(page.contains(&format!("{ROUND_BITS} bits")), "PRIVACY.md names another number");
    assert!(page.contains(&format!("{SCORES_BITS} bits")), "PRIVACY.md names another number");
}

fn any_message() -> impl Strategy<Value = (u64, Progress)> {
    let total = prop_oneof![Just(1000_u32), Just(7), any::<u32>()];
    let loss = prop_oneof![0.0..64.0_f64, proptest::num::f64::ANY];
    (0_u64..3000, any::<u32>(), total, loss, any::<u32>()).prop_map(|(wait, step, total, loss, speed)| {
        (wait, said(step % total.max(1).saturating_add(2), total, loss, speed % (2 * TOKENS_PER_S_MAX)))
    })
}

proptest! {
    /// Whatever a worker says: what leaves are values that were counted above, and no more messages.
    #[test]
    fn no_more_leaves_than_is_counted(messages in proptest::collection::vec(any_message(), 0..200)) {
        let mut now = 0;
        let timed = messages.into_iter().map(|(wait, message)| { now += wait; (now, message) });
        let (out, _) = leaving(timed);
        prop_assert!(out.len() <= PROGRESS_MESSAGES_MAX as usize);
        for (_, told) in &out {
            prop_assert_eq!(two_digits(told.tokens_per_s()), told.tokens_per_s());
            prop_assert!(told.tokens_per_s() <= TOKENS_PER_S_MAX && told.percent() <= PERCENT && told.percent() % 2 == 0);
        }
        for two in out.windows(2) {
            let milli = |told: &CoarseProgress| (told.loss().nats() * 1000.0).round() as u32;
            prop_assert!(milli(&two[0].1).abs_diff(milli(&two[1].1)) <= LOSS_CHANGE_MILLI_MAX);
            prop_assert!(two[0].1.percent() < two[1].1.percent());
            prop_assert!(two[1].0 - two[0].0 >= PROGRESS_INTERVAL_MS_MIN);
        }
    }
}
