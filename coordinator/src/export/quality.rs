//! What an export that rounds weights lost: the files are read back where they are written, before the folder
//! has its name, and asked beside the exact model. Called by `export` (what can be asked) and `writing` (the
//! asking), behind the locks. Invariants: the figures are of the files, not of what was in memory when they
//! were written; files that cannot be read back end the export; what was not measured is said to be so, with
//! the reason, and a reason names nothing of this machine.

use std::path::{Path, PathBuf};

use common::id::Digest;
use model::{
    Adapted, Adapter, BaseModel, Compute, Device, LoadOptions, ModelConfig, ModelError, WeightFormat,
};
use prepare::PrepareError;
use prepare::quality::{Lost, Texts, lost};
use serde::Serialize;

use super::format::Format;
use super::wishes::Measure;
use crate::error::{Error, Result};
use crate::limits::MEASURING_SPARE_BYTES_MIN;
use crate::state_folder::blobs;

const F32: LoadOptions = LoadOptions { weights: WeightFormat::F32, compute: Compute::F32 };

/// What is known of an export's quality.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// What was measured.
    Measured {
        /// On the built-in neutral texts.
        neutral: Lost,
        /// On the records of the file that was named.
        records: Option<OfRecords>,
    },
    /// Nothing was; why.
    NotMeasured(String),
}

/// What was measured on a file of records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfRecords {
    /// Of the file.
    pub sha256: Digest,
    /// What was lost.
    #[serde(flatten)]
    pub lost: Lost,
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
    /// A file was named, and it cannot be read, has no record to measure, or there is not enough memory.
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
        if available_bytes().is_some_and(|available| available < needed) {
            let reason = format!("it takes about {} GB of memory, which were not free", gigabytes(needed));
            return match file {
                None => Ok(Self::Nothing(reason)),
                Some(_) => Err(Error::Argument {
                    message: format!("the export cannot be measured: {reason}"),
                    hint: "export on a machine with more memory, or without --measure".into(),
                }),
            };
        }
        let records = file.map(|file| -> Result<(Digest, Texts)> {
            Ok((blobs::digest_of(file)?, Texts::records(file, base, cutoff_tokens)?))
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

    /// Asks the exact model, `adapter` beside the base in f32, and what was written.
    ///
    /// # Errors
    /// What was written cannot be read back; the base model cannot be loaded.
    pub(super) fn ask(
        &self,
        base: &Path,
        adapter: &Adapter,
        written: Written<'_>,
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
        let neutral = lost(exact, written, neutral)?;
        let records = records.as_ref().map(|(sha256, texts)| {
            Ok::<_, ModelError>(lost(exact, written, texts)?.map(|lost| OfRecords { sha256: *sha256, lost }))
        });
        Ok(match (neutral, records.transpose()?) {
            (Some(neutral), None) => Quality::Measured { neutral, records: None },
            (Some(neutral), Some(Some(records))) => Quality::Measured { neutral, records: Some(records) },
            _ => Quality::NotMeasured(
                "the model gives values that are no numbers, before or after rounding".to_owned(),
            ),
        })
    }
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

/// What the machine has free, where it says so.
fn available_bytes() -> Option<u64> {
    available_in(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
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
        assert_eq!(available_in("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        for odd in ["", "MemAvailable: x kB", "MemAvailable: 12", "MemAvailable: 99999999999999999999 kB"] {
            assert_eq!(available_in(odd), None, "{odd}");
        }
    }
}
