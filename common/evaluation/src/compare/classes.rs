//! How a model does on each answer of a suite whose items all have the same answers (yes, no, maybe; labels):
//! how often it finds it, how often it is right where it says it, and F1, with the mean over the answers.
//! Used by `scores` and `pair`. Sources: Sokolova and Lapalme 2009; the numbers are those of scikit-learn's
//! `f1_score(average="macro", zero_division=0)`.
//!
//! Invariants: an answer that is right nowhere and was said nowhere is left out, in each draw of the
//! bootstrap, too; of an item without a choice the right answer counts as missed, and no other as said.

use serde::Serialize;

use super::arm::Arm;
use super::means::Mean;
use crate::statistics::{draws, percentiles};
use crate::suite::Suite;

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Class {
    /// The answer, as the suite has it.
    pub name: String,
    /// Items of which it is right.
    pub of: u64,
    /// Items of which the model says it.
    pub said: u64,
    /// Items of both.
    pub right: u64,
    /// `right / of`, the sensitivity; nothing where it is right nowhere.
    pub recall: Option<f64>,
    /// `right / said`, the positive predictive value; nothing where it was said nowhere.
    pub precision: Option<f64>,
    /// `2 right / (of + said)`.
    pub f1: f64,
}

/// All answers of a suite.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classes {
    /// The mean of F1 over the answers, with a bootstrap of the cases; `of` is how many answers.
    pub macro_f1: Mean,
    /// Each, in the order of the suite.
    pub each: Vec<Class>,
}

/// What is counted of an answer.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    of: u64,
    said: u64,
    right: u64,
}

impl Count {
    /// Nothing where there is nothing to find and nothing was said.
    fn f1(self) -> Option<f64> {
        let all = self.of + self.said;
        (all > 0).then(|| 2.0 * self.right as f64 / all as f64)
    }
}

/// The counts of one case, of the answers that occur in it.
type Case = Vec<(usize, Count)>;

/// Nothing where items have answers of their own, or a choice is not known.
pub(super) fn of(suite: &Suite, arm: &Arm, cases: &[Vec<usize>], seed: u64) -> Option<Classes> {
    let counted = counted(suite, arm, cases)?;
    let names = &suite.settings.answers;
    let all: Vec<usize> = (0..counted.len()).collect();
    let found = drawn(&[&counted], names.len(), seed, |means| Some(means[0]))?;
    let total = total(&counted, &all, names.len());
    let each = names.iter().zip(&total).filter_map(|(name, count)| {
        let Count { of, said, right } = *count;
        let share = |all: u64| (all > 0).then(|| right as f64 / all as f64);
        Some(Class {
            name: name.clone(),
            of,
            said,
            right,
            recall: share(of),
            precision: share(said),
            f1: count.f1()?,
        })
    });
    let each: Vec<Class> = each.collect();
    Some(Classes { macro_f1: Mean { of: each.len() as u64, ..found }, each })
}

/// The difference of two models' means, each draw of the cases the same for both; `of` is how many answers
/// the suite has.
pub(super) fn difference(suite: &Suite, arms: [&Arm; 2], cases: &[Vec<usize>], seed: u64) -> Option<Mean> {
    let [base, arm] = arms.map(|one| counted(suite, one, cases));
    drawn(&[&base?, &arm?], suite.settings.answers.len(), seed, |means| Some(means[1] - means[0]))
}

fn counted(suite: &Suite, arm: &Arm, cases: &[Vec<usize>]) -> Option<Vec<Case>> {
    if suite.settings.answers.is_empty() || suite.settings.score.is_words() {
        return None;
    }
    let case = |places: &Vec<usize>| {
        let mut counts = Case::new();
        for place in places {
            let item = suite.items.get(*place)?;
            let chosen = arm.outcomes.get(*place)?.chosen.as_ref()?;
            for class in item.gold.iter().chain(chosen.iter().filter(|class| !item.gold.contains(class))) {
                let at = counts.iter().position(|(known, _)| known == class).unwrap_or(counts.len());
                if at == counts.len() {
                    counts.push((*class, Count::default()));
                }
                let (of, said) = (item.gold.contains(class), chosen.contains(class));
                let count = &mut counts[at].1;
                count.of += u64::from(of);
                count.said += u64::from(said);
                count.right += u64::from(of && said);
            }
        }
        Some(counts)
    };
    cases.iter().map(case).collect()
}

fn total(cases: &[Case], drawn: &[usize], classes: usize) -> Vec<Count> {
    let mut total = vec![Count::default(); classes];
    for (class, count) in drawn.iter().flat_map(|case| &cases[*case]) {
        if let Some(sum) = total.get_mut(*class) {
            sum.of += count.of;
            sum.said += count.said;
            sum.right += count.right;
        }
    }
    total
}

