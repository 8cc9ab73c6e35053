//! A base model with its adapter merged in, as the bf16 Hugging Face folder that transformers and vLLM load
//! (llama.cpp's files: `gguf`). Called by the coordinator's export. Each weight is `W + scaling * B A`, added
//! in f32 and rounded once to bf16.
//!
//! Invariants: one tensor is in memory at a time; the folder appears as a whole or not at all; every tensor
//! of the base is in the result and nothing else; every target of the adapter was found.

mod difference;
pub(crate) mod files;
pub mod gguf;
pub(crate) mod merge;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::adapter::Adapter;
use crate::checkpoint::CheckpointReader;
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::limits;
use crate::staging::StagedFolder;

pub use self::difference::Difference;

/// A file beside the weights: its name and its bytes.
pub type FurtherFile = (&'static str, Vec<u8>);

/// Writes the model in `model_folder` with `adapter` merged in to `out_folder` (absent or empty).
///
/// One `model.safetensors` below 4 GiB, else numbered files of at most 4 GiB with an index.
///
/// # Errors
/// [`ModelError::Io`] when `out_folder` is taken or the disk is full (nothing is left behind),
/// [`ModelError::Checkpoint`] or [`ModelError::MissingTensor`] when the base is damaged,
/// [`ModelError::Unsupported`] when it is quantised, [`ModelError::Adapter`] when the adapter does not fit
/// it.
pub fn export_merged(model_folder: &Path, adapter: &Adapter, out_folder: &Path) -> Result<()> {
    export_merged_with(model_folder, adapter, out_folder, |_| Ok(Vec::new()))
}

/// As [`export_merged`], with the files that `further` gives in the folder, such as a README.md: it is called
/// with the place where the model is, whole, before it has its name.
///
/// # Errors
/// As [`export_merged`], and what `further` returns.
pub fn export_merged_with(
    model_folder: &Path,
    adapter: &Adapter,
    out_folder: &Path,
    further: impl FnOnce(&Path) -> Result<Vec<FurtherFile>>,
) -> Result<()> {
    export_sharded(model_folder, adapter, out_folder, further, limits::SHARD_BYTES_MAX)
}

fn export_sharded(
    model_folder: &Path,
    adapter: &Adapter,
    out_folder: &Path,
    further: impl FnOnce(&Path) -> Result<Vec<FurtherFile>>,
    shard_bytes: u64,
) -> Result<()> {
    let config = ModelConfig::from_dir(model_folder)?;
    let out_config = files::config_in_bf16(model_folder)?;
    let reader = CheckpointReader::open(model_folder)?;
    reader.require_tied(&config)?;
    let targets = merge::targets(&config, adapter)?;
    if let Some(name) = targets.keys().find(|name| reader.entry(name).is_none()) {
        return Err(ModelError::MissingTensor { path: model_folder.to_path_buf(), name: name.clone() });
    }
    let tensors =
        reader.names().filter_map(|name| Some((name.to_owned(), reader.entry(name)?.shape.clone())));
    let layout = writer::lay_out(tensors, shard_bytes);
    let staged = StagedFolder::create(out_folder)?;
    for shard in &layout.shards {
        writer::write_shard(&staged.path(&shard.file_name), shard, |tensor| {
            let (mut values, _) = reader.read_f32(&tensor.name, &tensor.shape)?;
            if let Some(pair) = targets.get(&tensor.name) {
                if tensor.shape != [pair.out_features, pair.in_features] {
                    let reason = format!("{} has shape {:?}", tensor.name, tensor.shape);
                    return Err(reader.damage(&tensor.name, reason));
                }
                merge::add(&mut values, pair, adapter.scaling());
            }
            Ok(merge::to_bf16(&values))
        })?;
    }
    if let Some(index) = layout.index_json() {
        staged.write("model.safetensors.index.json", index.as_bytes())?;
    }
    staged.write("config.json", out_config.as_bytes())?;
    files::copy_companions(model_folder, &staged)?;
    for (name, bytes) in further(staged.folder())? {
        staged.write(name, &bytes)?;
    }
    staged.commit()
}
