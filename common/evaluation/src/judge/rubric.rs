//! The score of a graded answer. Called by `judge::spoken`. Source: HealthBench (arXiv 2505.08775): the
//! points of the criteria that are met, negative ones too, by the sum of the positive ones. Invariant:
//! nothing is scored before every criterion has a grade, nor where no criterion has positive points.

use crate::suite::{Axis, Criterion, Votes};

/// The score of one answer: 1 is all positive points and no fault. Below 0 where faults weigh more.
///
/// Most graders decide on a criterion; of as many on both sides, those who cost the answer points.
pub(super) fn score(rubric: &[Criterion], votes: &[Votes]) -> Option<f64> {
    if votes.len() != rubric.len() || votes.iter().any(|votes| votes.yes + votes.no == 0) {
        return None;
    }
    let is_met =
        |one: &Criterion, votes: &Votes| votes.yes > votes.no || (votes.yes == votes.no && one.points < 0.0);
    let met: f64 =
        rubric.iter().zip(votes).filter(|(one, votes)| is_met(one, votes)).map(|(one, _)| one.points).sum();
    let all: f64 = rubric.iter().map(|one| one.points).filter(|points| *points > 0.0).sum();
    (all > 0.0).then(|| met / all)
}

/// The score by the criteria of one axis alone, of an answer of which every criterion has a grade; nothing
/// where none of them has positive points. Source: the tags of `healthbench_eval.py`.
pub(super) fn on_axis(rubric: &[Criterion], votes: &[Votes], axis: Axis) -> Option<f64> {
    score(rubric, votes)?;
    let (some, of_some): (Vec<Criterion>, Vec<Votes>) =
        rubric.iter().cloned().zip(votes.iter().copied()).filter(|(one, _)| one.axis == Some(axis)).unzip();
    score(&some, &of_some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(points: &[f64], met: &[u8]) -> Option<f64> {
        let rubric: Vec<Criterion> =
            points.iter().map(|points| Criterion { text: "x".into(), points: *points, axis: None }).collect();
        let votes: Vec<Votes> =
            met.iter().map(|met| Votes { yes: u32::from(*met), no: 1 - u32::from(*met) }).collect();
        score(&rubric, &votes)
    }

    #[test]
    fn scores_are_those_of_healthbench() {
        let scores = [
            graded(&[7.0, 5.0, 10.0, -6.0], &[1, 0, 1, 1]),
            graded(&[5.0, 3.0, -8.0], &[0, 1, 1]),
            graded(&[10.0, 10.0], &[1, 1]),
        ];
        assert_eq!(scores, [Some(0.5), Some(-0.625), Some(1.0)]);
        let mean = scores.iter().flatten().sum::<f64>() / 3.0;
        assert!((mean - 0.291_667).abs() < 5e-7, "{mean}");
        assert_eq!(graded(&[-3.0], &[0]), None, "without a positive criterion it is not defined");
        assert_eq!(graded(&[3.0, 4.0], &[1]), None, "not yet graded");
    }

    #[test]
    fn an_axis_has_the_score_of_its_criteria() {
        let one = |points, axis| Criterion { text: "x".into(), points, axis: Some(axis) };
        let rubric = [one(10.0, Axis::Completeness), one(5.0, Axis::Accuracy), one(-8.0, Axis::Accuracy)];
        let votes = |met: [u32; 3]| met.map(|met| Votes { yes: met, no: 1 - met });
        let of = |met, axis| on_axis(&rubric, &votes(met), axis);
        assert_eq!(of([1, 1, 1], Axis::Completeness), Some(1.0));
        assert_eq!(of([1, 1, 1], Axis::Accuracy), Some(-0.6));
        assert_eq!(of([1, 1, 1], Axis::ContextAwareness), None);
        let mut not_all = votes([1, 1, 1]);
        not_all[0] = Votes::default();
        assert_eq!(on_axis(&rubric, &not_all, Axis::Accuracy), None, "an answer counts when it is graded");
    }

    #[test]
    fn graders_who_do_not_agree_cost_points() {
        let rubric = [5.0, -5.0].map(|points| Criterion { text: "x".into(), points, axis: None });
        let tie = Votes { yes: 1, no: 1 };
        assert_eq!(score(&rubric, &[tie, tie]), Some(-1.0));
        let most = Votes { yes: 2, no: 1 };
        assert_eq!(score(&rubric, &[most, Votes { yes: 1, no: 2 }]), Some(1.0));
        assert_eq!(score(&rubric, &[most, Votes::default()]), None);
    }
}
