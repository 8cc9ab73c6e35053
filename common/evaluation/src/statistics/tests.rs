//! The vectors of the literature and of scipy, to the printed digits, and what must hold for all counts.

use proptest::prelude::*;

use super::special::{Z_975, beta, beta_quantile};
use super::*;

fn close(found: f64, expected: f64, digits: i32) {
    assert!((found - expected).abs() <= 0.500_001 * 10_f64.powi(-digits), "{found} instead of {expected}");
}

fn pair(better: u64, worse: u64) -> Discordant {
    Discordant { better, worse }
}

#[test]
fn mcnemar_gives_scipys_numbers() {
    for (better, worse, exact, mid) in [
        (60, 40, 0.056_887_9, 0.046_044_1),
        (30, 15, 0.035_697_8, 0.025_896_1),
        (12, 5, 0.143_463_1, 0.096_252_4),
        (10, 2, 0.038_574_2, 0.022_460_9),
        (8, 0, 0.007_812_5, 0.003_906_3),
    ] {
        close(pair(better, worse).exact_p(), exact, 7);
        close(pair(better, worse).mid_p(), mid, 7);
        assert_eq!(pair(better, worse).exact_p(), pair(worse, better).exact_p());
    }
    close(pair(5, 5).exact_p(), 1.0, 7);
    close(pair(5, 5).mid_p(), 0.7539, 4);
    assert_eq!((pair(0, 0).exact_p(), pair(0, 0).mid_p()), (1.0, 1.0));
}

#[test]
fn shares_have_the_intervals_of_scipy() {
    for (hits, n, low, high) in [
        (0, 200, 0.0, 0.018_275_3),
        (2, 200, 0.001_213_3, 0.035_654_7),
        (170, 200, 0.792_841_3, 0.896_450_5),
        (180, 200, 0.849_787_2, 0.937_840_6),
        (0, 50, 0.0, 0.071_121_7),
    ] {
        let interval = clopper_pearson(hits, n);
        close(interval.low, low, 7);
        close(interval.high, high, 7);
    }
    // The last end is 0.934329551 to nine digits; the table it stands in was cut to 0.9343295.
    for (hits, low, high) in [(170, 0.793_944_2, 0.892_864_1), (180, 0.850_594_2, 0.934_329_551)] {
        close(wilson(hits, 200).low, low, 7);
        close(wilson(hits, 200).high, high, 7);
    }
    assert_eq!(wilson(0, 0), Interval { low: 0.0, high: 1.0 });
    assert_eq!(clopper_pearson(0, 0), Interval { low: 0.0, high: 1.0 });
}

#[test]
fn what_never_happened_has_a_bound() {
    for (n, bound, digits) in
        [(50, 0.0582, 4), (100, 0.0295, 4), (200, 0.0149, 4), (300, 0.009_94, 5), (1000, 0.0030, 4)]
    {
        close(no_event_bound(n), bound, digits);
    }
    // The cases that are needed for 1 %, 0.5 % and 0.1 %.
    for (n, share) in [(299, 0.01), (598, 0.005), (2995, 0.001)] {
        assert!(no_event_bound(n) <= share && no_event_bound(n - 1) > share);
    }
    assert_eq!(no_event_bound(0), 1.0);
}

#[test]
fn holm_corrects_in_the_order_given() {
    let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (found, expected) in corrected.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        close(*found, expected, 12);
    }
    assert_eq!(holm(&[0.7, 0.6]), [1.0, 1.0]);
    assert!(holm(&[]).is_empty());
}

#[test]
fn a_test_set_sees_what_its_size_allows() {
    for (n, tenth, fifth) in
        [(300, 5.1, 7.2), (500, 4.0, 5.6), (1273, 2.5, 3.5), (3426, 1.5, 2.1), (6811, 1.1, 1.5)]
    {
        close(100.0 * smallest_gain(n, 0.1), tenth, 1);
        close(100.0 * smallest_gain(n, 0.2), fifth, 1);
    }
}

/// One item a case: `better` of +1, `worse` of -1, the rest 0.
fn clusters(n: u64, better: u64, worse: u64) -> Vec<Cluster> {
    (0..n)
        .map(|index| {
            let difference = f64::from(u8::from(index < better)) - f64::from(u8::from(index >= n - worse));
            Cluster { difference, items: 1 }
        })
        .collect()
}

