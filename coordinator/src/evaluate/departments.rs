//! Two models on the records of each department of a held-out file. Called by `child`. Pure. Invariants:
//! every record counts in one line; a file without departments has no lines.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use model::SampleScore;

use super::details::{Department, beginning};
use super::paired;
use crate::limits::{DEPARTMENT_CHARS_MAX, DEPARTMENTS_MAX};

/// The scores of both models by department, the largest department first; those without one and the smallest
/// ones together at the end. The three lists are of the same records in the same order.
pub fn by_department(
    departments: &[Option<String>],
    base: &[SampleScore],
    adapted: &[SampleScore],
) -> Vec<Department> {
    if departments.iter().all(Option::is_none)
        || departments.len() != base.len()
        || base.len() != adapted.len()
    {
        return Vec::new();
    }
    let mut groups: BTreeMap<Option<String>, Pairs> = BTreeMap::new();
    for ((name, base), adapted) in departments.iter().zip(base).zip(adapted) {
        let name = name.as_deref().map(|name| beginning(name, DEPARTMENT_CHARS_MAX));
        groups.entry(name).or_default().push((*base, *adapted));
    }
    let mut others = groups.remove(&None).unwrap_or_default();
    let mut named: Vec<(Option<String>, Pairs)> = groups.into_iter().collect();
    // Stable, so departments of one size stay in the order of their names.
    named.sort_by_key(|(_, pairs)| Reverse(pairs.len()));
    others.extend(named.drain(named.len().min(DEPARTMENTS_MAX)..).flat_map(|(_, pairs)| pairs));
    let others = (!others.is_empty()).then_some((None, others));
    named.into_iter().chain(others).map(|(name, pairs)| department(name, &pairs)).collect()
}

/// A record's score with the base model and with the adapted one.
type Pairs = Vec<(SampleScore, SampleScore)>;

fn department(name: Option<String>, pairs: &Pairs) -> Department {
    let (of_base, of_adapted): (Vec<SampleScore>, Vec<SampleScore>) = pairs.iter().copied().unzip();
    let tokens: u64 = of_base.iter().map(|score| score.tokens).sum();
    let losses = |scores: &[SampleScore]| scores.iter().map(|score| score.loss).collect::<Vec<f64>>();
    let per_token = |sum: f64| sum / tokens.max(1) as f64;
    let correct = |scores: &[SampleScore]| scores.iter().map(|score| score.correct).sum::<u64>() as f64;
    let (base, adapted) = (losses(&of_base), losses(&of_adapted));
    Department {
        name,
        questions: pairs.len() as u64,
        supervised_tokens: tokens,
        base_loss: per_token(base.iter().sum()),
        loss: per_token(adapted.iter().sum()),
        base_token_accuracy: per_token(correct(&of_base)),
        token_accuracy: per_token(correct(&of_adapted)),
        paired: paired::compare(&base, &adapted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(loss: f64, correct: u64) -> SampleScore {
        SampleScore { loss, tokens: 10, correct }
    }

    #[test]
    fn each_record_counts_in_its_departments_line() {
        let names = ["b", "a", "", "b"].map(|name| (!name.is_empty()).then(|| name.to_owned()));
        let base = [score(20.0, 1), score(30.0, 2), score(40.0, 3), score(40.0, 4)];
        let adapted = [score(10.0, 5), score(15.0, 6), score(20.0, 7), score(20.0, 8)];
        let found = by_department(&names, &base, &adapted);
        let lines: Vec<_> = found.iter().map(|line| (line.name.as_deref(), line.questions)).collect();
        assert_eq!(lines, [(Some("b"), 2), (Some("a"), 1), (None, 1)]);
        assert_eq!((found[0].base_loss, found[0].loss), (3.0, 1.5));
        assert_eq!((found[0].base_token_accuracy, found[0].token_accuracy), (0.25, 0.65));
        assert_eq!(found[0].paired.unwrap().change, -0.5);
        assert!(found[1].paired.is_none(), "one record has no spread");
    }

    #[test]
    fn there_are_so_many_lines_and_no_more() {
        let names: Vec<_> =
            (0..2 * DEPARTMENTS_MAX).map(|it| Some(format!("{it:03}{}", "x".repeat(99)))).collect();
        let scores = vec![score(1.0, 1); names.len()];
        let found = by_department(&names, &scores, &scores);
        assert_eq!(found.len(), DEPARTMENTS_MAX + 1);
        assert_eq!(found.iter().map(|line| line.questions).sum::<u64>(), names.len() as u64);
        assert_eq!((found[30].name.clone(), found[30].questions), (None, 30));
        assert_eq!(found[0].name.as_ref().unwrap().chars().count(), DEPARTMENT_CHARS_MAX + 1);
    }

    #[test]
    fn a_file_without_departments_has_none() {
        let scores = vec![score(1.0, 1); 2];
        assert!(by_department(&[None, None], &scores, &scores).is_empty());
    }
}