/// A figure of the models' means over all cases, and its interval.
fn drawn(
    models: &[&[Case]],
    classes: usize,
    seed: u64,
    figure: impl Fn(&[f64]) -> Option<f64>,
) -> Option<Mean> {
    let cases = models.first()?.len();
    let of = |drawn: &[usize]| {
        let mean = |cases: &&[Case]| {
            let each: Vec<f64> = total(cases, drawn, classes).into_iter().filter_map(Count::f1).collect();
            (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64)
        };
        figure(&models.iter().map(mean).collect::<Option<Vec<f64>>>()?)
    };
    let mean = of(&(0..cases).collect::<Vec<usize>>())?;
    let interval = percentiles(draws(cases, seed, of))?;
    Some(Mean { mean, low: interval.low.min(mean), high: interval.high.max(mean), of: classes as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Outcome;
    use crate::suite::SuiteFile;

    const NAMES: [&str; 4] = ["heart", "gut", "lung", "skin"];

    fn suite(gold: &[&[usize]]) -> Suite {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("suite.toml");
        let labels = "answers = [\"heart\", \"gut\", \"lung\", \"skin\"]\nscore = \"generated\"\n";
        let head = "name = \"a\"\nlayout = \"items\"\nrecords = \"items.jsonl\"\n";
        std::fs::write(&file, format!("{head}{labels}")).unwrap();
        let line = |gold: &&[usize]| {
            let names: Vec<String> = gold.iter().map(|class| format!("{:?}", NAMES[*class])).collect();
            format!("{{\"question\": \"q\", \"answer\": [{}]}}\n", names.join(", "))
        };
        std::fs::write(folder.path().join("items.jsonl"), gold.iter().map(line).collect::<String>()).unwrap();
        SuiteFile::read(&file).unwrap().open().unwrap()
    }

    fn arm(chosen: &[&[usize]]) -> Arm {
        let outcome = |chosen: &&[usize]| Outcome { chosen: Some(chosen.to_vec()), ..Outcome::default() };
        Arm { name: "x".into(), outcomes: chosen.iter().map(outcome).collect() }
    }

    fn cases(suite: &Suite) -> Vec<Vec<usize>> {
        super::super::means::cases(suite)
    }

    fn numbers(classes: &Classes) -> Vec<(u64, f64)> {
        classes.each.iter().map(|class| (class.of, class.f1)).collect()
    }

    const GOLD: [&[usize]; 10] = [&[0], &[0], &[0], &[0], &[1], &[1], &[1], &[2], &[2], &[3]];
    const SAID: [&[usize]; 10] = [&[0], &[0], &[1], &[0], &[1], &[2], &[1], &[2], &[0], &[1]];

    #[test]
    fn the_numbers_are_those_of_scikit_learn() {
        let one = suite(&GOLD);
        let found = of(&one, &arm(&SAID), &cases(&one), 0).unwrap();
        // f1_score(average="macro", zero_division=0) of scikit-learn.
        assert!((found.macro_f1.mean - 0.455_357_142_857_142_85).abs() < 1e-15, "{found:?}");
        let expected = [(4, 0.75), (3, 0.571_428_571_428_571_4), (2, 0.5), (1, 0.0)];
        for (found, expected) in numbers(&found).into_iter().zip(expected) {
            assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-15, "{found:?}");
        }
        assert!(found.macro_f1.low < found.macro_f1.mean && found.macro_f1.mean < found.macro_f1.high);
        assert_eq!((found.each[3].recall, found.each[3].precision), (Some(0.0), None));
        assert_eq!(found.macro_f1.of, 4);
    }

    #[test]
    fn several_labels_of_an_item_and_no_choice_count_as_there() {
        let one = suite(&[&[0], &[0, 2], &[1], &[2], &[1, 3]]);
        let found = of(&one, &arm(&[&[0], &[2], &[], &[1, 2], &[1]]), &cases(&one), 0).unwrap();
        assert!((found.macro_f1.mean - 0.541_666_666_666_666_6).abs() < 1e-15, "{found:?}");
        let f1: Vec<f64> = found.each.iter().map(|class| class.f1).collect();
        assert!((f1[0] - 2.0 / 3.0).abs() < 1e-15 && f1[1..] == [0.5, 1.0, 0.0], "{f1:?}");
    }

    #[test]
    fn an_answer_that_occurs_nowhere_is_left_out() {
        let one = suite(&[&[0], &[1]]);
        let found = of(&one, &arm(&[&[0], &[0]]), &cases(&one), 0).unwrap();
        assert_eq!((found.each.len(), found.macro_f1.of), (2, 2));
        assert!((found.macro_f1.mean - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn two_models_are_compared_on_the_same_draws() {
        let one = suite(&GOLD);
        let same = difference(&one, [&arm(&SAID), &arm(&SAID)], &cases(&one), 7).unwrap();
        assert_eq!((same.mean, same.low, same.high), (0.0, 0.0, 0.0));
        let better = difference(&one, [&arm(&SAID), &arm(&GOLD)], &cases(&one), 7).unwrap();
        assert!((better.mean - (1.0 - 0.455_357_142_857_142_85)).abs() < 1e-15);
        assert!(better.low > 0.0 && better.high <= 1.0, "{better:?}");
    }

    #[test]
    fn what_is_not_known_has_no_figure() {
        let one = suite(&GOLD);
        let mut some = arm(&SAID);
        some.outcomes[3].chosen = None;
        assert!(
            of(&one, &some, &cases(&one), 0).is_none()
                && difference(&one, [&some, &some], &cases(&one), 0).is_none()
        );
        some.outcomes.truncate(2);
        assert!(of(&one, &some, &cases(&one), 0).is_none());
    }
}
