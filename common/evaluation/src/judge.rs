//! Right or wrong: what the model said of one item, by the rule of its suite. Called by `prepare` with
//! log-likelihoods or with a generated answer. Source of the scores: `api/metrics.py` of
//! lm-evaluation-harness.
//!
//! Invariant: of equal log-likelihoods the first wins, as numpy's argmax does; an answer that cannot be read
//! is wrong and is counted as not found.

mod extract;
mod figure;
mod open;
mod overlap;
pub(crate) mod pattern;
mod rubric;
mod soap;
mod spoken;
mod words;

use serde::{Deserialize, Serialize};

use self::pattern::{has, plain};
use crate::suite::{Item, Score};

pub use self::extract::extract;
pub use self::figure::Figure;
pub use self::spoken::{Spoken, by_words};

/// What is known of one item after one model was asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether what it chose is what is right.
    pub right: bool,
    /// The options that it chose, ascending, none where no choice was found; where there are options.
    pub chosen: Option<Vec<usize>>,
    /// The same by log-likelihood for each character (`acc_norm`); where whole options are compared.
    pub right_by_length: Option<bool>,
    /// How likely it took each option for, reduced to two numbers; where likelihoods are compared.
    pub certainty: Option<Certainty>,
    /// In the other orders of its options; where they were asked.
    pub orders: Option<Orders>,
    /// Whether an answer could be found in what was generated; true where nothing was.
    pub found: bool,
    /// Whether the beginning of the prompt was cut off to fit the model.
    pub cut: bool,
    /// How right it is, where answers are right in part: 1 is right, and below 0 is possible. Nothing where
    /// that is not known yet.
    pub credit: Option<f64>,
    /// What else was measured of an answer in words.
    pub figures: Vec<(Figure, f64)>,
    /// Of each rule of the suite, whether it was kept.
    pub kept: Vec<bool>,
    /// The answer in words, where somebody wants to read it.
    pub answer: Option<String>,
}

/// The probabilities of the options, from the softmax of their log-likelihoods.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certainty {
    /// Of the chosen one.
    pub confidence: f64,
    /// Brier's score: the sum of squared differences from 1 for the right option and 0 for the others.
    pub brier: f64,
}

/// What happened when the options went round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Orders {
    /// The share of the orders, the first included, in which the right option was chosen.
    pub right: f64,
    /// Whether the same option was chosen in all of them.
    pub stable: bool,
}

/// By log-likelihood. `orders[k][place]` is that of what the prompt shows at `place` when option `k` is shown
/// first; the first order decides, the others tell whether the place matters.
#[must_use]
pub fn by_likelihood(item: &Item, score: Score, orders: &[Vec<f64>]) -> Outcome {
    let count = item.options.len().max(1);
    let chosen: Vec<usize> = (0..).zip(orders).map(|(first, each)| (largest(each) + first) % count).collect();
    let right = |option: usize| item.gold == [option];
    let of_first = orders.first().map_or(&[][..], Vec::as_slice);
    let by_length = || {
        let each: Vec<f64> = of_first
            .iter()
            .zip(&item.options)
            .map(|(log, option)| log / option.chars().count().max(1) as f64)
            .collect();
        right(largest(&each))
    };
    Outcome {
        right: chosen.first().is_some_and(|option| right(*option)),
        chosen: chosen.first().map(|option| vec![*option]),
        right_by_length: (score == Score::Options).then(by_length),
        certainty: item.gold.first().map(|gold| certainty(of_first, *gold)),
        orders: (orders.len() > 1).then(|| Orders {
            right: chosen.iter().filter(|option| right(**option)).count() as f64 / chosen.len() as f64,
            stable: chosen.windows(2).all(|pair| pair[0] == pair[1]),
        }),
        found: true,
        ..Outcome::default()
    }
}

/// By the letters of a generated answer: exactly the right ones.
#[must_use]
pub fn by_text(item: &Item, answer: &str) -> Outcome {
    let found = extract(answer, item.options.len());
    Outcome {
        right: found.as_ref() == Some(&item.gold),
        found: found.is_some(),
        chosen: Some(found.unwrap_or_default()),
        ..Outcome::default()
    }
}

/// By what a generated answer has: one of what it needs, if it needs something, and nothing that it may not
/// have; compared after NFKC, in lower case, and no phrase is found within a longer word or number. An empty
/// answer is never right.
#[must_use]
pub fn by_phrases(item: &Item, answer: &str) -> Outcome {
    let answer = plain(answer);
    let found = !answer.trim().is_empty();
    let right =
        found && (item.wanted.is_empty() || has(&answer, &item.wanted)) && !has(&answer, &item.unwanted);
    Outcome { right, found, ..Outcome::default() }
}

/// The place of the largest value, the first of equal ones.
fn largest(values: &[f64]) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = place;
        }
    }
    best
}

fn softmax(logs: &[f64]) -> Vec<f64> {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let each: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
    let sum: f64 = each.iter().sum();
    each.into_iter().map(|value| value / sum).collect()
}

fn certainty(logs: &[f64], gold: usize) -> Certainty {
    let shares = softmax(logs);
    let square = |(place, share): (usize, &f64)| (share - f64::from(u8::from(place == gold))).powi(2);
    Certainty {
        confidence: shares.iter().copied().fold(0.0, f64::max),
        brier: shares.iter().enumerate().map(square).sum(),
    }
}

