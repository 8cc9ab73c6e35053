//! Prints precision and recall of the screen by kind, on the synthetic labelled set and on its held-out
//! templates; with `--places FILE` only where the lines of a file have findings (no text), to compare before
//! and after a change; with `--misses` what was missed or wrongly found (synthetic values only). With
//! `--labelled FILE` the same for a file of labelled texts (format: `quality::file`); `--misses` then prints
//! words of that file. Run by whoever changes a rule, and by a hospital with labelled notes of its own:
//! `cargo run -p data --example screen-quality`.
#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::time::{Duration, Instant};

use data::screen::quality::{Family, Score, file, labelled, measure};
use data::screen::{Language, Screen};

const RECORDS: usize = 2_000;
const SEED: u64 = 20_240_501;

fn main() {
    let path_behind = |flag: &str| std::env::args().skip_while(|argument| argument != flag).nth(1);
    let misses = std::env::args().any(|argument| argument == "--misses");
    if let Some(path) = path_behind("--places") {
        return places(&path);
    }
    if let Some(path) = path_behind("--labelled") {
        return labelled_file(&path, misses);
    }
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
            // This one must not be tuned on, so its misses are not shown.
            if misses && family != Family::HeldOut {
                show_misses(&texts);
            }
        }
    }
    speed();
}

/// The tables of a file that somebody labelled.
fn labelled_file(path: &str, misses: bool) {
    let documents = match std::fs::read_to_string(path).map(|lines| file::read(&lines)) {
        Ok(Ok(documents)) => documents,
        Ok(Err(error)) => return println!("{error}"),
        Err(error) => return println!("cannot read {path}: {error}"),
    };
    let (counts, faults) = file::measure(&documents);
    for (language, counts) in &counts {
        println!("\n{language}: {} texts", counts.documents);
        table("recall, by the label's kind, without doubtful labels", &counts.recall);
        table("recall, doubtful labels counted too", &counts.recall_strict);
        table("precision, by the screen's kind: the finding touches any label", &counts.precision);
        println!("texts without a label: {} bytes, {} findings", counts.empty.0, counts.empty.1);
    }
    for (document, start, end, kind, missed) in faults.iter().filter(|_| misses) {
        let Some(document) = documents.get(*document) else { continue };
        let (text, word) = (&document.text, if *missed { "missed" } else { "wrong" });
        println!("{word} {kind} {}: {}", document.id, around(text, *start, *end));
    }
}

fn table(title: &str, kinds: &std::collections::BTreeMap<String, file::Tally>) {
    println!("{title}");
    let sum = file::total(kinds);
    for (kind, tally) in kinds.iter().map(|(kind, tally)| (kind.as_str(), tally)).chain([("all", &sum)]) {
        let (low, high) = tally.interval();
        println!(
            "  {kind:24} {:6} of {:6}  {:7.2} %  ({:.1} to {:.1})",
            tally.hold(),
            tally.all(),
            100.0 * tally.share(),
            100.0 * low,
            100.0 * high
        );
    }
}

/// A place with eight characters on either side.
fn around(text: &str, start: usize, end: usize) -> String {
    let before: String = text[..start].chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
    let after: String = text[end..].chars().take(8).collect();
    format!("{before}<<{}>>{after}", &text[start..end]).replace('\n', "\\n")
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
        let around = |start: usize, end: usize| around(&labelled.text, start, end);
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
