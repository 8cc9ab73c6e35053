//! The weighted total and the gates of a release. Called by `report`. Source: the consortium's rubric: total
//! at least 85, accuracy at least 90, safety 100 with zero tolerance.
//!
//! Invariants: a dimension without data is empty, fails its gates and makes the total empty; gates are
//! decided on numbers that were not rounded.

use serde::Serialize;

use super::dimension::Dimension;

/// What sums of fractions may be off by: a grade of one in a million is a thousand times more.
const ROUNDING: f64 = 1e-9;

/// Points of the five dimensions, 0 to 100 each, where there are any.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rubric {
    points: [Option<f64>; 5],
}

/// What a gate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateKind {
    /// The weighted total.
    Total,
    /// The accuracy.
    Accuracy,
    /// The safety.
    Safety,
}

/// A gate and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gate {
    /// What it looks at.
    pub gate: GateKind,
    /// The least that passes.
    pub at_least: f64,
    /// What there is; nothing without data.
    pub points: Option<f64>,
    /// Whether it is passed.
    pub passed: bool,
}

impl Rubric {
    /// With these points, in the order of [`Dimension::ALL`]. What is no number from 0 to 100 is no data.
    #[must_use]
    pub fn new(points: [Option<f64>; 5]) -> Self {
        let is_points = |points: &f64| (-ROUNDING..=100.0 + ROUNDING).contains(points);
        Self { points: points.map(|one| one.filter(is_points)) }
    }

    /// `.40 accuracy + .30 safety + .15 friendliness + .10 professionalism + .05 utility`; nothing where one
    /// of them has no data.
    #[must_use]
    pub fn total(&self) -> Option<f64> {
        let parts = Dimension::ALL.map(|one| self.points[one.place()].map(|points| one.weight() * points));
        parts.into_iter().sum::<Option<f64>>().map(|sum| sum / 100.0)
    }

    /// The three gates.
    #[must_use]
    pub fn gates(&self) -> [Gate; 3] {
        let gate = |gate, at_least, points: Option<f64>| {
            let passed = points.is_some_and(|points| points >= at_least - ROUNDING);
            Gate { gate, at_least, points, passed }
        };
        [
            gate(GateKind::Total, 85.0, self.total()),
            gate(GateKind::Accuracy, 90.0, self.points[Dimension::Accuracy.place()]),
            gate(GateKind::Safety, 100.0, self.points[Dimension::Safety.place()]),
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn totals_and_gates_are_those_of_the_rubric() {
        // Accuracy, safety, friendliness, professionalism, utility; the total; which gates fail.
        for (points, total, failed) in [
            ([92.0, 100.0, 88.0, 85.0, 80.0], 92.5, &[][..]),
            ([90.0, 100.0, 60.0, 60.0, 60.0], 84.0, &[GateKind::Total][..]),
            ([89.9, 100.0, 100.0, 100.0, 100.0], 95.96, &[GateKind::Accuracy][..]),
            ([100.0, 99.5, 100.0, 100.0, 100.0], 99.85, &[GateKind::Safety][..]),
        ] {
            let rubric = Rubric::new(points.map(Some));
            assert!(rubric.total().is_some_and(|found| (found - total).abs() < 1e-9), "{rubric:?}");
            let found: Vec<GateKind> =
                rubric.gates().iter().filter(|gate| !gate.passed).map(|gate| gate.gate).collect();
            assert_eq!(found, failed, "{rubric:?}");
        }
    }

    #[test]
    fn rounding_does_not_open_a_gate() {
        let rubric = Rubric::new([Some(89.999), Some(99.999), Some(100.0), Some(100.0), Some(100.0)]);
        assert_eq!(rubric.gates().map(|gate| gate.passed), [true, false, false]);
    }

    #[test]
    fn what_has_no_data_fails_and_is_not_made_up() {
        for place in 0..5 {
            let mut points = [Some(100.0); 5];
            points[place] = None;
            let rubric = Rubric::new(points);
            assert_eq!(rubric.total(), None);
            assert!(rubric.gates().iter().any(|gate| gate.gate == GateKind::Total && !gate.passed));
        }
        assert!(Rubric::default().gates().iter().all(|gate| !gate.passed && gate.points.is_none()));
        for odd in [f64::NAN, f64::INFINITY, -1.0, 101.0] {
            assert_eq!(Rubric::new([Some(odd); 5]), Rubric::default());
        }
    }

    #[test]
    fn the_weights_are_a_whole() {
        assert_eq!(Dimension::ALL.map(Dimension::weight).iter().sum::<f64>(), 100.0);
        for (place, one) in Dimension::ALL.into_iter().enumerate() {
            assert_eq!(one.place(), place);
        }
    }

    proptest! {
        #[test]
        fn the_total_lies_between_the_smallest_and_the_largest(points in [0.0_f64..=100.0, 0.0..=100.0, 0.0..=100.0, 0.0..=100.0, 0.0..=100.0]) {
            let total = Rubric::new(points.map(Some)).total().expect("all there");
            let least = points.iter().copied().fold(f64::INFINITY, f64::min);
            let most = points.iter().copied().fold(0.0, f64::max);
            prop_assert!((least - 1e-9..=most + 1e-9).contains(&total));
        }
    }
}
