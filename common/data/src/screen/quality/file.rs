//! How good the screen is on texts that somebody else labelled: reads a file of JSON lines and counts, by
//! language and by the label's own kinds. Called by the example `screen-quality` with `--labelled FILE`.
//! Invariants: nothing is planted, so the numbers are those of the file's own phrasings; texts that share a
//! template count as one when the interval is drawn; no text is kept in the result.
//!
//! One object a line: `id`, `language`, `text`, and `spans`, each with `start` and `end` (characters, end
//! exclusive), `kind` and, if wanted, `doubtful`. Ids that differ only in a last letter behind a digit
//! (`note-031a`, `note-031b`) are one template. Other members are passed over.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::is_covered;
use crate::screen::Finding;
use crate::screen::Screen;

/// A labelled text.
#[derive(Debug, Clone, Deserialize)]
pub struct Document {
    /// Its name; see [`template`](Self::template).
    pub id: String,
    /// `zh`, `en`, or whatever the file groups by.
    pub language: String,
    /// The text.
    pub text: String,
    /// What identifies somebody in it.
    pub spans: Vec<Span>,
}

/// One labelled place.
#[derive(Debug, Clone, Deserialize)]
pub struct Span {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// The label's own word for it: `name`, `phone`.
    pub kind: String,
    /// Whether the one who labelled it was in doubt: then neither missing nor finding it counts.
    #[serde(default)]
    pub doubtful: bool,
}

/// A line that is no labelled text.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not the object that is expected.
    #[error(
        "line {line}, column {column}: no labelled text; each line is an object with id, language, text and spans"
    )]
    Json {
        /// Counted from 1.
        line: usize,
        /// Where in it. What the reader says quotes the text, and is not told.
        column: usize,
    },
    /// A span that does not lie in the text.
    #[error(
        "line {line}: a span does not lie in its text; start and end count characters, from 0, end exclusive"
    )]
    Span {
        /// Counted from 1.
        line: usize,
    },
}

impl Document {
    /// The template: the id without a last letter behind a digit.
    #[must_use]
    pub fn template(&self) -> &str {
        let head = self.id.trim_end_matches(|c: char| c.is_ascii_lowercase());
        if head.ends_with(|c: char| c.is_ascii_digit()) && self.id.len() - head.len() == 1 {
            head
        } else {
            &self.id
        }
    }

    /// The bytes of a span.
    #[must_use]
    pub fn bytes(&self, span: &Span) -> Option<(usize, usize)> {
        let at = |place: usize| {
            let mut ends = self.text.char_indices().map(|(at, _)| at).chain([self.text.len()]);
            ends.nth(place)
        };
        Some((at(span.start)?, at(span.end).filter(|_| span.start < span.end)?))
    }
}

/// Every labelled text of a file.
///
/// # Errors
/// A line that is no such object, or a span outside its text.
pub fn read(lines: &str) -> Result<Vec<Document>, FileError> {
    let mut documents = Vec::new();
    for (index, line) in lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line_number = index + 1;
        let document: Document = serde_json::from_str(line)
            .map_err(|error| FileError::Json { line: line_number, column: error.column() })?;
        if document.spans.iter().any(|span| document.bytes(span).is_none()) {
            return Err(FileError::Span { line: line_number });
        }
        documents.push(document);
    }
    Ok(documents)
}

/// Kinds of label that the screen has no rule for: never counted as missed, and a finding there is not wrong.
const NOT_LOOKED_FOR: &[&str] = &["organisation", "organization"];

/// Whether a label says too little to count: the author's own doubt, or a piece that the screen leaves alone
/// by decision (common/data/README.md): one character or initials of a name, a day without its month, an
/// extension, the last digits of a number, a place without a number.
#[must_use]
pub fn is_doubtful(span: &Span, text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let letters: Vec<char> = text.chars().filter(|c| c.is_alphabetic()).collect();
    let initials = letters.len() <= 4 && letters.iter().all(char::is_ascii_uppercase);
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).count();
    span.doubtful
        || match span.kind.as_str() {
            "name" => letters.len() <= 1 || initials,
            "date" => numbers == 1 && digits <= 2 && !text.contains('月') && letters.len() <= 5,
            "phone" => digits < 7,
            "id_number" | "bank_card" => digits <= 4,
            "address" => digits == 0 && (text.is_ascii() || letters.len() <= 4),
            _ => NOT_LOOKED_FOR.contains(&span.kind.as_str()),
        }
}

