//! Where a record comes from and who looked at it, as far as the record says so itself. Used by
//! `read::convert`, which makes it, by `room`, which may require some of it, and by `manifest`, which counts
//! it. Invariants: whether something is said and numbers, never a name or any text of a record; never trained
//! on.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// What a record may say of its origin. The written names are those of settings, manifests and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProvenanceField {
    /// Where it was taken from: a guideline, a textbook, a ward.
    Source,
    /// The year of that source.
    Year,
    /// When it was last brought up to date.
    LastUpdate,
    /// How many people annotated it.
    Annotators,
    /// How far they agree: -1 to 1, or percent.
    Agreement,
    /// Whether a machine wrote it.
    AiMade,
    /// That a person reviewed it.
    ReviewedBy,
}

impl ProvenanceField {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::Source,
        Self::Year,
        Self::LastUpdate,
        Self::Annotators,
        Self::Agreement,
        Self::AiMade,
        Self::ReviewedBy,
    ];

    /// Its written name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Year => "year",
            Self::LastUpdate => "last-update",
            Self::Annotators => "annotators",
            Self::Agreement => "agreement",
            Self::AiMade => "ai-made",
            Self::ReviewedBy => "reviewed-by",
        }
    }
}

impl fmt::Display for ProvenanceField {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// The text names no field of the closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is one of source, year, last-update, annotators, agreement, ai-made, reviewed-by")]
pub struct UnknownField;

impl FromStr for ProvenanceField {
    type Err = UnknownField;

    fn from_str(text: &str) -> Result<Self, UnknownField> {
        Self::ALL.into_iter().find(|field| field.name() == text).ok_or(UnknownField)
    }
}

/// What one record says. A value that cannot be read counts as not said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Provenance {
    /// A source is named.
    pub has_source: bool,
    /// Year of the source.
    pub year: Option<u16>,
    /// Year of the last update.
    pub updated: Option<u16>,
    /// People who annotated it.
    pub annotators: Option<u32>,
    /// How far they agree is said.
    pub has_agreement: bool,
    /// Whether a machine wrote it; what cannot be read as a yes or a no is taken for a yes.
    pub ai_made: Option<bool>,
    /// A person reviewed it.
    pub is_reviewed: bool,
    /// Fields whose value cannot be read, as bits in the order of [`ProvenanceField::ALL`].
    pub(crate) unreadable: u8,
}

impl Provenance {
    /// Whether the record says it.
    #[must_use]
    pub fn says(&self, field: ProvenanceField) -> bool {
        match field {
            ProvenanceField::Source => self.has_source,
            ProvenanceField::Year => self.year.is_some(),
            ProvenanceField::LastUpdate => self.updated.is_some(),
            ProvenanceField::Annotators => self.annotators.is_some(),
            ProvenanceField::Agreement => self.has_agreement,
            ProvenanceField::AiMade => self.ai_made.is_some(),
            ProvenanceField::ReviewedBy => self.is_reviewed,
        }
    }

    /// Whether there is a value for it that cannot be read.
    #[must_use]
    pub fn is_unreadable(&self, field: ProvenanceField) -> bool {
        self.unreadable & (1 << field as u8) != 0
    }

    /// The year that says how current it is: of the last update, else of the source.
    #[must_use]
    pub fn current_in(&self) -> Option<u16> {
        self.updated.or(self.year)
    }
}

/// What a site requires of its records' origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenanceRules {
    /// Refuse a record that says a machine wrote it and not that a person reviewed it. On by default: what no
    /// person looked at is the likeliest to be wrong, and only records that say so themselves are affected.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub ai_made_needs_review: bool,
    /// Refuse a record that does not say all of these. None by default: most published sets say nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<ProvenanceField>,
}

impl Default for ProvenanceRules {
    fn default() -> Self {
        Self { ai_made_needs_review: true, require: Vec::new() }
    }
}

