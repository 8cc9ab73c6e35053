//! `[data_room]` of agent.toml: what is done with the records before any is trained on. Used by `config`, the
//! worker's room and `waiver`. Invariant: what it names decides at `check`, `join`, `run` and `replay` alike.

use std::path::PathBuf;

use data::dedup::DuplicatePolicy;
use data::screen::Mode;
use data::split::{SchemeChoice, SplitOptions};
use data::{ProvenanceField, ProvenanceRules};
use serde::{Deserialize, Serialize};

use crate::limits::RECORD_YEARS_MAX;

/// `[data_room]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataRoomConfig {
    /// What is done about identifiers: "block", "mask" or "report".
    pub screen: Mode,
    /// What is done about duplicates: "drop-copies", "drop-near", "keep" or "ignore".
    pub duplicates: DuplicatePolicy,
    /// How records are divided: "auto", "none", "80/10/10", "5-fold", "leave-one-out". A run trains on the
    /// training part and, where there are folds, on everything.
    pub split: SchemeChoice,
    /// Keep a patient's records on one side.
    pub split_by_patient: bool,
    /// Old records train and new ones test, where records have dates.
    pub split_by_time: bool,
    /// Divide every disease or department in proportion.
    pub split_by_stratum: bool,
    /// Start of the random choices.
    pub split_seed: u64,
    /// The column mapping, for files that follow no known format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping: Option<PathBuf>,
    /// Weights of the data files, in their order, where they are mixed: [60, 40].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<Vec<u32>>,
    /// Refuse a record that a machine wrote unless it names who reviewed it.
    pub ai_made_needs_review: bool,
    /// Refuse a record that does not say all of these of its origin.
    pub provenance_required: Vec<ProvenanceField>,
    /// Warn of records from more than so many years ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub years_max: Option<u16>,
}

impl Default for DataRoomConfig {
    fn default() -> Self {
        let split = SplitOptions::default();
        Self {
            screen: Mode::default(),
            duplicates: DuplicatePolicy::default(),
            split: split.scheme,
            split_by_patient: split.by_patient,
            split_by_time: split.by_time,
            split_by_stratum: split.by_stratum,
            split_seed: split.seed,
            mapping: None,
            mix: None,
            ai_made_needs_review: ProvenanceRules::default().ai_made_needs_review,
            provenance_required: Vec::new(),
            years_max: None,
        }
    }
}

impl DataRoomConfig {
    /// The settings as the data room takes them.
    #[must_use]
    pub fn split(&self) -> SplitOptions {
        SplitOptions {
            scheme: self.split,
            by_patient: self.split_by_patient,
            by_time: self.split_by_time,
            by_stratum: self.split_by_stratum,
            seed: self.split_seed,
        }
    }

    /// What a record must say of its origin, as the data room takes it.
    #[must_use]
    pub fn provenance(&self) -> ProvenanceRules {
        ProvenanceRules::new(self.ai_made_needs_review, &self.provenance_required)
    }

    /// Checks what types do not say.
    ///
    /// # Errors
    /// Which key is out of its range.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.split().validate().is_err() {
            return Err("`data_room.split` must have 2 to 100 folds, or percentages that make 100");
        }
        if self.years_max.is_some_and(|years| years > RECORD_YEARS_MAX) {
            return Err("`data_room.years_max` must be at most 200");
        }
        Ok(())
    }

    /// The section as `join` writes it.
    pub(super) fn to_commented_toml(&self, mapping: Option<&str>) -> String {
        let mapping = mapping.map_or_else(String::new, |path| {
            format!("# How the columns of the data files become records.\nmapping = {path}\n")
        });
        let screen = match self.screen {
            Mode::Report => "report",
            Mode::Mask => "mask",
            Mode::Block => "block",
        };
        let fields: Vec<String> =
            self.provenance_required.iter().map(|field| format!("\"{field}\"")).collect();
        let (mark, years) = self.years_max.map_or(("# ", 5), |years| ("", years));
        format!(
            "[data_room]\n\
             # What is done about identifiers of patients: \"block\" withholds a record, \"mask\" trains on it with\n\
             # placeholders, \"report\" only says so.\n\
             screen = \"{screen}\"\n\
             # What is done about duplicates: \"drop-copies\", \"drop-near\", \"keep\" or \"ignore\".\n\
             duplicates = \"{}\"\n\
             # What is held back from training: \"none\", \"80/10/10\" (percent for training, validation and test),\n\
             # \"auto\" (by size; nothing below 500 records), \"5-fold\", \"leave-one-out\". Folds hold nothing back from\n\
             # a run. Hold back only what somebody will look at.\n\
             split = \"{}\"\n\
             # Keep a patient's records on one side; old to training and new to test; every department in proportion.\n\
             split_by_patient = {}\n\
             split_by_time = {}\n\
             split_by_stratum = {}\n\
             # Start of the random choices of the split.\n\
             split_seed = {}\n\
             # Refuse a record that a machine wrote unless it names who reviewed it (`reviewed_by`).\n\
             ai_made_needs_review = {}\n\
             # Refuse records that do not say all of these of their origin: \"source\", \"year\", \"last-update\",\n\
             # \"annotators\", \"agreement\", \"ai-made\", \"reviewed-by\".\n\
             provenance_required = [{}]\n\
             # Warn of records from more than so many years ago, where they name a year.\n\
             {mark}years_max = {years}\n{mapping}\n",
            self.duplicates,
            self.split,
            self.split_by_patient,
            self.split_by_time,
            self.split_by_stratum,
            self.split_seed,
            self.ai_made_needs_review,
            fields.join(", "),
        )
    }
}