/// The expected calibration error of `(confidence, right)`: ten equal bins of the confidence, and of each the
/// distance between its mean and the share that was right, weighted by its size (Guo and others 2017).
#[must_use]
pub fn calibration_error(items: &[(f64, bool)]) -> f64 {
    let mut bins = [(0.0, 0_u64); 10];
    for (confidence, right) in items {
        // The upper edge belongs to the bin: (0.1, 0.2] and so on.
        let bin = ((confidence * 10.0).ceil() as usize).clamp(1, 10) - 1;
        bins[bin].0 += confidence - f64::from(u8::from(*right));
        bins[bin].1 += 1;
    }
    bins.iter().map(|(gap, _)| gap.abs()).sum::<f64>() / items.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with numpy after the harness.
    const LOGS: [f64; 4] = [-4.1, -9.0, -4.6, -5.2];

    fn item() -> Item {
        Item {
            options: ["高血压", "冠状动脉粥样硬化性心脏病", "糖尿病", "COPD"].map(str::to_owned).to_vec(),
            gold: vec![0],
            ..Item::default()
        }
    }

    #[test]
    fn the_fixture_of_the_harness_is_met() {
        let outcome = by_likelihood(&item(), Score::Options, &[LOGS.to_vec()]);
        assert!(outcome.right, "acc chooses 0");
        assert_eq!(outcome.right_by_length, Some(false), "acc_norm chooses 1, of twelve characters");
        assert_eq!(outcome.chosen, Some(vec![0]));
        for (found, expected) in
            softmax(&LOGS).iter().zip([0.513_650_7, 0.003_824_9, 0.311_544_9, 0.170_979_5])
        {
            assert!((found - expected).abs() < 5e-8, "{found}");
        }
        let certainty = outcome.certainty.unwrap();
        assert!(
            (certainty.brier - 0.362_844_47).abs() < 5e-9
                && (certainty.confidence - 0.513_650_7).abs() < 5e-8
        );
        let with_letters = by_likelihood(&item(), Score::Letters, &[LOGS.to_vec()]);
        assert_eq!(with_letters.right_by_length, None);
    }

    #[test]
    fn calibration_is_that_of_the_fixture() {
        let confidence = [0.95, 0.9, 0.85, 0.6, 0.55, 0.4, 0.35, 0.99];
        let right = [true, true, false, true, false, false, true, true];
        let items: Vec<(f64, bool)> = confidence.into_iter().zip(right).collect();
        assert!((calibration_error(&items) - 0.15125).abs() < 1e-12, "{}", calibration_error(&items));
        assert_eq!(calibration_error(&[]), 0.0);
    }

    #[test]
    fn a_model_that_likes_a_place_is_seen_when_the_options_go_round() {
        // It always says A; the right one stands there in one order of four.
        let always_a = vec![vec![-1.0, -2.0, -3.0, -4.0]; 4];
        let outcome = by_likelihood(&item(), Score::Letters, &always_a);
        assert!(outcome.right);
        assert_eq!(outcome.orders, Some(Orders { right: 0.25, stable: false }));
        // It always says option 0, wherever it stands: at place 0, then 3, 2, 1.
        let mut sure = vec![vec![-5.0; 4]; 4];
        for (first, each) in sure.iter_mut().enumerate() {
            each[(4 - first) % 4] = -1.0;
        }
        let outcome = by_likelihood(&item(), Score::Letters, &sure);
        assert_eq!(outcome.orders, Some(Orders { right: 1.0, stable: true }));
    }

    #[test]
    fn the_first_of_equal_ones_is_chosen() {
        assert_eq!(largest(&[-2.0, -1.0, -1.0]), 1);
        assert_eq!(largest(&[]), 0);
    }

    #[test]
    fn an_answer_in_words_has_what_it_needs_and_nothing_else() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
        let chest_pain =
            Item {
                wanted: list(&["拨打120", "call 911"]), unwanted: list(&["硝酸甘油"]), ..Item::default()
            };
        for (answer, right) in [
            ("请立即拨打１２０。", true),
            ("Call 911 now.", true),
            ("先含服硝酸甘油，再拨打120。", false),
            ("多喝水。", false),
            ("血压120/80，请观察。", false),
            ("Please call 9110.", false),
            (" ", false),
        ] {
            assert_eq!(by_phrases(&chest_pain, answer).right, right, "{answer}");
        }
        let must_answer = Item { unwanted: list(&["无法回答"]), ..Item::default() };
        assert!(by_phrases(&must_answer, "高血压是……").right && !by_phrases(&must_answer, "").right);
        assert!(
            !by_phrases(&must_answer, "抱歉，我无法回答。").right && !by_phrases(&must_answer, " ").found
        );
    }

    #[test]
    fn a_generated_answer_is_right_as_an_exact_set() {
        let several = Item { gold: vec![0, 2], ..item() };
        let both = by_text(&several, "答案：C、A");
        assert!(both.right && both.chosen == Some(vec![0, 2]));
        assert!(!by_text(&several, "答案：A").right);
        let lost = by_text(&several, "不知道");
        assert!(!lost.right && !lost.found && lost.chosen == Some(Vec::new()));
    }
}
