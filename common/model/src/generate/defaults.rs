//! What the model's publisher set for generation: `generation_config.json`, else the end token in
//! `config.json`. Called by `site-agent generate`. Invariant: what is absent is what transformers 5.23 takes
//! for it.

use std::path::Path;

use serde::Deserialize;

use super::settings::GenerateSettings;
use crate::bounded;
use crate::error::{ModelError, Result};
use crate::limits::JSON_BYTES_MAX;

/// The fields that act here; the others of the file are for other ways to generate.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct GenerationDefaults {
    do_sample: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<usize>,
    repetition_penalty: Option<f64>,
    eos_token_id: Option<OneOrMore>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(u32),
    More(Vec<u32>),
}

impl GenerationDefaults {
    /// Reads a model folder.
    ///
    /// # Errors
    /// `Io` when a file is there but cannot be read, `Config` when it is malformed.
    pub fn read(model_folder: &Path) -> Result<Self> {
        let mut found = read(&model_folder.join("generation_config.json"))?.unwrap_or_default();
        if found.eos_token_id.is_none() {
            found.eos_token_id =
                read(&model_folder.join("config.json"))?.and_then(|config| config.eos_token_id);
        }
        Ok(found)
    }

    /// Ids that end an answer.
    #[must_use]
    pub fn eos_tokens(&self) -> &[u32] {
        match &self.eos_token_id {
            None => &[],
            Some(OneOrMore::One(id)) => std::slice::from_ref(id),
            Some(OneOrMore::More(ids)) => ids,
        }
    }

    /// The publisher's settings; sampling only where they ask for it, or `sample` says so.
    #[must_use]
    pub fn settings(&self, sample: bool) -> GenerateSettings {
        let sample = sample || self.do_sample == Some(true);
        GenerateSettings {
            temperature: if sample { self.temperature.unwrap_or(1.0) } else { 0.0 },
            top_p: self.top_p.unwrap_or(1.0),
            top_k: self.top_k.unwrap_or(50),
            repetition_penalty: self.repetition_penalty.unwrap_or(1.0),
            stop_tokens: self.eos_tokens().to_vec(),
            ..GenerateSettings::default()
        }
    }
}

fn read(path: &Path) -> Result<Option<GenerationDefaults>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = bounded::read(path, JSON_BYTES_MAX)?;
    let bad = |reason: String| ModelError::Config { path: path.to_path_buf(), reason };
    serde_json::from_slice(&text).map(Some).map_err(|error| bad(error.to_string()))
}
