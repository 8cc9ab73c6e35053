//! The score of a graded answer. Called by `judge::spoken`. Source: HealthBench (arXiv 2505.08775): the
//! points of the criteria that are met, negative ones too, by the sum of the positive ones. Invariant:
//! nothing is scored before every criterion has a grade, nor where no criterion has positive points.

use crate::suite::{Criterion, Votes};

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

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(points: &[f64], met: &[u8]) -> Option<f64> {
        let rubric: Vec<Criterion> =
            points.iter().map(|points| Criterion { text: "x".into(), points: *points }).collect();
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
    fn graders_who_do_not_agree_cost_points() {
        let rubric = [5.0, -5.0].map(|points| Criterion { text: "x".into(), points });
        let tie = Votes { yes: 1, no: 1 };
        assert_eq!(score(&rubric, &[tie, tie]), Some(-1.0));
        let most = Votes { yes: 2, no: 1 };
        assert_eq!(score(&rubric, &[most, Votes { yes: 1, no: 2 }]), Some(1.0));
        assert_eq!(score(&rubric, &[most, Votes::default()]), None);
    }
}
