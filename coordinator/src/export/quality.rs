//! What an export that rounds weights lost: the files are read back where they are written, before the folder
//! has its name, and asked beside the exact model. Called by `export` (what can be asked) and `writing` (the
//! asking), behind the locks. Invariants: the figures are of the files, not of what was in memory when they
//! were written; files that cannot be read back end the export; what was not measured is said to be so, with
//! the reason, and a reason names nothing of this machine.

use std::path::{Path, PathBuf};

use common::id::Digest;
use common::page::grouped;
use evaluation::limits::INTERVAL_TEXTS_MIN;
use model::{
    Adapted, Adapter, BaseModel, Compute, Device, LoadOptions, ModelConfig, ModelError, WeightFormat,
};
use prepare::PrepareError;
use prepare::quality::{Lost, Texts, lost};
use serde::Serialize;

use super::format::Format;
use super::memory::available_bytes;
use super::wishes::Measure;
use crate::error::{Error, Result};
use crate::limits::{MEASURED_RECORDS_MAX, MEASURED_TOKENS_MAX, MEASURING_SPARE_BYTES_MIN};
use crate::state_folder::blobs;

const F32: LoadOptions = LoadOptions { weights: WeightFormat::F32, compute: Compute::F32 };

/// Why what has diverged is not measured.
const NO_NUMBERS: &str = "the model gives values that are no numbers, before or after rounding";

/// What is known of an export's quality.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// What was measured.
    Measured {
        /// On the built-in neutral texts.
        neutral: Lost,
        /// On the records of the file that was named.
        records: Option<Box<OfRecords>>,
    },
    /// Nothing was; why.
    NotMeasured(String),
}

/// What was measured on a file of records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfRecords {
    /// Of the file.
    pub sha256: Digest,
    /// What came out.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came out of asking records.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// What was lost.
    Measured(Lost),
    /// No numbers.
    NotMeasured {
        /// Why.
        not_measured: &'static str,
    },
}

/// What an export will be asked.
pub(super) enum Asking {
    /// These texts.
    Texts { neutral: Texts, records: Option<(Digest, Texts)> },
    /// Nothing, for this reason.
    Nothing(String),
}

