//! The flags about where records come from, and who looked at them. Used by `data` and `train`, which name
//! what `[data_room]` of agent.toml names for a run.

use data::{ProvenanceField, ProvenanceRules};

use crate::limits::RECORD_YEARS_MAX;

/// What records must say of their origin.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Origin {
    /// Whether a record that a machine wrote (`ai_made`) is refused unless it names who reviewed it.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    ai_made_needs_review: bool,
    /// Refuse records that do not say all of these of their origin: source, year, last-update, annotators,
    /// agreement, ai-made, reviewed-by.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    provenance_required: Vec<ProvenanceField>,
    /// Warn of records whose last update, or else whose source, is of more than so many years ago.
    #[arg(long, value_name = "YEARS", value_parser = clap::value_parser!(u16).range(0..=i64::from(RECORD_YEARS_MAX)))]
    pub(super) years_max: Option<u16>,
}

impl Origin {
    /// The rules, as the data room takes them.
    pub(super) fn rules(&self) -> ProvenanceRules {
        ProvenanceRules::new(self.ai_made_needs_review, &self.provenance_required)
    }
}
