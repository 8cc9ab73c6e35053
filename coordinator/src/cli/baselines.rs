//! The lines of `coordinator status` on what sites train alone. Called by `status`. Pure.

use crate::admin::report::baselines::SideBySide;
use crate::round::baseline::HeldOut;

/// `each site trains alone: 2 of 3 measured on the validation set`, and where the table is.
pub(super) fn line(shown: &SideBySide, is_alone: bool) -> String {
    let of = |set: HeldOut, word: &str| {
        let (measured, all) = shown.counts(set);
        format!("{measured} of {all} measured on the {word} set")
    };
    let sets: Vec<String> = shown
        .sets
        .iter()
        .map(|it| match it.set {
            HeldOut::Validation => of(it.set, "validation"),
            HeldOut::Test => of(it.set, "test"),
        })
        .collect();
    let what = if is_alone {
        "each site trains alone".to_owned()
    } else {
        format!("run {} has each site alone", shown.run)
    };
    format!("{what}: {}\n`coordinator report` shows them side by side\n", sets.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn the_measured_are_counted_by_set() {
        let shown = example::report().side_by_side.unwrap();
        let text = line(&shown, true);
        assert!(
            text.starts_with("each site trains alone: 2 of 3 measured on the validation set, 2 of 3 "),
            "{text}"
        );
        assert!(line(&shown, false).starts_with("run a10ea10ea10ea10e has each site alone: "));
    }
}
