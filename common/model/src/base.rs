//! The frozen base model: loaded once from a Hugging Face folder, then shared by training and evaluation.
//! Called by both binaries. Invariants: nothing changes it after loading; its fingerprint is the same
//! wherever the same checkpoint is loaded with the same options.

pub(crate) mod engine;
pub(crate) mod fingerprint;
mod loader;
mod source;
#[cfg(test)]
mod tests;

use std::path::Path;

use self::engine::{Engine, Session};
use crate::adapter::Adapter;
use crate::config::ModelConfig;
use crate::device::{Device, DeviceMemory, Placement};
use crate::error::{ModelError, Result};
use crate::options::{Compute, LoadOptions, WeightFormat};

#[cfg(all(test, feature = "gpu-kernel-tests"))]
pub(crate) use self::loader::decoder as decoder_on;
pub(crate) use self::loader::{dense_bf16, dense_f32, placed};

/// A frozen decoder model in memory.
pub struct BaseModel {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) placement: Placement,
    pub(crate) options: LoadOptions,
    pub(crate) fingerprint: [u8; 32],
}

impl std::fmt::Debug for BaseModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BaseModel")
            .field("config", self.config())
            .field("options", &self.options)
            .field("placement", &self.placement)
            .finish_non_exhaustive()
    }
}

impl BaseModel {
    /// Loads a Hugging Face model folder on the processor; see [`BaseModel::load_on`].
    ///
    /// # Errors
    /// As [`BaseModel::load_on`], without `Device`.
    pub fn load(dir: &Path, options: &LoadOptions) -> Result<Self> {
        Self::load_on(dir, options, Device::Cpu)
    }

    /// Loads a Hugging Face model folder onto a device, one tensor at a time: quantises the decoder's linears
    /// as they come, or takes over those that bitsandbytes quantised before (what such a checkpoint left
    /// dense stays dense).
    ///
    /// # Errors
    /// `Io`, `Config`, `Unsupported`, `Checkpoint` or `MissingTensor`; each names the file. `Device` when it
    /// cannot be used or its memory is too small.
    pub fn load_on(dir: &Path, options: &LoadOptions, placement: impl Into<Placement>) -> Result<Self> {
        let placement = placement.into();
        let (engine, fingerprint) = loader::load(dir, options, placement)?;
        Ok(Self { engine, placement, options: *options, fingerprint })
    }

    /// Loads a whole model from a GGUF file that was exported here, with its weights widened to f32, on the
    /// processor; `dir` has the `config.json` that it must be of. A file of another program may be refused.
    ///
    /// # Errors
    /// `Io`, `Config`, or `Checkpoint` when the file is damaged or of another shape; each names the file.
    pub fn load_gguf(file: &Path, dir: &Path) -> Result<Self> {
        let options = LoadOptions { weights: WeightFormat::F32, compute: Compute::F32 };
        let placement = Placement::from(Device::Cpu);
        let (engine, fingerprint) = loader::load_gguf(file, dir, &options, placement)?;
        Ok(Self { engine, placement, options, fingerprint })
    }

    /// Where it is, and how it is held there.
    #[must_use]
    pub fn placement(&self) -> Placement {
        self.placement
    }

    /// The architecture.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        self.engine.config()
    }

    /// What the device's allocator holds now; `None` on the processor.
    #[must_use]
    pub fn device_memory(&self) -> Option<DeviceMemory> {
        self.engine.memory()
    }

    /// The options it was loaded with.
    #[must_use]
    pub fn options(&self) -> LoadOptions {
        self.options
    }

    /// SHA-256 over the config, the options and every frozen tensor as it is held: equal at all sites that
    /// hold the same base.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Limits what a training pass keeps for its backward pass, in bytes; layers beyond it are computed
    /// twice. The result is the same bits for every limit. The default is `limits::ACTIVATION_BYTES_MAX`.
    pub fn set_activation_budget(&mut self, bytes: usize) {
        self.engine.set_activation_budget(bytes);
    }

    /// Logits of one sequence, `[tokens, vocabulary]` row-major.
    ///
    /// # Errors
    /// `Setting` when a token is outside the vocabulary or there is none; `Adapter` when it does not fit.
    pub fn logits(&self, adapter: Option<&Adapter>, tokens: &[u32]) -> Result<Vec<f32>> {
        self.check_tokens(tokens)?;
        if tokens.is_empty() {
            return Err(ModelError::Setting { name: "tokens", reason: "there are none".to_owned() });
        }
        self.session(adapter)?.logits(tokens)
    }

    /// The model on its device with an adapter beside it, after checking that it fits.
    pub(crate) fn session(&self, adapter: Option<&Adapter>) -> Result<Box<dyn Session + '_>> {
        if let Some(adapter) = adapter {
            self.check_adapter(adapter)?;
        }
        self.engine.session(adapter)
    }

    /// An adapter must have the model's layers and shapes.
    pub(crate) fn check_adapter(&self, adapter: &Adapter) -> Result<()> {
        let config = self.config();
        if adapter.num_layers() != config.num_layers {
            let reason = format!("it has {} layers, the model {}", adapter.num_layers(), config.num_layers);
            return Err(ModelError::Adapter { reason });
        }
        for (layer, kind, pair) in adapter.pairs() {
            let shape = config.linear_shape(kind);
            if [pair.out_features, pair.in_features] != shape {
                let found = [pair.out_features, pair.in_features];
                let reason = format!("{} is {shape:?}, the adapter's {found:?}", kind.module_name(layer));
                return Err(ModelError::Adapter { reason });
            }
        }
        Ok(())
    }

    /// Every token must be a row of the embedding.
    pub(crate) fn check_tokens(&self, tokens: &[u32]) -> Result<()> {
        let vocabulary = self.config().vocab_size;
        match tokens.iter().find(|token| **token as usize >= vocabulary) {
            None => Ok(()),
            Some(token) => Err(ModelError::Setting {
                name: "tokenizer.json",
                reason: format!("it made token {token}, but the model has only {vocabulary}"),
            }),
        }
    }
}