/// Where the model was written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Written<'a> {
    /// A Hugging Face folder in bf16.
    Dense(&'a Path),
    /// One in NF4.
    Nf4(&'a Path),
    /// A GGUF file.
    Gguf(&'a Path),
}

impl Asking {
    /// What can be asked of an export in this format of a model of this shape; `file` is the one that was
    /// named. Read before anything is written.
    ///
    /// # Errors
    /// A file was named, and it cannot be read, has too few or too many records to measure, or there is not
    /// enough memory.
    pub(super) fn prepare(
        measure: Measure<'_>,
        file: Option<&PathBuf>,
        base: &Path,
        format: Format,
        cutoff_tokens: usize,
    ) -> Result<Self> {
        if matches!(measure, Measure::Off) {
            return Ok(Self::Nothing("it was turned off (`--no-measure`)".to_owned()));
        }
        let config = ModelConfig::from_dir(base).map_err(PrepareError::from)?;
        let needed = needed_bytes(&config, format);
        let reason = match available_bytes() {
            Some(available) if available >= needed => None,
            Some(_) => {
                Some(format!("it takes about {} GB of memory, which were not free", gigabytes(needed)))
            }
            None => Some("this machine does not say how much memory is free".to_owned()),
        };
        if let Some(reason) = reason {
            return match file {
                None => Ok(Self::Nothing(reason)),
                Some(_) => Err(Error::Argument {
                    message: format!("the export cannot be measured: {reason}"),
                    hint: "export on a machine with more memory, or without --measure".into(),
                }),
            };
        }
        let records = file.map(|file| -> Result<(Digest, Texts)> {
            let texts = Texts::records(file, base, cutoff_tokens)?;
            must_be_measurable(file, texts.count(), texts.tokens())?;
            Ok((blobs::digest_of(file)?, texts))
        });
        let records = records.transpose()?;
        match Texts::neutral(base) {
            Ok(neutral) => Ok(Self::Texts { neutral, records }),
            Err(error) if file.is_some() => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the export will not be measured");
                Ok(Self::Nothing(
                    "the base model's folder has no tokenizer that this program reads".to_owned(),
                ))
            }
        }
    }

    /// Asks the exact model, `adapter` beside the base in f32, and what was written. `show(done, total)` is
    /// called after each text.
    ///
    /// # Errors
    /// What was written cannot be read back; the base model cannot be loaded.
    pub(super) fn ask(
        &self,
        base: &Path,
        adapter: &Adapter,
        written: Written<'_>,
        show: &mut dyn FnMut(u64, u64),
    ) -> std::result::Result<Quality, ModelError> {
        let (neutral, records) = match self {
            Self::Nothing(reason) => return Ok(Quality::NotMeasured(reason.clone())),
            Self::Texts { neutral, records } => (neutral, records),
        };
        let written = match written {
            Written::Dense(folder) => BaseModel::load_on(folder, &F32, Device::Cpu)?,
            Written::Nf4(folder) => {
                let options = LoadOptions { weights: WeightFormat::Nf4, ..F32 };
                BaseModel::load_on(folder, &options, Device::Cpu)?
            }
            Written::Gguf(file) => BaseModel::load_gguf(file, base)?,
        };
        let base = BaseModel::load_on(base, &F32, Device::Cpu)?;
        let exact = Adapted { base: &base, adapter: Some(adapter) };
        let written = Adapted { base: &written, adapter: None };
        let before = neutral.count();
        let total = before + records.as_ref().map_or(0, |(_, texts)| texts.count());
        let Some(neutral) = lost(exact, written, neutral, &mut |done, _| show(done as u64, total as u64))?
        else {
            return Ok(Quality::NotMeasured(NO_NUMBERS.to_owned()));
        };
        let records = records.as_ref().map(|(sha256, texts)| {
            let mut on_progress = |done: usize, _| show((before + done) as u64, total as u64);
            let outcome = match lost(exact, written, texts, &mut on_progress)? {
                Some(lost) => Outcome::Measured(lost),
                None => Outcome::NotMeasured { not_measured: NO_NUMBERS },
            };
            Ok::<_, ModelError>(Box::new(OfRecords { sha256: *sha256, outcome }))
        });
        Ok(Quality::Measured { neutral, records: records.transpose()? })
    }
}

/// Refuses records of which too few stand in a card that may be published (the loss of one would be that
/// record's), or too many to be measured in a night.
fn must_be_measurable(file: &Path, records: usize, tokens: usize) -> Result<()> {
    let least = INTERVAL_TEXTS_MIN as usize;
    let refuse = |count: usize, what: &str, bound: String| {
        let message = format!("{} has {} {what} to measure; {bound}", file.display(), grouped(count as u64));
        let hint = format!(
            "name a file with {least} to {} records with --measure",
            grouped(MEASURED_RECORDS_MAX as u64)
        );
        Err(Error::Argument { message, hint })
    };
    if records < least {
        return refuse(records, "records", format!("at least {least}"));
    }
    if records > MEASURED_RECORDS_MAX {
        return refuse(records, "records", format!("at most {}", grouped(MEASURED_RECORDS_MAX as u64)));
    }
    if tokens > MEASURED_TOKENS_MAX {
        return refuse(tokens, "tokens", format!("at most {}", grouped(MEASURED_TOKENS_MAX as u64)));
    }
    Ok(())
}

/// Both models in memory, whole: the exact one with four bytes a weight, the written one with as many, or in
/// NF4 at most two (its tables are as wide as the base's, its matrices take half a byte).
fn needed_bytes(config: &ModelConfig, format: Format) -> u64 {
    let bytes_a_weight = if format == Format::Nf4 { 4 + 2 } else { 4 + 4 };
    model::plan::base_parameters(config) * bytes_a_weight + MEASURING_SPARE_BYTES_MIN
}

fn gigabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_reckoned_from_the_shape_and_read_as_the_kernel_writes_it() {
        let config = model::config::published::shape("qwen2.5-0.5b").unwrap();
        // 494 million weights: 4 GB and half a GiB.
        assert_eq!(gigabytes(needed_bytes(&config, Format::Gguf)), 5);
        assert_eq!(gigabytes(needed_bytes(&config, Format::Nf4)), 4);
    }

    #[test]
    fn a_file_is_measured_from_as_many_records_as_an_interval_needs_up_to_a_bound() {
        let said = |records: usize, tokens: usize| {
            must_be_measurable(Path::new("r.jsonl"), records, tokens).map_err(|error| error.to_string())
        };
        let least = INTERVAL_TEXTS_MIN as usize;
        assert!(said(least, 60).is_ok() && said(MEASURED_RECORDS_MAX, MEASURED_TOKENS_MAX).is_ok());
        for (records, tokens, words) in [
            (least - 1, 60, "r.jsonl has 29 records to measure; at least 30"),
            (MEASURED_RECORDS_MAX + 1, 9_000, "2,001 records to measure; at most 2,000"),
            (MEASURED_RECORDS_MAX, MEASURED_TOKENS_MAX + 1, "1,000,001 tokens to measure; at most 1,000,000"),
        ] {
            let refused = said(records, tokens).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn records_without_numbers_keep_their_hash_and_say_so() {
        let records =
            OfRecords { sha256: Digest([7; 32]), outcome: Outcome::NotMeasured { not_measured: NO_NUMBERS } };
        let document = serde_json::to_value(records).unwrap();
        assert_eq!(document["not_measured"], NO_NUMBERS);
        assert_eq!(document.as_object().unwrap().len(), 2);
    }
}
