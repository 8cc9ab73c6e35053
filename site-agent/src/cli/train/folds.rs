//! What a cross-validation says: a line for each fold, and at the end all of them together. Called by
//! `cli::train`. Invariant: no line is longer than 80 columns.

use cli::duration::span;

use super::display::thousands;
use crate::alone::folds::result::{FoldResult, FoldsTogether};
use crate::limits::DRAWN_MIN;

/// Before the first fold.
pub(super) fn begun(folds: u64, done: u64, without_answer: u64) -> String {
    let mut text = format!("cross-validation: {folds} folds, a training for each");
    if done > 0 {
        text.push_str(&format!("; {done} are done"));
    }
    if without_answer > 0 {
        text.push_str(&format!("\n{without_answer} folds have no answer within the cut: left out"));
    }
    text
}

/// Before the training of a fold.
pub(super) fn begins(number: u64, folds: u64, training: u64, held_out: u64) -> String {
    format!(
        "fold {number} of {folds}: {} records to train on, {} held out",
        thousands(training),
        thousands(held_out)
    )
}

/// Behind it.
pub(super) fn measured(result: &FoldResult, folds: u64) -> String {
    let (before, after) = (result.before, result.after);
    format!(
        "fold {} of {folds}, held out: loss {:.4} to {:.4}, accuracy {:.2} % to {:.2} %",
        result.fold,
        before.loss,
        after.loss,
        100.0 * before.token_accuracy,
        100.0 * after.token_accuracy
    )
}

/// The result, for standard output.
pub(super) fn together(all: &FoldsTogether, out: &str, peak_bytes: Option<u64>) -> String {
    let percent = |share: f64| 100.0 * share;
    let mut lines = vec![
        format!(
            "{} folds: {} records, each held out once, {} supervised tokens",
            all.folds,
            thousands(all.records),
            thousands(all.tokens)
        ),
        format!("loss before training  {:.4}", all.before.loss),
        format!("loss after it         {:.4}", all.after.loss),
        format!("change                {:+.4} nats a token", all.change),
        format!(
            "  95 % interval       {:+.4} to {:+.4}, of {} patients or single records",
            all.change_low,
            all.change_high,
            thousands(all.drawn)
        ),
        format!(
            "loss, mean of folds   {:.4}, standard deviation {:.4}",
            all.fold_loss_mean, all.fold_loss_deviation
        ),
        format!(
            "token accuracy        {:.2} %, before {:.2} %",
            percent(all.after.token_accuracy),
            percent(all.before.token_accuracy)
        ),
        format!(
            "  mean of folds       {:.2} %, standard deviation {:.2} %",
            percent(all.fold_accuracy_mean),
            percent(all.fold_accuracy_deviation)
        ),
        format!("verdict: {}", verdict(all)),
    ];
    if let Some(bytes) = peak_bytes {
        lines.push(format!("peak memory {:.2} GB", bytes as f64 / 1e9));
    }
    lines.push(format!("all folds: {out}/cross-validation.json"));
    lines.push("No adapter was made; the same command without --folds makes one of all records.".to_owned());
    lines.join("\n")
}

fn verdict(all: &FoldsTogether) -> &'static str {
    match all {
        _ if all.drawn < DRAWN_MIN => "too few patients or records to say whether training helps",
        _ if all.change_high < 0.0 => "training helps on records it has not seen",
        _ if all.change_low > 0.0 => "training HARMS on records it has not seen",
        _ => "no difference is shown on records it has not seen",
    }
}

/// How long the other folds will take, if each takes as long as this one.
pub(super) fn left(result: &FoldResult, folds: u64) -> Option<String> {
    let left = folds.checked_sub(result.fold).filter(|left| *left > 0)?;
    let which = if left == 1 { "the last fold".to_owned() } else { format!("the other {left} folds") };
    Some(format!("about {} for {which}", span(result.elapsed_s * left as f64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone::folds::result::Measured;

    fn measured_as(loss: f64) -> Measured {
        Measured { loss, token_accuracy: 0.987_65 }
    }

    #[test]
    fn every_line_fits_and_the_verdict_follows_the_interval() {
        let result = FoldResult {
            fold: 100,
            trained_on: 19_800,
            held_out: 200,
            tokens: 40_000,
            before: measured_as(10.123_456),
            after: measured_as(10.123_456),
            steps: 9000,
            elapsed_s: 7384.0,
            records: Vec::new(),
        };
        let mut all = FoldsTogether {
            folds: 100,
            records: 20_000,
            tokens: 123_456_789,
            before: measured_as(10.123_456),
            after: measured_as(10.123_456),
            fold_loss_mean: 10.123_456,
            fold_loss_deviation: 10.123_456,
            fold_accuracy_mean: 1.0,
            fold_accuracy_deviation: 0.123,
            change: -10.123_456,
            change_low: -10.123_456,
            change_high: -0.1,
            drawn: 20_000,
        };
        let text = [
            begun(100, 99, 1),
            begins(100, 100, 19_800, 200),
            measured(&result, 100),
            together(&all, "out", Some(1)),
            left(&FoldResult { fold: 1, ..result.clone() }, 100).unwrap(),
        ];
        for line in text.iter().flat_map(|text| text.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert_eq!(left(&result, 100), None);
        assert!(text[3].contains("training helps"));
        all.drawn = 5;
        assert!(together(&all, "out", None).contains("too few"));
        all.drawn = 6;
        (all.change_low, all.change_high) = (-0.1, 0.1);
        assert!(together(&all, "out", None).contains("no difference is shown"));
        (all.change_low, all.change_high) = (0.1, 0.2);
        assert!(together(&all, "out", None).contains("HARMS"));
    }
}
