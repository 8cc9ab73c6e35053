//! The screen's self-test on the site's own records: 200 synthetic identifiers are planted into copies of
//! them, in memory, and must be found. Called by the room, so before training and for
//! `site-agent data check`; a site whose format the screen cannot read is refused instead of trusted.
//! Invariants: a function of the records and the seed; nothing is written; the report holds counts only, no
//! text and no planted value.

mod carriers;
mod style;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::style::Style;
use super::kind::{Certainty, Kind};
use super::quality::{Labelled, fill, is_covered, kind_of};
use super::synthetic::Dice;
use super::words::Language;
use super::{Options, Screen};
use crate::limits::SELF_TEST_NAMES_PERCENT_MIN;
use crate::record::Record;

/// How many identifiers are planted, and how many of them are names.
pub const PLANTED: usize = 200;
const NAMES: usize = 60;

/// How many identifiers were planted and found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Planted.
    pub planted: usize,
    /// Wholly inside findings.
    pub found: usize,
}

/// One kind's tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindTally {
    /// The kind.
    pub kind: Kind,
    /// Planted.
    pub planted: usize,
    /// Wholly inside findings.
    pub found: usize,
}

/// What the self-test found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTestReport {
    /// The seed; the same records and seed give the same report.
    pub seed: u64,
    /// Identifiers of validated kinds.
    pub validated: Tally,
    /// Names.
    pub names: Tally,
    /// All kinds that were planted.
    pub kinds: Vec<KindTally>,
}

impl SelfTestReport {
    /// Whether the screen may be relied upon for these records: every validated identifier and 95 % of the
    /// names found, and the full number planted.
    #[must_use]
    pub fn passed(&self) -> bool {
        let planted = self.validated.planted + self.names.planted == PLANTED;
        let names = self.names.found * 100 >= self.names.planted * SELF_TEST_NAMES_PERCENT_MIN;
        planted && self.validated.found == self.validated.planted && names
    }

    /// One sentence on the outcome.
    #[must_use]
    pub fn sentence(&self, language: Language) -> String {
        let (validated, names) = (self.validated, self.names);
        let counts = [validated.found, validated.planted, names.found, names.planted];
        if validated.planted + names.planted == 0 {
            return match language {
                Language::Chinese => "筛查自检未能进行：没有含文字或数字的记录可供植入。".to_owned(),
                Language::English => {
                    "The screening self-test could not run: no record has a letter or digit to plant one beside."
                        .to_owned()
                }
            };
        }
        let [found, of, names_found, of_names] = counts;
        match (language, self.passed()) {
            (Language::Chinese, true) => {
                format!("筛查自检通过：植入的标识符找到 {found}/{of}，姓名 {names_found}/{of_names}。")
            }
            (Language::Chinese, false) => format!(
                "筛查自检未通过：植入的标识符只找到 {found}/{of}（须全部），姓名 {names_found}/{of_names}（须 95 %）；这些记录不能用于训练。"
            ),
            (Language::English, true) => format!(
                "The screening self-test passed: {found} of {of} planted identifiers and {names_found} of {of_names} names were found."
            ),
            (Language::English, false) => format!(
                "The screening self-test failed: {found} of {of} planted identifiers (all are required) and {names_found} of {of_names} \
                 names (95 % are required) were found; these records cannot be trained on."
            ),
        }
    }
}

/// Plants the identifiers and screens the copies. Each identifier goes into a copy of its own, at the end of
/// a clause of a field that the seed picks.
#[must_use]
pub fn run(records: &[Record], seed: u64) -> SelfTestReport {
    let mut dice = Dice::new(seed);
    let screen = Screen::new(Options::default());
    let mut report =
        SelfTestReport { seed, validated: Tally::default(), names: Tally::default(), kinds: Vec::new() };
    // A text of one character has hardly a format to imitate; it serves where there is none other.
    let has = |least: usize| {
        records.iter().any(|record| record.fields.iter().any(|field| is_usable(&field.text, least)))
    };
    let least = if has(2) { 2 } else { 1 };
    let is_usable = |text: &str| is_usable(text, least);
    let usable: Vec<&Record> =
        records.iter().filter(|record| record.fields.iter().any(|field| is_usable(&field.text))).collect();
    for index in 0..PLANTED {
        let Some(record) = usable.get(dice.below(usable.len())) else { break };
        let texts: Vec<&str> =
            record.fields.iter().map(|field| field.text.as_str()).filter(|text| is_usable(text)).collect();
        let Some(text) = texts.get(dice.below(texts.len())) else { break };
        let Some((kind, planted)) = plant(text, index < NAMES, index, &mut dice) else { break };
        let findings = screen.text(0, &planted.text);
        let found =
            planted.labels.iter().all(|(_, start, end)| is_covered(&planted.text, *start, *end, &findings));
        count(&mut report, kind, found);
    }
    report.kinds.sort_by_key(|tally| tally.kind);
    report
}

/// Whether a text has so many letters and digits.
fn is_usable(text: &str, least: usize) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).take(least).count() == least
}

fn count(report: &mut SelfTestReport, kind: Kind, found: bool) {
    let sort = if kind == Kind::PersonName { &mut report.names } else { &mut report.validated };
    sort.planted += 1;
    sort.found += usize::from(found);
    match report.kinds.iter_mut().find(|tally| tally.kind == kind) {
        Some(tally) => {
            tally.planted += 1;
            tally.found += usize::from(found);
        }
        None => report.kinds.push(KindTally { kind, planted: 1, found: usize::from(found) }),
    }
}

/// The text with one more clause, which holds one identifier and is written in the style of the text.
fn plant(text: &str, name: bool, index: usize, dice: &mut Dice) -> Option<(Kind, Labelled)> {
    let style = Style::of(text);
    let list = match (style.language, name) {
        (Language::Chinese, true) => carriers::NAMES_ZH,
        (Language::Chinese, false) => carriers::VALIDATED_ZH,
        (Language::English, true) => carriers::NAMES_EN,
        (Language::English, false) => carriers::VALIDATED_EN,
    };
    // In turn, so that every kind is planted whatever the seed.
    let carrier = list.get(index % list.len())?;
    let slot = carrier.split(['{', '}']).nth(1)?;
    let kind = kind_of(slot)?;
    let clause = style.apply(fill(carrier, dice));
    let at = style::clause_ends(text).get(dice.below(style::clause_ends(text).len())).copied()?;
    let (before, after) = (text.get(..at)?, text.get(at..)?);
    let (open, close) = style.marks(before);
    let shift = before.len() + open.len();
    let labels = clause.labels.iter().map(|(kind, start, end)| (*kind, start + shift, end + shift)).collect();
    debug_assert!(kind == Kind::PersonName || kind.certainty() == Certainty::Validated);
    Some((kind, Labelled { text: format!("{before}{open}{}{close}{after}", clause.text), labels }))
}