#[test]
fn the_bootstrap_agrees_with_the_normal_interval() {
    // Intervals by se = sqrt((disagreeing - d^2) n / (n - 1) / n).
    for (n, better, worse, low, high) in [
        (1273, 60, 40, 0.000_332_7, 0.031_089_2),
        (200, 30, 15, 0.009_924_9, 0.140_075_1),
        (500, 25, 25, -0.027_745_8, 0.027_745_8),
    ] {
        let found = bootstrap(&clusters(n, better, worse), 0);
        let d = (better as f64 - worse as f64) / n as f64;
        let se = (((better + worse) as f64 / n as f64 - d * d) / (n - 1) as f64).sqrt();
        close(d - Z_975 * se, low, 7);
        close(d + Z_975 * se, high, 7);
        // Resampling of 10,000 moves an end by about a thirtieth of the interval's half width.
        let slack = 0.1 * (high - low);
        assert!((found.low - low).abs() < slack && (found.high - high).abs() < slack, "{found:?}");
        assert_eq!(found, bootstrap(&clusters(n, better, worse), 0));
        // Of another seed: close, and where there are enough cases not the same.
        assert!((found.low - bootstrap(&clusters(n, better, worse), 1).low).abs() < slack);
    }
}

#[test]
fn an_interval_without_disagreement_is_not_empty() {
    // Half an item in each cell: 1.96 / 200 of 198 items, 1.96 / 5 of three.
    for (n, half) in [(198, Z_975 / 200.0), (3, Z_975 / 5.0)] {
        let found = adjusted(&clusters(n, 0, 0));
        assert!((found.high - half).abs() < 1e-12 && (found.low + half).abs() < 1e-12);
    }
    // 60 and 40 of 1,273: 20 / 1,275 and sqrt(101 - 400 / 1,275) / 1,275.
    let found = adjusted(&clusters(1273, 60, 40));
    close(0.5 * (found.low + found.high), 0.015_686_3, 7);
    close(0.5 * (found.high - found.low), 0.015_424_9, 7);
    // Ten cases of four items that all lose one half: 5 / 12 and sqrt(3.5 - 25 / 12) / 12.
    let found = adjusted(&[Cluster { difference: -2.0, items: 4 }; 10]);
    close(0.5 * (found.low + found.high), -0.416_666_7, 7);
    close(0.5 * (found.high - found.low), 0.194_402_0, 7);
}

#[test]
fn items_of_one_case_are_drawn_together() {
    // Ten cases of ten equal items say no more than ten items.
    let whole: Vec<Cluster> =
        (0..10).map(|case| Cluster { difference: if case < 6 { 10.0 } else { -10.0 }, items: 10 }).collect();
    let apart: Vec<Cluster> =
        (0..100).map(|item| Cluster { difference: if item < 60 { 1.0 } else { -1.0 }, items: 1 }).collect();
    let width = |found: Interval| found.high - found.low;
    assert!(width(bootstrap(&whole, 0)) > 2.5 * width(bootstrap(&apart, 0)));
    assert_eq!(bootstrap(&[], 0), Interval { low: 0.0, high: 0.0 });
}

proptest! {
    #[test]
    fn intervals_hold_their_share_and_mirror(n in 1_u64..100_000, part in 0.0_f64..=1.0) {
        let hits = (part * n as f64) as u64;
        let share = hits as f64 / n as f64;
        for interval in [clopper_pearson, wilson] {
            let (found, mirror) = (interval(hits, n), interval(n - hits, n));
            prop_assert!(0.0 <= found.low && found.low <= share && share <= found.high && found.high <= 1.0);
            prop_assert!((found.low - (1.0 - mirror.high)).abs() < 1e-9);
        }
    }

    #[test]
    fn the_quantile_is_the_inverse(a in 0.5_f64..5_000.0, b in 0.5_f64..5_000.0, share in 0.001_f64..0.999) {
        prop_assert!((beta(beta_quantile(share, a, b), a, b) - share).abs() < 1e-8);
        prop_assert!((beta(0.3, a, b) + beta(0.7, b, a) - 1.0).abs() < 1e-10);
    }

    #[test]
    fn p_values_are_shares_and_the_corrected_ones_are_larger(
        better in 0_u64..5_000, worse in 0_u64..5_000, values in proptest::collection::vec(0.0_f64..=1.0, 0..20)
    ) {
        let (exact, mid) = (pair(better, worse).exact_p(), pair(better, worse).mid_p());
        prop_assert!((0.0..=1.0).contains(&exact) && (0.0..=exact).contains(&mid));
        let corrected = holm(&values);
        prop_assert!(corrected.iter().zip(&values).all(|(now, before)| now >= before && *now <= 1.0));
    }
}
