//! Replaces findings by typed placeholders, consistent inside a record: the same value of the same kind gets
//! the same number (`[姓名1]`). Called by the room in `mask` mode, before a record is hashed or trained on.
//! Invariants: the structure of the record stays; text outside the findings stays byte for byte; a pseudonym
//! of a patient that the record carries is not touched (it is never trained on).

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

use super::finding::Finding;
use super::kind::Kind;
use super::words::Language;
use crate::record::{Field, Record};

/// The record with every finding replaced. Findings that lie outside the record's fields or overlap an
/// earlier one are passed over; the screen makes none.
#[must_use]
pub fn mask(record: &Record, findings: &[Finding]) -> Record {
    let mut masked = record.clone();
    let mut numbers = Numbers::default();
    for (index, field) in masked.fields.iter_mut().enumerate() {
        let mut own: Vec<&Finding> = findings.iter().filter(|finding| finding.field == index).collect();
        own.sort_by_key(|finding| (finding.start, finding.end));
        if !own.is_empty() {
            field.text = replace(field, &own, &mut numbers);
        }
    }
    masked
}

fn replace(field: &Field, findings: &[&Finding], numbers: &mut Numbers) -> String {
    let language = language(&field.text);
    let mut out = String::with_capacity(field.text.len());
    let mut done = 0;
    for finding in findings {
        let (Some(before), Some(raw)) =
            (field.text.get(done..finding.start), field.text.get(finding.start..finding.end))
        else {
            continue;
        };
        out.push_str(before);
        let number = numbers.of(finding.kind, raw);
        out.push_str(&format!("[{}{number}]", finding.kind.placeholder(language)));
        done = finding.end;
    }
    out.push_str(field.text.get(done..).unwrap_or_default());
    out
}

/// Chinese if the field holds any Han character: a form with Chinese labels and a Latin name reads in
/// Chinese.
fn language(text: &str) -> Language {
    if text.chars().any(|c| matches!(c, '\u{4e00}'..='\u{9fff}')) {
        Language::Chinese
    } else {
        Language::English
    }
}

/// The numbers given out in one record.
#[derive(Default)]
struct Numbers {
    given: HashMap<(&'static str, String), usize>,
    last: HashMap<&'static str, usize>,
}

impl Numbers {
    /// Values count as the same whatever their width, separators and case.
    fn of(&mut self, kind: Kind, raw: &str) -> usize {
        // Kinds that share a placeholder share the numbers, so that no placeholder stands for two values.
        let group = kind.placeholder(Language::English);
        let value: String = raw.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let last = self.last.entry(group).or_insert(0);
        *self.given.entry((group, value)).or_insert_with(|| {
            *last += 1;
            *last
        })
    }
}
