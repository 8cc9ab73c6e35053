//! A base model with its adapter merged in, as the bf16 Hugging Face folder that transformers and vLLM load.
//! Called by the coordinator's export. Each weight is `W + scaling * B A`, added in f32 and rounded once to bf16.
//!
//! Invariants: one tensor is in memory at a time; the folder appears as a whole or not at all; every tensor of the
//! base is in the result and nothing else; every target of the adapter was found.

mod files;
mod merge;
mod source;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use crate::adapter::Adapter;
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::limits;
use crate::staging::StagedFolder;
use source::CheckpointFiles;

/// Writes the model in `model_folder` with `adapter` merged in to `out_folder` (absent or empty).
///
/// One `model.safetensors` below 4 GiB, else numbered files of at most 4 GiB with an index.
///
/// # Errors
/// [`ModelError::Io`] when `out_folder` is taken or the disk is full (nothing is left behind),
/// [`ModelError::Checkpoint`] or [`ModelError::MissingTensor`] when the base is damaged,
/// [`ModelError::Unsupported`] when it is quantised, [`ModelError::Adapter`] when the adapter does not fit it.
pub fn export_merged(model_folder: &Path, adapter: &Adapter, out_folder: &Path) -> Result<()> {
    export_sharded(model_folder, adapter, out_folder, limits::MAX_SHARD_BYTES)
}

fn export_sharded(model_folder: &Path, adapter: &Adapter, out_folder: &Path, shard_bytes: u64) -> Result<()> {
    let config = ModelConfig::from_dir(model_folder)?;
    let out_config = files::config_in_bf16(model_folder)?;
    let source = CheckpointFiles::open(model_folder)?;
    let targets = merge::targets(&config, adapter)?;
    let found: BTreeSet<&str> = source.tensors().map(|tensor| tensor.name.as_str()).collect();
    if let Some(name) = targets.keys().find(|name| !found.contains(name.as_str())) {
        return Err(ModelError::MissingTensor { path: model_folder.to_path_buf(), name: name.clone() });
    }
    let plan = writer::plan(source.tensors().cloned().collect(), shard_bytes);
    let staged = StagedFolder::create(out_folder)?;
    for shard in &plan.shards {
        writer::write_shard(&staged.path(&shard.file_name), shard, |tensor| {
            let values = source.read_f32(tensor)?;
            match targets.get(&tensor.name) {
                Some(pair) => merge::merged(values, tensor, pair, adapter.scaling()),
                None => Ok(merge::to_bf16(&values)),
            }
        })?;
    }
    if let Some(index) = plan.index_json() {
        staged.write("model.safetensors.index.json", index.as_bytes())?;
    }
    staged.write("config.json", out_config.as_bytes())?;
    files::copy_companions(model_folder, &staged)?;
    staged.commit()
}
