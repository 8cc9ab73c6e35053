//! What one fold was measured as, and what all of them say together. Used by `folds`, which makes it, by
//! `folds::journal`, which writes it, and by `cli::train`, which shows it.
//! Invariant: numbers; no record's text or place.

use std::collections::BTreeMap;

use evaluation::statistics::{Cluster, bootstrap};
use model::evaluate::{Evaluation, SampleScore};
use serde::{Deserialize, Serialize};

/// Start of the random draws of the interval: the same folds give the same one.
const SEED: u64 = 7;

/// One measurement of a fold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Mean negative log-likelihood, nats per supervised token.
    pub loss: f64,
    /// Share of supervised tokens that were the most likely one.
    pub token_accuracy: f64,
}

impl Measured {
    pub(super) fn of(evaluation: &Evaluation) -> Self {
        Self { loss: rounded(evaluation.loss), token_accuracy: rounded(evaluation.token_accuracy) }
    }
}

/// To nine places: such a number is the same when it was written as text and read again, so that folds which
/// were done before a crash say the same as those of one process.
fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}

/// How a held-out record's loss changed by the training that did not see it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordChange {
    /// Negative log-likelihood of all its supervised tokens, after less before.
    pub nats: f64,
    /// Its supervised tokens.
    pub tokens: u64,
    /// A number that it shares with the records of its patient, or with those that are nearly copies.
    pub group: u32,
}

impl RecordChange {
    pub(super) fn of(before: &SampleScore, after: &SampleScore, group: u32) -> Self {
        Self { nats: rounded(after.loss - before.loss), tokens: after.tokens, group }
    }
}

/// One fold: trained on all the others, measured on this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// Counted from 1.
    pub fold: u64,
    /// Records that were trained on.
    pub trained_on: u64,
    /// Records that were held out.
    pub held_out: u64,
    /// Supervised tokens of those.
    pub tokens: u64,
    /// With the adapter that training begins with.
    pub before: Measured,
    /// With the trained adapter.
    pub after: Measured,
    /// Optimiser steps.
    pub steps: u64,
    /// Seconds of the measurement before it and of training, those before a resume included.
    pub elapsed_s: f64,
    /// Each held-out record, in the order of the files.
    pub records: Vec<RecordChange>,
}

/// All folds together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldsTogether {
    /// How many they are.
    pub folds: u64,
    /// Records, each held out once.
    pub records: u64,
    /// Their supervised tokens.
    pub tokens: u64,
    /// All tokens together, before.
    pub before: Measured,
    /// The same after.
    pub after: Measured,
    /// Mean of the folds' losses after training.
    pub fold_loss_mean: f64,
    /// Sample standard deviation of these.
    pub fold_loss_deviation: f64,
    /// Mean of the folds' token accuracies after training.
    pub fold_accuracy_mean: f64,
    /// Sample standard deviation of these.
    pub fold_accuracy_deviation: f64,
    /// After less before, nats per supervised token.
    pub change: f64,
    /// 95 % percentile bootstrap interval of it, lower end.
    pub change_low: f64,
    /// Upper end.
    pub change_high: f64,
    /// What was drawn for it: patients, or records where these are nobody's or of patients with one each.
    pub drawn: u64,
}

impl FoldsTogether {
    /// Averages folds and draws the interval of the change by patient: records of one are not independent.
    #[must_use]
    pub fn of(results: &[FoldResult]) -> Self {
        let tokens: u64 = results.iter().map(|fold| fold.tokens).sum();
        let pooled = |value: fn(&FoldResult) -> f64| {
            results.iter().map(|fold| value(fold) * fold.tokens as f64).sum::<f64>() / tokens as f64
        };
        let before = Measured {
            loss: pooled(|fold| fold.before.loss),
            token_accuracy: pooled(|fold| fold.before.token_accuracy),
        };
        let after = Measured {
            loss: pooled(|fold| fold.after.loss),
            token_accuracy: pooled(|fold| fold.after.token_accuracy),
        };
        let (fold_loss_mean, fold_loss_deviation) = spread(results, |fold| fold.after.loss);
        let (fold_accuracy_mean, fold_accuracy_deviation) = spread(results, |fold| fold.after.token_accuracy);
        let clusters = clusters(results);
        let interval = bootstrap(&clusters, SEED);
        Self {
            folds: results.len() as u64,
            records: results.iter().map(|fold| fold.held_out).sum(),
            tokens,
            before,
            after,
            fold_loss_mean,
            fold_loss_deviation,
            fold_accuracy_mean,
            fold_accuracy_deviation,
            change: after.loss - before.loss,
            change_low: interval.low,
            change_high: interval.high,
            drawn: clusters.len() as u64,
        }
    }
}