/// Whether a span is found. Of names, addresses and names of accounts every letter and digit must lie in
/// findings; of numbers and dates the digits and the letters grown together with them (of an age only the
/// digits), because whether `bed 9` or `9` is labelled is convention.
fn is_found(text: &str, start: usize, end: usize, kind: &str, findings: &[Finding]) -> bool {
    let span = text.get(start..end).unwrap_or_default();
    let whole = matches!(kind, "name" | "address" | "email" | "url" | "wechat");
    if whole || !span.contains(|c: char| c.is_ascii_digit()) {
        return is_covered(text, start, end, findings);
    }
    let inside = |at: usize| findings.iter().any(|finding| finding.start <= at && at < finding.end);
    let mut at = start;
    for token in span.split_inclusive([' ', '\u{3000}']) {
        let counts = token.contains(|c: char| c.is_ascii_digit());
        let counted = |c: char| c.is_ascii_digit() || (c.is_ascii_alphabetic() && kind != "age_over_89");
        if counts && !token.char_indices().filter(|(_, c)| counted(*c)).all(|(place, _)| inside(at + place)) {
            return false;
        }
        at += token.len();
    }
    true
}

/// Of how many so many hold, and in which template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    templates: BTreeMap<String, (usize, usize)>,
}

impl Tally {
    fn add(&mut self, template: &str, holds: bool) {
        let (hold, all) = self.templates.entry(template.to_owned()).or_default();
        *hold += usize::from(holds);
        *all += 1;
    }

    /// How many were counted.
    #[must_use]
    pub fn all(&self) -> usize {
        self.templates.values().map(|(_, all)| all).sum()
    }

    /// Of these, how many hold.
    #[must_use]
    pub fn hold(&self) -> usize {
        self.templates.values().map(|(hold, _)| hold).sum()
    }

    /// The share; 1 where nothing was counted.
    #[must_use]
    pub fn share(&self) -> f64 {
        super::share(self.hold(), self.all())
    }

    /// Wilson's 95 % interval of the share. Fillings of one template are alike, so the number that it is
    /// drawn for is divided by how much more the shares of templates vary than independent ones would.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of a few thousand")]
    pub fn interval(&self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        let (count, share) = (self.all() as f64, self.share());
        if count == 0.0 {
            return (0.0, 1.0);
        }
        let clusters = self.templates.len() as f64;
        let spread: f64 = self
            .templates
            .values()
            .map(|(hold, all)| (*hold as f64 - share * *all as f64).powi(2))
            .sum::<f64>()
            * (clusters / (clusters - 1.0).max(1.0));
        let independent = count * share * (1.0 - share);
        let effect = if independent > 0.0 { (spread / independent).max(1.0) } else { count / clusters };
        let n = count / effect;
        let (middle, width) =
            (share + Z * Z / (2.0 * n), (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt());
        let scale = 1.0 + Z * Z / n;
        ((middle - Z * width) / scale, (middle + Z * width) / scale)
    }
}

/// What was counted in one language.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Texts.
    pub documents: usize,
    /// Spans found, by the label's kind, without doubtful ones.
    pub recall: BTreeMap<String, Tally>,
    /// Spans found, all of the kinds that the screen looks for, doubtful ones counted too.
    pub recall_strict: BTreeMap<String, Tally>,
    /// Findings that touch any span, by the screen's kind.
    pub precision: BTreeMap<String, Tally>,
    /// Kilobytes and wrong findings of texts without any span.
    pub empty: (usize, usize),
}

/// A missed span (`true`) or a wrong finding (`false`): document, first byte, one past the last, kind.
pub type Fault = (usize, usize, usize, String, bool);

