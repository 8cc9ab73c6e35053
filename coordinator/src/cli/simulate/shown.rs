//! A prediction for people: at most 80 columns, a bar for each round or for some together. Called by
//! `simulate`. Invariants: nothing depends on colour, for each part has a letter; a bar is as long as its
//! round.

use ::cli::duration::span;
use common::progress::{COLUMNS, wrapped};

use crate::simulate::prediction::{Prediction, Range, mean_parts};
use crate::simulate::rounds::{Parts, RoundCost};

/// Letters and names of a round's parts, and the colours that a terminal adds (SGR).
const PARTS: [(char, &str, &str); 6] = [
    ('d', "download", "34"),
    ('t', "training", "32"),
    ('u', "upload", "36"),
    ('w', "waiting", "33"),
    ('a', "aggregation", "35"),
    ('e', "evaluation", "31"),
];
/// Lines with a bar.
const BARS: usize = 24;
/// Columns of the longest one.
const BAR_COLUMNS: usize = 45;
/// Columns before what a line says.
const LABEL: usize = 14;

pub(super) fn lines(found: &Prediction, assumptions: &[String], is_coloured: bool) -> Vec<String> {
    let title = format!(
        "{} sites, {} rounds, updates of {}; {} simulations",
        found.sites,
        found.rounds,
        bytes(found.update_bytes),
        found.runs
    );
    let mut lines = wrapped(&title, COLUMNS);
    lines.push(String::new());
    let mut say = |label: &str, text: String| {
        for (index, line) in wrapped(&text, COLUMNS - LABEL).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            lines.push(format!("{label:<LABEL$}{line}"));
        }
    };
    say("wall time", range(found.wall_ms));
    say("a round", range(found.round_ms));
    say("", parts(found.parts));
    let (wire, site) = (found.wire, found.wire_of_a_site);
    say(
        "on the wire",
        format!("{} from all sites, {} to them", bytes(wire.up_bytes), bytes(wire.down_bytes)),
    );
    say("", format!("{} from the busiest site, {} to it", bytes(site.up_bytes), bytes(site.down_bytes)));
    say("disk", disk(found));
    say(
        "memory",
        format!(
            "{} expected, with {} transfers at once; {} with every buffer full; processes that evaluate are not counted",
            bytes(found.memory.expected_bytes),
            found.transfers,
            bytes(found.memory.most_bytes)
        ),
    );
    say("quorum", quorum(found));
    say("missing", missing(found));
    lines.push(String::new());
    lines.push(format!("The simulation of median length (seed {}):", found.shown_seed));
    lines.extend(bars(&found.shown_rounds, is_coloured));
    lines.push(String::new());
    lines.push("Assumed:".to_owned());
    for sentence in assumptions {
        let wrapped = wrapped(sentence, COLUMNS - 2);
        lines.extend(wrapped.iter().enumerate().map(|(index, line)| {
            let dash = if index == 0 { "-" } else { " " };
            format!("{dash} {line}")
        }));
    }
    lines
}

fn range(Range { low, median, high }: Range) -> String {
    let [low, median, high] = [low, median, high].map(time);
    format!("{median} (median; 5 %: {low}, 95 %: {high})")
}

fn time(ms: u64) -> String {
    if ms < 10_000 { format!("{:.1}s", ms as f64 / 1000.0) } else { span(ms as f64 / 1000.0) }
}

fn parts(parts: Parts) -> String {
    let said = PARTS.iter().zip(parts.all()).filter(|(_, ms)| *ms > 0);
    let said: Vec<String> = said.map(|((_, name, _), ms)| format!("{name} {}", time(ms))).collect();
    said.join(", ")
}

fn disk(found: &Prediction) -> String {
    let disk = found.disk;
    format!(
        "{} at most, {} when the run ends, {} stay; the database grows by about {}",
        bytes(disk.most_bytes),
        bytes(disk.end_bytes),
        bytes(disk.kept_bytes),
        bytes(disk.database_bytes)
    )
}

fn quorum(found: &Prediction) -> String {
    match found.failed_runs {
        0 => "met in every round of every simulation".to_owned(),
        failed => format!("NOT MET in {failed} of {} simulations, whose run failed there", found.runs),
    }
}

fn missing(found: &Prediction) -> String {
    if found.missing_a_round.is_empty() {
        return "nobody".to_owned();
    }
    let why = found.missing_a_round.iter().map(|(why, sites)| format!("{sites:.1} ({why})"));
    let of: Vec<String> = why.collect();
    let named = found.shown_missing.iter().take(3).map(|site| format!("{} in {}", site.site, site.rounds));
    let named: Vec<String> = named.collect();
    format!("sites a round: {}; most often: {} rounds", of.join(", "), named.join(", "))
}

/// `161 MB`, `3.4 GB`.
fn bytes(bytes: u64) -> String {
    let number = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        1_000_000_000..1_000_000_000_000 => format!("{:.1} GB", number / 1e9),
        _ => format!("{:.1} TB", number / 1e12),
    }
}

/// A bar for each round, or for so many together that there are few bars, and what the letters mean.
fn bars(rounds: &[RoundCost], is_coloured: bool) -> Vec<String> {
    let each = rounds.len().div_ceil(BARS).max(1);
    let groups: Vec<(&[RoundCost], Parts)> = rounds
        .chunks(each)
        .map(|rounds| (rounds, mean_parts(rounds.iter().map(|round| round.parts))))
        .collect();
    let longest = groups.iter().map(|(_, parts)| parts.total_ms()).max().unwrap_or(0).max(1);
    let mut lines: Vec<String> = groups
        .iter()
        .map(|(rounds, parts)| {
            let (updates, failed) = (
                rounds.iter().map(|round| round.updates).sum::<usize>() / rounds.len().max(1),
                rounds.iter().any(|round| round.failed),
            );
            let number = match (rounds.first(), rounds.last()) {
                (Some(first), Some(last)) if each > 1 => format!("{}-{}", first.round, last.round),
                (Some(first), _) => first.round.to_string(),
                _ => String::new(),
            };
            let what = if failed { "FAILED".to_owned() } else { format!("{updates} upd.") };
            let bar = bar(*parts, longest, is_coloured);
            format!("{number:>11} {:>8} {what:>10}  {bar}", time(parts.total_ms()))
        })
        .collect();
    let letters: Vec<String> = PARTS.iter().map(|(letter, name, _)| format!("{letter} {name}")).collect();
    lines.push(letters.join("  "));
    lines
}

/// One bar; each part as long as its share, rounded so that the sum is right.
fn bar(parts: Parts, longest: u64, is_coloured: bool) -> String {
    let column = |ms: u64| (ms as f64 / longest as f64 * BAR_COLUMNS as f64).round() as usize;
    let (mut bar, mut before) = (String::new(), 0_u64);
    for ((letter, _, colour), ms) in PARTS.iter().zip(parts.all()) {
        let (from, to) = (column(before), column(before.saturating_add(ms)));
        before = before.saturating_add(ms);
        let piece = letter.to_string().repeat(to.saturating_sub(from));
        if is_coloured && !piece.is_empty() {
            bar.push_str(&format!("\u{1b}[{colour}m{piece}\u{1b}[0m"));
        } else {
            bar.push_str(&piece);
        }
    }
    bar
}