impl ProvenanceRules {
    /// With the required fields in one order, each once, so that a manifest names equal rules equally.
    #[must_use]
    pub fn new(ai_made_needs_review: bool, require: &[ProvenanceField]) -> Self {
        let mut require = require.to_vec();
        require.sort_unstable();
        require.dedup();
        Self { ai_made_needs_review, require }
    }

    /// Whether these are the default rules, of which a manifest says nothing.
    pub(crate) fn are_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a record may be used.
    ///
    /// # Errors
    /// Why it may not.
    pub fn look(&self, said: &Provenance) -> Result<(), Refusal> {
        if self.ai_made_needs_review && said.ai_made == Some(true) && !said.is_reviewed {
            return Err(Refusal::UnreviewedAiMade);
        }
        let says_all = self.require.iter().all(|field| said.says(*field));
        if says_all { Ok(()) } else { Err(Refusal::MissingProvenance) }
    }
}

/// How many records say what. Maps without an entry mean zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProvenanceCounts {
    /// Records that say it, by field.
    pub said: BTreeMap<ProvenanceField, u64>,
    /// Records whose value cannot be read, by field.
    pub unreadable: BTreeMap<ProvenanceField, u64>,
    /// Records that two people or more annotated.
    pub several_annotators: u64,
    /// Records that a machine wrote.
    pub ai_made: u64,
    /// Of these, reviewed by a person.
    pub ai_made_reviewed: u64,
    /// Records by the year of their last update, else of their source.
    pub years: BTreeMap<u16, u64>,
}

impl ProvenanceCounts {
    /// Counts one record.
    pub(crate) fn add(&mut self, said: &Provenance) {
        for field in ProvenanceField::ALL {
            if said.says(field) {
                *self.said.entry(field).or_default() += 1;
            }
            if said.is_unreadable(field) {
                *self.unreadable.entry(field).or_default() += 1;
            }
        }
        self.several_annotators += u64::from(said.annotators.is_some_and(|count| count > 1));
        let is_ai_made = said.ai_made == Some(true);
        self.ai_made += u64::from(is_ai_made);
        self.ai_made_reviewed += u64::from(is_ai_made && said.is_reviewed);
        if let Some(year) = said.current_in() {
            *self.years.entry(year).or_default() += 1;
        }
    }

    /// Whether no record says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

const fn yes() -> bool {
    true
}

// By reference, because serde hands it in so.
const fn is_yes(value: &bool) -> bool {
    *value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_written_and_rules_are_the_same_in_any_order() {
        for field in ProvenanceField::ALL {
            assert_eq!(field.name().parse(), Ok(field));
            assert_eq!(serde_json::to_value(field).unwrap(), field.name());
        }
        assert_eq!("reviewer".parse::<ProvenanceField>(), Err(UnknownField));
        let (year, source) = (ProvenanceField::Year, ProvenanceField::Source);
        assert_eq!(ProvenanceRules::new(true, &[year, source, year]).require, [source, year]);
        assert_eq!(serde_json::to_string(&ProvenanceRules::default()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<ProvenanceRules>("{}").unwrap(), ProvenanceRules::default());
    }

    #[test]
    fn rules_refuse_what_they_name_and_nothing_else() {
        let machine = Provenance { ai_made: Some(true), ..Provenance::default() };
        let reviewed = Provenance { is_reviewed: true, ..machine };
        let rules = ProvenanceRules::default();
        assert_eq!(rules.look(&Provenance::default()), Ok(()));
        assert_eq!(rules.look(&machine), Err(Refusal::UnreviewedAiMade));
        assert_eq!(rules.look(&reviewed), Ok(()));
        assert_eq!(ProvenanceRules::new(false, &[]).look(&machine), Ok(()));
        let rules = ProvenanceRules::new(true, &[ProvenanceField::Source]);
        assert_eq!(rules.look(&reviewed), Err(Refusal::MissingProvenance));
        assert_eq!(rules.look(&Provenance { has_source: true, ..reviewed }), Ok(()));
    }
}