/// Screens the texts and counts, by language.
#[must_use]
pub fn measure(documents: &[Document]) -> (BTreeMap<String, Counts>, Vec<Fault>) {
    let screen = Screen::default();
    let (mut counts, mut faults): (BTreeMap<String, Counts>, _) = (BTreeMap::new(), Vec::new());
    for (index, document) in documents.iter().enumerate() {
        let count = counts.entry(document.language.clone()).or_default();
        count.documents += 1;
        let findings = screen.text(0, &document.text);
        let mut places = BTreeSet::new();
        for span in &document.spans {
            let Some((start, end)) = document.bytes(span) else { continue };
            places.insert((start, end));
            if NOT_LOOKED_FOR.contains(&span.kind.as_str()) {
                continue;
            }
            let found = is_found(&document.text, start, end, &span.kind, &findings);
            let strict = count.recall_strict.entry(span.kind.clone()).or_default();
            strict.add(document.template(), found);
            if is_doubtful(span, document.text.get(start..end).unwrap_or_default()) {
                continue;
            }
            count.recall.entry(span.kind.clone()).or_default().add(document.template(), found);
            if !found {
                faults.push((index, start, end, span.kind.clone(), true));
            }
        }
        for finding in &findings {
            let right = places.iter().any(|(start, end)| *start < finding.end && finding.start < *end);
            let kind = finding.kind.name().to_owned();
            count.precision.entry(kind.clone()).or_default().add(document.template(), right);
            if !right {
                faults.push((index, finding.start, finding.end, kind, false));
            }
        }
        if places.is_empty() {
            count.empty.0 += document.text.len();
            count.empty.1 += findings.len();
        }
    }
    (counts, faults)
}

/// Everything of a language together.
#[must_use]
pub fn total(kinds: &BTreeMap<String, Tally>) -> Tally {
    let mut sum = Tally::default();
    for (template, (hold, all)) in kinds.values().flat_map(|tally| &tally.templates) {
        let (held, counted) = sum.templates.entry(template.clone()).or_default();
        *held += hold;
        *counted += all;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"
{"id":"a-1a","language":"zh","text":"患者王建国，电话13812345678。","spans":[{"start":2,"end":5,"kind":"name"},{"start":8,"end":19,"kind":"phone"}],"form":"x"}
{"id":"a-1b","language":"zh","text":"张主任在市一院。","spans":[{"start":0,"end":1,"kind":"name"},{"start":4,"end":7,"kind":"organisation"}]}
{"id":"b","language":"en","text":"Zq went home; MRN 00123456.","spans":[{"start":0,"end":2,"kind":"name"}]}"#;

    #[test]
    fn a_labelled_file_is_read_and_counted() {
        let documents = read(LINES).unwrap();
        assert_eq!(
            (documents[0].template(), documents[1].template(), documents[2].template()),
            ("a-1", "a-1", "b")
        );
        let (counts, faults) = measure(&documents);
        let chinese = &counts["zh"];
        assert_eq!((chinese.recall["name"].hold(), chinese.recall["name"].all()), (1, 1));
        // The surname before a title is doubtful, so it counts in the strict table only; it is found.
        assert_eq!((chinese.recall_strict["name"].hold(), chinese.recall_strict["name"].all()), (2, 2));
        assert!((total(&chinese.precision).share() - 1.0).abs() < 1e-9);
        let english = &counts["en"];
        assert_eq!(
            (english.recall["name"].hold(), english.precision["medical-record-number"].hold()),
            (0, 0)
        );
        assert_eq!(faults.iter().filter(|fault| fault.4).count(), 1);
    }

    #[test]
    fn lines_that_are_no_labelled_texts_are_refused_with_their_number() {
        let error = read("\n{\"spans\": \"患者张三\"}").unwrap_err().to_string();
        assert!(error.starts_with("line 2, column ") && !error.contains("张三"), "{error}");
        let outside =
            r#"{"id":"a","language":"zh","text":"患者","spans":[{"start":1,"end":3,"kind":"name"}]}"#;
        assert!(read(outside).unwrap_err().to_string().contains("does not lie in its text"));
    }

    #[test]
    fn fillings_of_one_template_widen_the_interval() {
        let (mut alike, mut apart) = (Tally::default(), Tally::default());
        for at in 0..100 {
            alike.add(if at < 90 { "a" } else { "b" }, at < 90);
            apart.add(&at.to_string(), at < 90);
        }
        let (low, high) = apart.interval();
        assert!((low - 0.825).abs() < 0.005 && (high - 0.945).abs() < 0.005, "{low} {high}");
        assert!(alike.interval().0 < low);
        assert_eq!(Tally::default().interval(), (0.0, 1.0));
    }
}
