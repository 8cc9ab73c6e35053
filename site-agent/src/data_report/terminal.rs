//! The data report as a short text for an 80-column terminal. Called by `site-agent data check`.
//! Invariant: readable without colour; no line is built from a record's text.

use common::page::grouped;
use unicode_width::UnicodeWidthStr as _;

use super::drawing::visible;
use super::summary::{Distribution, Summary, certainty, screen_language};
use crate::cli::table;
use crate::language::Language;
use crate::language::text::{self as t};

/// The whole report; with `places` it says where each finding stands.
#[must_use]
pub fn render(summary: &Summary, places: bool, language: Language) -> String {
    [
        files(summary, language),
        counts(summary, language),
        notes(summary, language),
        refused(summary, language),
        findings(summary, places, language),
        shape(summary, language),
        provenance(summary, language),
        advice(summary, language),
        duplicates(summary, language),
        split(summary, language),
        format!("{}  {}\n", t::DATASET_ROOT.get(language), summary.root),
    ]
    .concat()
}

fn files(summary: &Summary, language: Language) -> String {
    let head = [t::FILE, t::FORMAT, t::ENCODING, t::RECORDS, t::REFUSED];
    let mut rows = vec![head.map(|word| word.get(language).to_owned()).to_vec()];
    for file in &summary.files {
        rows.push(vec![
            shortened(&file.path.display().to_string(), 36),
            file.formats.clone(),
            file.encoding.clone(),
            grouped(file.records),
            grouped(file.refused),
        ]);
    }
    table::render(&rows)
}

fn counts(summary: &Summary, language: Language) -> String {
    let counts = &summary.counts;
    let mut rows = Vec::new();
    let mut row = |word: t::Word, count: u64, note: t::Word| {
        rows.push(vec![word.get(language).to_owned(), grouped(count), note.get(language).to_owned()]);
    };
    row(t::READ, counts.read, t::READ_NOTE);
    row(t::TRAIN, counts.train, t::TRAIN_NOTE);
    row(t::WARN, counts.warn, t::WARN_NOTE);
    row(t::BLOCK, counts.block, t::BLOCK_NOTE);
    row(t::REFUSE, counts.refuse, t::REFUSE_NOTE);
    row(t::DUPLICATE, counts.duplicate, t::DUPLICATE_NOTE);
    row(t::HELD_BACK, counts.held_back, t::HELD_BACK_NOTE);
    row(t::USED, counts.used, t::USED_NOTE);
    format!("\n{}", table::render(&rows))
}

/// What is not trained on although it is text, and what else is passed over.
fn notes(summary: &Summary, language: Language) -> String {
    let mut text = String::new();
    if !summary.unused.is_empty() {
        text.push_str(&format!("\n{}\n", t::UNUSED_TITLE.get(language)));
        for (field, count) in &summary.unused {
            text.push_str(&format!("  {:>7}  {}\n", grouped(*count), visible(field)));
        }
    }
    for note in &summary.notes {
        text.push_str(&format!("\n{}\n", wrapped(note, 0)));
    }
    text
}

fn refused(summary: &Summary, language: Language) -> String {
    if summary.refused.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", t::REFUSED_TITLE.get(language));
    for row in &summary.refused {
        text.push_str(&format!("  {:>7}  {}\n", grouped(row.count), wrapped(&row.reason, 11)));
        text.push_str(&format!("           {}\n", wrapped(&row.places.join(", "), 11)));
    }
    text
}

fn findings(summary: &Summary, places: bool, language: Language) -> String {
    let mut text = format!("\n{}\n", t::SCREEN_TITLE.get(language));
    if summary.findings.is_empty() {
        text.push_str(&format!("  {}\n", t::SCREEN_NOTHING.get(language)));
    } else {
        let head = [t::KIND, t::CERTAINTY, t::FINDINGS, t::RECORDS];
        let mut rows = vec![head.map(|word| word.get(language).to_owned()).to_vec()];
        for row in &summary.findings {
            rows.push(vec![
                row.kind.clone(),
                certainty(row.validated, language).to_owned(),
                grouped(row.findings),
                grouped(row.records),
            ]);
        }
        text.push_str(&indent(&table::render(&rows)));
    }
    for row in summary.findings.iter().filter(|_| places) {
        for place in &row.places {
            text.push_str(&format!("  {place}:{}\n", row.kind));
        }
        let more = row.records.saturating_sub(row.places.len() as u64);
        if more > 0 {
            text.push_str(&format!("  {}\n", t::MORE_PLACES.with(language, &[&row.kind, &grouped(more)])));
        }
    }
    text.push_str(&format!("  {}\n", wrapped(&summary.self_test.sentence(screen_language(language)), 2)));
    text
}

