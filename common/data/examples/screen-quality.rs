//! Prints precision and recall of the screen by kind, on the synthetic labelled set and on its held-out
//! templates; with `--places FILE` only where the lines of a file have findings (no text), to compare before
//! and after a change; with `--misses` what was missed or wrongly found (synthetic values only). Run by
//! whoever changes a rule: `cargo run -p data --example screen-quality`.
#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::time::{Duration, Instant};

use data::screen::quality::{Family, Score, labelled, measure};
use data::screen::{Language, Screen};

const RECORDS: usize = 2_000;
const SEED: u64 = 20_240_501;

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--places");
    if let Some(path) = arguments.nth(1) {
        return places(&path);
    }
    let misses = std::env::args().any(|argument| argument == "--misses");
    for family in Family::ALL {
        for language in [Language::Chinese, Language::English] {
            let texts = labelled(family, language, RECORDS, SEED);
            println!("\n{family:?}, {language:?}: {RECORDS} texts, seed {SEED}");
            println!("{:24} {:>8} {:>8} {:>8} {:>9}", "kind", "planted", "recall", "found", "precision");
            let mut sum = Score::default();
            for (kind, score) in measure(&texts) {
                sum = sum.plus(score);
                let (recall, precision) = (100.0 * score.recall(), 100.0 * score.precision());
                println!(
                    "{:24} {:8} {recall:7.2} % {:8} {precision:7.2} %",
                    kind.name(),
                    score.planted,
                    score.found
                );
            }
            let (recall, precision) = (100.0 * sum.recall(), 100.0 * sum.precision());
            println!("{:24} {:8} {recall:7.2} % {:8} {precision:7.2} %", "all kinds", sum.planted, sum.found);
            // The other families must not be tuned on, so their misses are not shown.
            if misses && family == Family::Tuned {
                show_misses(&texts);
            }
        }
    }
    speed();
}

/// Line, bytes and kind of each finding in a file of texts, one a line.
fn places(path: &str) {
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("cannot read {path}");
        return;
    };
    let screen = Screen::default();
    for (line, text) in text.lines().enumerate() {
        for finding in screen.text(0, text) {
            println!("{line} {}-{} {}", finding.start, finding.end, finding.kind);
        }
    }
}

/// Megabytes a second on one core: the best of several passes over the texts of all families.
fn speed() {
    let mut texts = Vec::new();
    for (family, language) in
        Family::ALL.into_iter().flat_map(|family| [(family, Language::Chinese), (family, Language::English)])
    {
        texts.extend(labelled(family, language, RECORDS, SEED));
    }
    let bytes: usize = texts.iter().map(|labelled| labelled.text.len()).sum();
    let screen = Screen::default();
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        let found: usize = texts.iter().map(|labelled| screen.text(0, &labelled.text).len()).sum();
        best = best.min(start.elapsed());
        assert!(found > 0);
    }
    #[allow(clippy::cast_precision_loss, reason = "a few megabytes")]
    let rate = bytes as f64 / 1e6 / best.as_secs_f64();
    println!(
        "\nspeed: {rate:.1} MB/s on one core, best of 20 passes over {bytes} bytes dense with identifiers"
    );
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
