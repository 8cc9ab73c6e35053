//! SHA-256 over everything frozen, so that a site can show which base it trained on. Called by the loader.
//! Invariant: a label and a length precede each tensor, so no two models can feed the hash the same bytes.

use sha2::{Digest, Sha256};

use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::frozen::FrozenWeight;
use crate::nf4::Absmax;
use crate::options::LoadOptions;

/// The running hash.
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(crate) fn new(config: &ModelConfig, options: &LoadOptions) -> Result<Self> {
        let essentials = serde_json::to_vec(&(config, options))
            .map_err(|error| ModelError::Internal { reason: error.to_string() })?;
        let mut hash = Sha256::new();
        hash.update(b"base-model/1\0");
        let mut this = Self(hash);
        this.part("config", &essentials);
        Ok(this)
    }

    fn part(&mut self, label: &str, bytes: &[u8]) {
        self.0.update((label.len() as u64).to_le_bytes());
        self.0.update(label);
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub(crate) fn vector(&mut self, name: &str, values: &[f32]) {
        self.part(name, bytemuck::cast_slice(values));
    }

    pub(crate) fn weight(&mut self, name: &str, weight: &FrozenWeight) {
        match weight {
            FrozenWeight::F32(dense) => self.part(name, bytemuck::cast_slice(dense.data())),
            FrozenWeight::Bf16(dense) => self.part(name, bytemuck::cast_slice(dense.data())),
            FrozenWeight::Nf4(nf4) => {
                self.part(name, nf4.packed());
                match nf4.absmax() {
                    Absmax::Plain(values) => self.vector("absmax", values),
                    Absmax::Quantised { codes, nested, offset } => {
                        self.part("absmax codes", codes);
                        self.vector("absmax scales", nested);
                        self.vector("absmax offset", &[*offset]);
                    }
                }
                self.part("precision", format!("{:?}", nf4.precision()).as_bytes());
            }
        }
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
