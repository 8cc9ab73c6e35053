//! The frozen base model: loaded once from a Hugging Face folder, then shared by training and evaluation.
//! Called by both binaries. Invariants: nothing changes it after loading; its fingerprint is the same wherever the
//! same checkpoint is loaded with the same options.

use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
pub use crate::ops::Compute;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How the decoder's linears are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightFormat {
    /// NF4, block 64, double-quantised: 4.13 bits a weight.
    Nf4,
    /// As in the checkpoint, widened to f32.
    F32,
}

/// Options of [`BaseModel::load`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadOptions {
    /// Format of the decoder's linears.
    pub weights: WeightFormat,
    /// Arithmetic; also the precision in which embedding and head are held.
    pub compute: Compute,
}

/// A frozen decoder model in memory.
pub struct BaseModel {
    config: ModelConfig,
    options: LoadOptions,
    fingerprint: [u8; 32],
}

impl BaseModel {
    /// Loads a Hugging Face model folder, one tensor at a time.
    ///
    /// # Errors
    /// `Io`, `Config`, `Unsupported`, `Checkpoint` or `MissingTensor`; each names the file.
    pub fn load(dir: &Path, _options: &LoadOptions) -> Result<Self> {
        let _config = ModelConfig::from_dir(dir)?;
        Err(ModelError::Internal { reason: "loading is not there yet".to_owned() })
    }

    /// The architecture.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The options it was loaded with.
    #[must_use]
    pub fn options(&self) -> LoadOptions {
        self.options
    }

    /// SHA-256 over the config's essentials, the options and every frozen tensor: equal at all sites that hold the
    /// same base.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}
