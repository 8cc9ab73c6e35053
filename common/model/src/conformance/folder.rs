//! A reference folder: models, adapters, and `golden.safetensors` with what transformers computed. Used by
//! `conformance`. Invariant: a folder that lacks something is an error that names the file, never a panic.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;

use crate::adapter::{Adapter, LoraSettings};
use crate::base::BaseModel;
use crate::error::{ModelError, Result};
use crate::sample::Sample;

/// A folder as the reference script writes it.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) name: String,
    tensors: Vec<u8>,
    settings: serde_json::Value,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let read = |name: &str| {
            let file = path.join(name);
            std::fs::read(&file).map_err(|error| ModelError::io(&file, error))
        };
        let tensors = read("golden.safetensors")?;
        let settings = serde_json::from_slice(&read("golden.json")?).map_err(|error| ModelError::Config {
            path: path.join("golden.json"),
            reason: error.to_string(),
        })?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { path: path.to_path_buf(), name, tensors, settings })
    }

    fn unusable(&self, reason: impl Into<String>) -> ModelError {
        ModelError::Config { path: self.path.clone(), reason: reason.into() }
    }

    pub(super) fn number(&self, name: &str) -> Result<f64> {
        self.settings[name].as_f64().ok_or_else(|| self.unusable(format!("golden.json has no number {name}")))
    }

    pub(super) fn adapter(&self, folder: &str, base: &BaseModel) -> Result<Adapter> {
        let lora = &self.settings["lora"];
        let (Some(rank), Some(alpha)) =
            (lora["r"].as_u64().and_then(|rank| usize::try_from(rank).ok()), lora["alpha"].as_f64())
        else {
            return Err(self.unusable("golden.json has no lora.r and lora.alpha"));
        };
        let file = self.path.join(folder).join("adapter_model.safetensors");
        let bytes = std::fs::read(&file).map_err(|error| ModelError::io(&file, error))?;
        Adapter::from_safetensors(&bytes, base.config(), &LoraSettings::all_linear(rank, alpha))
    }

    /// Bytes and shape of a tensor whose elements have `size` bytes.
    fn tensor(&self, name: &str, size: usize) -> Result<(Vec<u8>, Vec<usize>)> {
        let file =
            SafeTensors::deserialize(&self.tensors).map_err(|error| self.unusable(error.to_string()))?;
        let view = file.tensor(name).map_err(|error| self.unusable(format!("{name}: {error}")))?;
        if view.shape().iter().product::<usize>() * size != view.data().len() {
            return Err(self.unusable(format!("{name} has another type")));
        }
        Ok((view.data().to_vec(), view.shape().to_vec()))
    }

    pub(super) fn floats(&self, name: &str) -> Result<Vec<f32>> {
        let (bytes, _) = self.tensor(name, 4)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect())
    }

    fn integers(&self, name: &str) -> Result<(Vec<i64>, Vec<usize>)> {
        let (bytes, shape) = self.tensor(name, 8)?;
        Ok((bytes.as_chunks::<8>().0.iter().map(|eight| i64::from_le_bytes(*eight)).collect(), shape))
    }

    /// Padded width of the sequences that logits were computed of.
    pub(super) fn width(&self) -> Result<usize> {
        let (_, shape) = self.integers("input_ids")?;
        shape.get(1).copied().ok_or_else(|| self.unusable("input_ids is no matrix"))
    }

    /// Those sequences without their right padding.
    pub(super) fn rows(&self) -> Result<Vec<Sample>> {
        let width = self.width()?;
        let (ids, labels) = (self.integers("input_ids")?.0, self.integers("labels")?.0);
        let mask = self.integers("attention_mask")?.0;
        let rows = ids.chunks(width).zip(labels.chunks(width)).zip(mask.chunks(width));
        rows.map(|((ids, labels), mask)| {
            let valid = mask.iter().filter(|flag| **flag == 1).count().min(ids.len());
            self.sample(&ids[..valid], labels.get(..valid).unwrap_or_default())
        })
        .collect()
    }

    /// The sequences of each training step.
    pub(super) fn steps(&self) -> Result<Vec<Vec<Sample>>> {
        let (ids, shape) = self.integers("train.input_ids")?;
        let labels = self.integers("train.labels")?.0;
        let [_, sequences, width] = shape[..] else {
            return Err(self.unusable("train.input_ids has not three dimensions"));
        };
        let samples: Vec<Sample> = ids
            .chunks(width.max(1))
            .zip(labels.chunks(width.max(1)))
            .map(|(ids, labels)| self.sample(ids, labels))
            .collect::<Result<_>>()?;
        Ok(samples.chunks(sequences.max(1)).map(<[Sample]>::to_vec).collect())
    }

    fn sample(&self, ids: &[i64], labels: &[i64]) -> Result<Sample> {
        let tokens = ids.iter().map(|id| u32::try_from(*id)).collect::<std::result::Result<_, _>>();
        let tokens = tokens.map_err(|_| self.unusable("a token is negative"))?;
        Ok(Sample { tokens, supervised: labels.iter().map(|label| *label != -100).collect() })
    }
}
