//! Prints precision and recall of the screen by kind, on the synthetic labelled set and on its held-out templates; with
//! `--misses` what was missed or wrongly found (synthetic values only). Run by whoever changes a rule:
//! `cargo run -p data --example screen-quality`.
#![allow(clippy::print_stdout, reason = "it prints a table")]

use data::screen::quality::{Family, labelled, measure};
use data::screen::{Language, Screen};

const RECORDS: usize = 2_000;
const SEED: u64 = 20_240_501;

fn main() {
    let misses = std::env::args().any(|argument| argument == "--misses");
    for family in [Family::Tuned, Family::HeldOut] {
        for language in [Language::Chinese, Language::English] {
            let texts = labelled(family, language, RECORDS, SEED);
            println!("\n{family:?}, {language:?}: {RECORDS} texts, seed {SEED}");
            println!("{:24} {:>8} {:>8} {:>8} {:>9}", "kind", "planted", "recall", "found", "precision");
            for (kind, score) in measure(&texts) {
                let (recall, precision) = (100.0 * score.recall(), 100.0 * score.precision());
                println!(
                    "{:24} {:8} {recall:7.2} % {:8} {precision:7.2} %",
                    kind.name(),
                    score.planted,
                    score.found
                );
            }
            // The held-out family must not be tuned on, so its misses are not shown.
            if misses && family == Family::Tuned {
                show_misses(&texts);
            }
        }
    }
}

fn show_misses(texts: &[data::screen::quality::Labelled]) {
    let screen = Screen::default();
    let mut shown = 0;
    for labelled in texts {
        let findings = screen.text(0, &labelled.text);
        let around = |start: usize, end: usize| {
            let before: String =
                labelled.text[..start].chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
            let after: String = labelled.text[end..].chars().take(8).collect();
            format!("{before}<<{}>>{after}", &labelled.text[start..end]).replace('\n', "\\n")
        };
        for (kind, start, end) in &labelled.labels {
            let whole = |finding: &data::screen::Finding| finding.start <= *start + 1 && finding.end >= *end;
            if !findings.iter().any(whole) && shown < 60 {
                println!("missed {kind}: {}", around(*start, *end));
                shown += 1;
            }
        }
        for finding in &findings {
            let touches = labelled.labels.iter().any(|(kind, start, end)| {
                *kind == finding.kind && *start < finding.end && finding.start < *end
            });
            if !touches && shown < 60 {
                println!("wrong {}: {}", finding.kind, around(finding.start, finding.end));
                shown += 1;
            }
        }
    }
}
