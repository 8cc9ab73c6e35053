//! What an export's card says of the loss of the files that it lies beside. Called by `card`. Invariant: only
//! what was measured of these files; else that it was not, and why.

use std::fmt::Write as _;

use prepare::quality::Lost;

use super::super::quality::{Outcome, Quality};
use crate::report::format;

/// The section.
pub(super) fn write(card: &mut String, quality: &Quality) {
    card.push_str("## Quality lost in writing\n\n");
    let (neutral, records) = match quality {
        Quality::NotMeasured(reason) => {
            let _ = write!(card, "Not measured: {reason}.\n\n");
            return;
        }
        Quality::Measured { neutral, records } => (neutral, records),
    };
    card.push_str(
        "The files were read back and asked beside the exact model, base and adapter in f32 with nothing rounded; \
         both computed in f32.\n\n\
         | set | texts (n) | tokens | loss, exact | loss, files | change | KL a token | same first guess |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    row(card, "neutral texts", neutral);
    let of_records = records.as_ref().and_then(|records| match &records.outcome {
        Outcome::Measured(lost) => Some(lost),
        Outcome::NotMeasured { .. } => None,
    });
    if let Some(lost) = of_records {
        row(card, "records of a file", lost);
    }
    card.push_str(
        "\nThe neutral texts are built into Consilium, English and Chinese, about nothing in particular. Loss is in \
         nats per token; a change above 0 is a loss. KL is that of the files' probabilities of the next token from \
         the exact model's, in nats; the same first guess is the share of tokens before which both models have the \
         same most likely token.",
    );
    if [Some(neutral), of_records].iter().flatten().any(|lost| lost.difference_interval.is_some()) {
        card.push_str(" In brackets 95 % intervals, a bootstrap of the texts.");
    }
    if let Some(records) = records {
        let _ = write!(card, " The file of records is `sha256 {}`", records.sha256);
        match &records.outcome {
            Outcome::Measured(_) => card.push('.'),
            Outcome::NotMeasured { not_measured } => {
                let _ = write!(card, "; it was not measured: {not_measured}.");
            }
        }
    }
    card.push_str(
        " Programs that load these files round in their own arithmetic, too, which is not measured here.\n\n",
    );
}

fn row(card: &mut String, set: &str, lost: &Lost) {
    let (mut change, mut divergence) =
        (format!("{:+.6}", lost.difference), format!("{:.3e}", lost.divergence));
    if let Some([low, high]) = lost.difference_interval {
        let _ = write!(change, " ({low:+.6} to {high:+.6})");
    }
    if let Some([least, most]) = lost.divergence_interval {
        let _ = write!(divergence, " ({least:.3e} to {most:.3e})");
    }
    let _ = writeln!(
        card,
        "| {set} | {} | {} | {} | {} | {change} | {divergence} | {} |",
        format::grouped(lost.texts),
        format::grouped(lost.tokens),
        format::loss(lost.exact_loss),
        format::loss(lost.written_loss),
        format::percent(lost.same_first_guess),
    );
}

#[cfg(test)]
mod tests {
    use common::id::Digest;
    use evaluation::limits::INTERVAL_TEXTS_MIN;

    use super::super::super::quality::OfRecords;
    use super::*;

    fn lost(texts: u64) -> Lost {
        Lost {
            texts,
            tokens: 1812,
            exact_loss: 3.25,
            written_loss: 3.256_789,
            difference: 0.006_789,
            difference_interval: (texts >= INTERVAL_TEXTS_MIN).then_some([-0.001, 0.0125]),
            divergence: 0.00123,
            divergence_interval: (texts >= INTERVAL_TEXTS_MIN).then_some([0.001, 0.0015]),
            same_first_guess: 0.975,
        }
    }

    #[test]
    fn figures_stand_with_their_interval_where_there_are_texts_enough_for_one() {
        let outcome = Outcome::Measured(lost(INTERVAL_TEXTS_MIN - 1));
        let few = OfRecords { sha256: Digest([7; 32]), outcome };
        let mut card = String::new();
        write(&mut card, &Quality::Measured { neutral: lost(40), records: Some(Box::new(few)) });
        let rows: Vec<&str> = card.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(
            rows[1],
            "| neutral texts | 40 | 1,812 | 3.2500 | 3.2568 | +0.006789 (-0.001000 to +0.012500) | 1.230e-3 (1.000e-3 \
             to 1.500e-3) | 97.50 % |"
        );
        assert!(rows[2].contains("| 29 | 1,812 |") && !rows[2].contains('('), "{}", rows[2]);
        assert!(card.contains("`sha256 0707") && card.contains("95 % intervals"), "{card}");
    }

    #[test]
    fn records_without_numbers_leave_the_neutral_figures_where_they_are() {
        let outcome = Outcome::NotMeasured { not_measured: "no numbers" };
        let records = OfRecords { sha256: Digest([7; 32]), outcome };
        let mut card = String::new();
        write(&mut card, &Quality::Measured { neutral: lost(40), records: Some(Box::new(records)) });
        assert!(card.contains("| neutral texts | 40 |") && !card.contains("| records"), "{card}");
        assert!(card.contains("07`; it was not measured: no numbers."), "{card}");
    }

    #[test]
    fn what_was_not_measured_has_a_reason_and_no_number() {
        let mut card = String::new();
        write(&mut card, &Quality::NotMeasured("it was turned off (`--no-measure`)".to_owned()));
        assert!(card.contains("Not measured: it was turned off (`--no-measure`).\n"), "{card}");
        assert!(!card.contains('|') && !card.contains("nats"), "{card}");
    }
}
