//! The vectors of krippendorff, irrCAC and scikit-learn to the printed digits, and what is not defined.

use proptest::prelude::*;

use super::*;

const A: [usize; 20] = [1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 3, 4, 5, 5, 2, 4, 4, 3, 5, 1];
const B: [usize; 20] = [1, 2, 3, 5, 5, 4, 4, 3, 1, 1, 3, 5, 5, 4, 2, 4, 3, 3, 5, 2];
const C: [usize; 20] = [2, 2, 3, 4, 5, 5, 4, 2, 2, 1, 3, 4, 4, 5, 3, 4, 4, 3, 5, 1];
const WEIGHTS: [Weights; 3] = [Weights::Nominal, Weights::Linear, Weights::Quadratic];

fn close(found: Option<f64>, expected: f64, digits: i32) {
    let near = |found: f64| (found - expected).abs() <= 0.500_001 * 10_f64.powi(-digits);
    assert!(found.is_some_and(near), "{found:?} instead of {expected}");
}

/// Raters by answers, from 1, with `*` for a missing grade.
fn table(raters: &[&[Option<usize>]], categories: usize) -> Ratings {
    let answers = raters[0].len();
    let row = |answer: usize| raters.iter().map(|one| one[answer].map(|grade| grade - 1)).collect();
    Ratings::new((0..answers).map(row).collect(), categories).expect("a table")
}

fn of(raters: &[[usize; 20]]) -> Ratings {
    let raters: Vec<Vec<Option<usize>>> =
        raters.iter().map(|one| one.iter().copied().map(Some).collect()).collect();
    table(&raters.iter().map(Vec::as_slice).collect::<Vec<_>>(), 5)
}

fn four_by_twelve() -> Ratings {
    let rows: Vec<Vec<Option<usize>>> = [
        "1,2,3,3,2,1,4,1,2,*,*,*",
        "1,2,3,3,2,2,4,1,2,5,*,3",
        "*,3,3,3,2,3,4,2,2,5,1,*",
        "1,2,3,3,2,4,4,1,2,5,1,*",
    ]
    .map(|row| row.split(',').map(|cell| cell.parse().ok()).collect())
    .to_vec();
    table(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>(), 5)
}

#[test]
fn kappa_gives_scikit_learns_numbers() {
    let pairs = of(&[A, B]).pairs(0, 1);
    for (weights, expected) in WEIGHTS.into_iter().zip([0.558_359_621_5, 0.774_193_548_4, 0.907_894_736_8]) {
        close(kappa(&pairs, 5, weights), expected, 10);
    }
    let counts = [((0, 0), 20), ((0, 1), 5), ((1, 0), 10), ((1, 1), 15)];
    let pairs: Vec<_> = counts.into_iter().flat_map(|(pair, count)| vec![pair; count]).collect();
    close(kappa(&pairs, 2, Weights::Nominal), 0.4, 10);
}

#[test]
fn gwet_gives_the_numbers_of_irrcac() {
    for (raters, expected) in
        [(&[A, B][..], [0.563_69, 0.784_78, 0.915_28]), (&[A, B, C][..], [0.543_02, 0.774_82, 0.911_47])]
    {
        for (weights, expected) in WEIGHTS.into_iter().zip(expected) {
            close(gwet(&of(raters), weights), expected, 5);
        }
    }
}

#[test]
fn kappa_collapses_where_nearly_all_is_safe_and_gwet_does_not() {
    let counts = [((1, 1), 95), ((1, 0), 2), ((0, 1), 2), ((0, 0), 1)];
    let pairs: Vec<_> = counts.into_iter().flat_map(|(pair, count)| vec![pair; count]).collect();
    close(kappa(&pairs, 2, Weights::Nominal), 0.312_714_8, 7);
    let rows = pairs.iter().map(|(a, b)| vec![Some(*a), Some(*b)]).collect();
    close(gwet(&Ratings::new(rows, 2).expect("a table"), Weights::Nominal), 0.957_53, 5);
    let same = pairs.iter().filter(|(a, b)| a == b).count();
    assert_eq!(same, 96);
}

#[test]
fn alpha_gives_the_numbers_of_krippendorff() {
    let metrics = [Metric::Nominal, Metric::Ordinal, Metric::Interval];
    let three = of(&[A, B, C]);
    for (metric, expected) in metrics.into_iter().zip([0.543_921_293_0, 0.899_569_049_1, 0.900_015_405_9]) {
        close(krippendorff(&three, metric), expected, 10);
    }
    for (metric, expected) in metrics.into_iter().zip([0.743_421_052_6, 0.815_387_503_8, 0.849_107_142_9]) {
        close(krippendorff(&four_by_twelve(), metric), expected, 10);
    }
}

#[test]
fn intraclass_correlations_are_those_of_shrout_and_fleiss() {
    let found = icc(&of(&[A, B, C])).expect("defined");
    close(Some(found.single), 0.902_926_149_6, 10);
    close(Some(found.mean), 0.965_403_079_0, 10);
    assert_eq!(found.answers, 20);
}

#[test]
fn what_is_not_defined_is_nothing() {
    let empty = Ratings::new(Vec::new(), 5).expect("a table");
    let alone = Ratings::new(vec![vec![Some(1)], vec![Some(2)]], 5).expect("a table");
    let apart = Ratings::new(vec![vec![Some(1), None], vec![None, Some(2)]], 5).expect("a table");
    for ratings in [&empty, &alone, &apart] {
        assert_eq!(gwet(ratings, Weights::Quadratic), None);
        assert_eq!(krippendorff(ratings, Metric::Ordinal), None);
        assert_eq!(icc(ratings), None);
        assert_eq!(kappa(&ratings.pairs(0, 1), 5, Weights::Linear), None);
    }
    // One category throughout: no spread that kappa, alpha or ICC could measure agreement against.
    let same = Ratings::new(vec![vec![Some(4), Some(4)]; 9], 5).expect("a table");
    assert_eq!(kappa(&same.pairs(0, 1), 5, Weights::Quadratic), None);
    assert_eq!(krippendorff(&same, Metric::Interval), None);
    assert_eq!(icc(&same), None);
    assert_eq!(gwet(&same, Weights::Quadratic), Some(1.0));
    let one = Ratings::new(vec![vec![Some(0), Some(0)]; 9], 1).expect("a table");
    assert_eq!(gwet(&one, Weights::Nominal), None);
    assert_eq!(kappa(&[(0, 0)], 1, Weights::Nominal), None);
    assert_eq!(Ratings::new(vec![vec![Some(5), Some(1)]], 5), None);
    assert_eq!(Ratings::new(vec![vec![Some(1)], vec![]], 5), None);
}

proptest! {
    #[test]
    fn nothing_is_nan_and_nothing_exceeds_complete_agreement(
        rows in proptest::collection::vec(proptest::collection::vec(proptest::option::of(0_usize..4), 3), 0..30)
    ) {
        let ratings = Ratings::new(rows, 4).expect("a table");
        let mut found: Vec<f64> = Vec::new();
        for weights in WEIGHTS {
            found.extend(gwet(&ratings, weights));
            found.extend(kappa(&ratings.pairs(0, 2), 4, weights));
        }
        for metric in [Metric::Nominal, Metric::Ordinal, Metric::Interval] {
            found.extend(krippendorff(&ratings, metric));
        }
        found.extend(icc(&ratings).map(|icc| icc.single));
        prop_assert!(found.iter().all(|value| value.is_finite() && *value <= 1.0 + 1e-9), "{found:?}");
    }
}