/// What is drawn together, with its tokens as the items.
fn clusters(results: &[FoldResult]) -> Vec<Cluster> {
    let mut groups: BTreeMap<u32, Cluster> = BTreeMap::new();
    for record in results.iter().flat_map(|fold| &fold.records) {
        let group = groups.entry(record.group).or_insert(Cluster { difference: 0.0, items: 0 });
        group.difference += record.nats;
        group.items += record.tokens;
    }
    groups.into_values().collect()
}

/// Mean and sample standard deviation over folds, each counted once.
fn spread(results: &[FoldResult], value: fn(&FoldResult) -> f64) -> (f64, f64) {
    let count = results.len() as f64;
    let mean = results.iter().map(value).sum::<f64>() / count;
    let squares: f64 = results.iter().map(|fold| (value(fold) - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(number: u64, records: &[RecordChange], before: f64) -> FoldResult {
        let tokens = records.iter().map(|record| record.tokens).sum();
        let change: f64 = records.iter().map(|record| record.nats).sum();
        FoldResult {
            fold: number,
            trained_on: 10,
            held_out: records.len() as u64,
            tokens,
            before: Measured { loss: before, token_accuracy: 0.25 },
            after: Measured { loss: before + change / tokens as f64, token_accuracy: 0.5 },
            steps: 3,
            elapsed_s: 1.0,
            records: records.to_vec(),
        }
    }

    fn change(nats: f64, tokens: u64, group: u32) -> RecordChange {
        RecordChange { nats, tokens, group }
    }

    #[test]
    fn what_was_written_is_read_as_the_same_number() {
        let before = SampleScore { loss: 1.0 / 3.0, tokens: 7, correct: 1 };
        for number in 1..2000 {
            let after = SampleScore { loss: f64::from(number).sqrt() * 17.0, ..before };
            let change = RecordChange::of(&before, &after, 3);
            let text = serde_json::to_string(&change).unwrap();
            assert_eq!(serde_json::from_str::<RecordChange>(&text).unwrap(), change, "{text}");
        }
    }

    #[test]
    fn folds_are_pooled_by_token_and_averaged_by_fold() {
        let of = |group| {
            let first = [change(-2.0, 10, 0), change(-4.0, 10, group)];
            FoldsTogether::of(&[fold(1, &first, 3.0), fold(2, &[change(-1.0, 5, 2)], 2.0)])
        };
        let together = of(1);
        assert_eq!((together.folds, together.records, together.tokens, together.drawn), (2, 3, 25, 3));
        // (3 x 20 + 2 x 5) / 25 before; 7 nats less over 25 tokens.
        assert!((together.before.loss - 2.8).abs() < 1e-12 && (together.change + 0.28).abs() < 1e-12);
        assert!((together.after.loss - 2.52).abs() < 1e-12);
        // Folds of 2.7 and 1.8.
        assert!((together.fold_loss_mean - 2.25).abs() < 1e-12);
        assert!((together.fold_loss_deviation - 0.9 / 2_f64.sqrt()).abs() < 1e-12);
        assert!(together.change_low >= -0.4 && together.change_high <= -0.2, "{together:?}");
        assert!(together.change_low <= together.change && together.change <= together.change_high);
        let of_one_patient = of(0);
        assert_eq!((of_one_patient.drawn, of_one_patient.change), (2, together.change));
        assert_eq!((of_one_patient.change_low, of_one_patient.change_high), (-0.3, -0.2), "one or the other");
    }
}
