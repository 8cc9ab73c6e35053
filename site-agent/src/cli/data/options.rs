//! The options that the `data` verbs share: which files, and what the room is to do with them. Used by
//! `check` and `show`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::run::TrainingSettings;
use data::read::{Mapping, ReadOptions};
use data::room::{DuplicatePolicy, RoomOptions};
use data::screen;
use data::split::{SchemeChoice, SplitOptions};
use prepare::PrepareError;
use prepare::fitting::{Fitting, cutoff_within};

use crate::cli::origin::Origin;
use crate::cli::support::{model_folder, record_file, record_files, split};
use crate::error::SiteError;
use crate::language::Language;
use crate::waiver;

/// Decisions.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A column mapping (TOML), for files that follow no known format.
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Mix the files in these proportions, one whole number a file: --mix 60,40. Ends when one has no record
    /// left for its turn; what the others still have is left out.
    #[arg(long, value_name = "WEIGHTS", value_delimiter = ',')]
    pub mix: Option<Vec<u32>>,
    /// Folder of the base model: lengths are then counted in its tokens, and what its chat template, its
    /// special tokens or the cutoff would keep from training is refused here as there.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// With --model: records are cut after this many tokens, and at the model's context at the latest.
    #[arg(long, value_name = "TOKENS", requires = "model", default_value_t = TrainingSettings::default().cutoff_tokens)]
    pub cutoff_tokens: usize,
    /// What is done about identifiers: `report`, `mask` (typed placeholders), or `block` (a record with a
    /// confirmed identifier is not trained on).
    #[arg(long, value_name = "MODE", default_value = "block")]
    pub screen: screen::Mode,
    /// A waiver of the privacy officer: what it accepts is not held back. Needs --officer.
    #[arg(long, value_name = "WAIVER", requires = "officer")]
    pub waiver: Option<PathBuf>,
    /// The officer's public key that the waiver must be signed with.
    #[arg(long, value_name = "PUBLIC_KEY")]
    pub officer: Option<PathBuf>,
    /// What is done about duplicates.
    #[arg(long, value_enum, default_value = "drop-copies", value_name = "POLICY")]
    pub duplicates: Duplicates,
    /// What is held back from training: none, 80/10/10 (percent for training, validation and test), auto (by
    /// size: leave-one-out under 100 records, five folds under 500, 70/15/15 up to 2,000, 80/10/10 above),
    /// 5-fold, leave-one-out.
    #[arg(long, value_name = "SPLIT", default_value = "none", value_parser = split)]
    pub split: SchemeChoice,
    /// Whether a patient's records stay on one side.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub split_by_patient: bool,
    /// Whether old records train and new ones test, where at least half have a date.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub split_by_time: bool,
    /// Whether every disease or department is divided in proportion.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub split_by_stratum: bool,
    /// Where all free choices of the split start from.
    #[arg(long, default_value_t = SplitOptions::default().seed)]
    pub seed: u64,
    #[command(flatten)]
    pub origin: Origin,
    /// Language of what is printed: `zh` or `en`. The locale decides where this is not given.
    #[arg(long, value_name = "LANGUAGE", alias = "lang")]
    pub language: Option<Language>,
}

impl Options {
    /// The language of messages.
    pub(super) fn language(&self) -> Language {
        Language::chosen(self.language)
    }

    /// The files and the model's folder, which exist.
    pub(super) fn paths(&self, files: &[PathBuf]) -> Result<(Vec<PathBuf>, Option<PathBuf>), SiteError> {
        Ok((record_files(files)?, self.model.as_deref().map(model_folder).transpose()?))
    }

    /// What the waiver accepts, if one is named and holds.
    fn accepted(&self) -> Result<Option<screen::waiver::Accepted>, SiteError> {
        let (Some(path), Some(officer)) = (&self.waiver, &self.officer) else { return Ok(None) };
        let signed = waiver::read(path)?;
        waiver::accepted_by(&signed, &waiver::trusted(officer)?, waiver::today()).map(Some)
    }

    /// Whether a record fits the model, with the cutoff that counts; asked for behind the locks.
    ///
    /// # Errors
    /// The tokenizer or `config.json` cannot be used.
    pub(super) fn fitting(&self, model: Option<&Path>) -> Result<Option<Fitted>, SiteError> {
        let Some(model) = model else { return Ok(None) };
        let cutoff_tokens = cutoff_within(model, self.cutoff_tokens).map_err(PrepareError::from)?;
        let fitting = Fitting::of(model, Some(cutoff_tokens)).map_err(PrepareError::from)?;
        Ok(Some(Fitted { fitting, cutoff_tokens, is_context: cutoff_tokens < self.cutoff_tokens }))
    }

    /// What the room does. Reads the waiver and the mapping, so it is called before the locks are taken.
    ///
    /// # Errors
    /// What is wrong with the waiver, or with the mapping and on which line.
    pub(super) fn room(&self) -> Result<RoomOptions, SiteError> {
        let mapping = self.mapping.as_deref().map(record_file).transpose()?;
        let mapping = mapping.as_deref().map(Mapping::read).transpose().map_err(PrepareError::from)?;
        Ok(RoomOptions {
            mapping_sha256: mapping.as_ref().map(Mapping::sha256),
            read: ReadOptions { mapping, ..ReadOptions::default() },
            mix: self.mix.clone(),
            screen: screen::Options { mode: self.screen, accepted: self.accepted()? },
            duplicates: self.duplicates.into(),
            split: SplitOptions {
                scheme: self.split,
                by_patient: self.split_by_patient,
                by_time: self.split_by_time,
                by_stratum: self.split_by_stratum,
                seed: self.seed,
            },
            provenance: self.origin.rules(),
            ..RoomOptions::default()
        })
    }
}

/// A model for which records are looked at.
pub(super) struct Fitted {
    pub(super) fitting: Arc<Fitting>,
    pub(super) cutoff_tokens: usize,
    /// The cutoff is the model's context, and a longer one was asked for.
    pub(super) is_context: bool,
}

/// What is done about duplicates, as the command line writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Duplicates {
    /// Do not look for them.
    Ignore,
    /// Keep all, on one side of the split.
    Keep,
    /// Leave out records with the same question and answer as an earlier one.
    DropCopies,
    /// Leave out everything that is like an earlier record.
    DropNear,
}

impl From<Duplicates> for DuplicatePolicy {
    fn from(duplicates: Duplicates) -> Self {
        match duplicates {
            Duplicates::Ignore => Self::Ignore,
            Duplicates::Keep => Self::Keep,
            Duplicates::DropCopies => Self::DropCopies,
            Duplicates::DropNear => Self::DropNear,
        }
    }
}
