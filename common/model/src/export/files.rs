//! Everything of a model folder that is not tensors: `config.json` with its type set to bf16, and the files
//! copied as they are. Called by `export` and `quantise`. Invariant: only files with well-known names are
//! copied, never the whole folder (which may hold other formats of the same weights).

use std::path::Path;

use serde_json::{Value, json};

use crate::bounded;
use crate::error::{ModelError, Result};
use crate::limits::JSON_BYTES_MAX;
use crate::staging::StagedFolder;

/// Tokenizer, template, generation settings and licence, as transformers and hub repositories name them.
const COMPANIONS: [&str; 15] = [
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "NOTICE",
    "USE_POLICY.md",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
];

/// How many of these are licence texts; they lead the list.
const LICENCES: usize = 5;

/// Copies the companions which the folder has.
pub(crate) fn copy_companions(model_folder: &Path, staged: &StagedFolder) -> Result<()> {
    copy(&COMPANIONS, model_folder, staged)
}

/// Copies the licence texts which the folder has: they go where the weights go.
pub(super) fn copy_licences(model_folder: &Path, staged: &StagedFolder) -> Result<()> {
    copy(&COMPANIONS[..LICENCES], model_folder, staged)
}

fn copy(names: &[&str], model_folder: &Path, staged: &StagedFolder) -> Result<()> {
    for name in names {
        let from = model_folder.join(name);
        if from.is_file() {
            // Read and written, not copied: a read-only original must not make a read-only copy.
            let bytes = std::fs::read(&from).map_err(|error| ModelError::io(&from, error))?;
            staged.write(name, &bytes)?;
        }
    }
    Ok(())
}

/// Refuses a folder whose weights were saved in quantised form.
pub(super) fn refuse_quantised(model_folder: &Path) -> Result<()> {
    config_in_bf16(model_folder).map(|_| ())
}

/// The folder's `config.json` with the weights' type set to bf16, in the spelling the file uses.
pub(super) fn config_in_bf16(model_folder: &Path) -> Result<String> {
    let path = model_folder.join("config.json");
    let bytes = bounded::read(&path, JSON_BYTES_MAX)?;
    let fault = |reason: String| ModelError::Config { path: path.clone(), reason };
    let mut config: Value = serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
    let Some(entries) = config.as_object_mut() else {
        return Err(fault("it is not a JSON object".to_owned()));
    };
    if entries.contains_key("quantization_config") {
        return Err(ModelError::Unsupported {
            what: "merging an adapter into a base that was saved in quantised form".to_owned(),
            hint: "export from the folder with the base model's original weights".to_owned(),
        });
    }
    let names: Vec<&str> =
        ["dtype", "torch_dtype"].into_iter().filter(|name| entries.contains_key(*name)).collect();
    // Written by neither: the older spelling, which every version of transformers reads.
    let names = if names.is_empty() { vec!["torch_dtype"] } else { names };
    for name in names {
        entries.insert(name.to_owned(), json!("bfloat16"));
    }
    serde_json::to_string_pretty(&config).map_err(|error| ModelError::Internal { reason: error.to_string() })
}