fn shape(summary: &Summary, language: Language) -> String {
    let lengths = if summary.lengths_in_tokens { t::LENGTH_TOKENS } else { t::LENGTH_CHARACTERS };
    let mut text = format!("\n{}\n", t::SHAPE_TITLE.get(language));
    text.push_str(&distribution(lengths.get(language), &summary.lengths, language));
    text.push_str(&distribution(t::TURNS.get(language), &summary.turns, language));
    if !summary.strata.is_empty() {
        let shown: Vec<String> = summary
            .strata
            .iter()
            .take(8)
            .map(|(name, count)| format!("{name} {}", grouped(*count)))
            .collect();
        let more = if summary.strata.len() > shown.len() { ", …" } else { "" };
        let line = format!("{}  {}{more}", t::STRATA.get(language), shown.join(", "));
        text.push_str(&format!("  {}\n", wrapped(&line, 4)));
    }
    text
}

/// What the records say of where they come from.
fn provenance(summary: &Summary, language: Language) -> String {
    if summary.provenance.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", t::ORIGIN_TITLE.get(language));
    for (word, count) in &summary.provenance {
        text.push_str(&format!("  {:>7}  {word}\n", grouped(*count)));
    }
    text
}

/// What was measured, what the reference wants, and what to do about it.
fn advice(summary: &Summary, language: Language) -> String {
    if summary.advice.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", wrapped(t::ADVICE_TITLE.get(language), 0));
    for row in &summary.advice {
        let mark = if row.is_met { '+' } else { '!' };
        let line = |word: t::Word, said: &str| format!("{}{said}", word.get(language));
        text.push_str(&format!("  {mark} {}\n", wrapped(&row.measured, 4)));
        text.push_str(&format!("    {}\n", wrapped(&line(t::ADVICE_WANTED, &row.wanted), 4)));
        text.push_str(&format!("    {}\n", wrapped(&line(t::ADVICE_NEXT, &row.next), 4)));
    }
    text
}

fn distribution(name: &str, values: &Distribution, language: Language) -> String {
    let [least, median, high, most] = values.quantiles.map(grouped);
    let numbers = t::QUANTILES.with(language, &[&least, &median, &high, &most, &grouped(values.total)]);
    format!("  {}\n    {}\n", wrapped(&format!("{name}: {numbers}"), 4), values.histogram.blocks())
}

fn duplicates(summary: &Summary, language: Language) -> String {
    let mut text = format!("\n{}\n", t::DUPLICATES_TITLE.get(language));
    if summary.duplicates.is_empty() {
        text.push_str(&format!("  {}\n", t::DUPLICATES_NONE.get(language)));
    }
    for row in &summary.duplicates {
        text.push_str(&format!("  {:>7}  {}\n", grouped(row.count), row.sort));
        for (place, kept) in row.places.iter().take(3) {
            text.push_str(&format!("           {place} = {kept}\n"));
        }
    }
    text
}

fn split(summary: &Summary, language: Language) -> String {
    let split = &summary.split;
    let sizes: Vec<String> =
        split.sizes.iter().map(|(part, count)| format!("{part} {}", grouped(*count))).collect();
    let mut text = format!(
        "\n{}  {}\n  {}  ({} {})\n",
        t::SPLIT_TITLE.get(language),
        split.scheme,
        sizes.join(", "),
        t::SEED.get(language),
        split.seed
    );
    for note in &split.notes {
        text.push_str(&format!("  {note}\n"));
    }
    text.push('\n');
    text
}

/// Breaks a sentence before column 80; further lines begin at `column`. Chinese breaks anywhere, English
/// between words.
fn wrapped(sentence: &str, column: usize) -> String {
    const COLUMNS: usize = 80;
    let (mut text, mut at) = (String::new(), column);
    for word in sentence.split_inclusive(|character: char| character == ' ' || !character.is_ascii()) {
        if at + word.trim_end().width() > COLUMNS && at > column {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', column));
            at = column;
        }
        text.push_str(word);
        at += word.width();
    }
    text
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The end of a long path: the file's name tells more than the root.
fn shortened(path: &str, most: usize) -> String {
    let count = path.chars().count();
    if count <= most {
        path.to_owned()
    } else {
        format!("…{}", path.chars().skip(count + 1 - most).collect::<String>())
    }
}
