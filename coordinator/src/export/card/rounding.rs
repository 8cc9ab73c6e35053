//! What an export's card says of rounding. Called by `card`. Invariant: only what was measured while the
//! files were written.

use std::fmt::Write as _;

use model::Difference;

use super::super::format::Format;
use crate::report::format;

/// What was rounded, and how far the result is from the exact sum of base and adapter.
#[derive(Debug, Clone, Copy)]
pub(in crate::export) struct Rounded {
    /// The type, as people call it.
    pub(in crate::export) to: &'static str,
    /// Over the matrices that were rounded.
    pub(in crate::export) difference: Difference,
    /// Whether the tokenizer brings texts into form NFC first, where llama.cpp does not.
    pub(in crate::export) is_normalised: bool,
}

/// The section.
pub(super) fn write(card: &mut String, format: Format, rounded: &Rounded) {
    let difference = &rounded.difference;
    let share = match difference.mean_weight() {
        0.0 => 0.0,
        weight => 100.0 * difference.mean() / weight,
    };
    let _ = write!(
        card,
        "## Rounding\n\n{} are in {}. Of their {} weights one is {:.3e} from the exact sum of base model \
         and adapter in the mean ({share:.3} % of the mean |weight|), and {:.3e} at most.\n\n",
        if format == Format::Nf4 {
            "The matrices of the layers (embedding and head are as in the base model)"
        } else {
            "The matrices"
        },
        rounded.to,
        format::grouped(difference.values()),
        difference.mean(),
        difference.largest(),
    );
    if format == Format::Nf4 {
        card.push_str(
            "The sum is quantised again after the adapter was added, so that a part of what the adapter changed is \
             lost with the rest; `--format peft` beside a base model in NF4 keeps the adapter as it is.\n\n",
        );
    }
}
