//! A model folder in the layout that transformers saves with bitsandbytes: 4-bit NF4 linears,
//! double-quantised scales. Called by `site-agent quantise`; the reading half also by the loader.
//!
//! Invariants: one tensor is in memory at a time, a large one as it is read and a run of it wide; the folder
//! appears as a whole or not at all; embedding, head, norms and biases are copied byte for byte.

mod config;
mod layout;
mod shard;

#[cfg(test)]
mod tests;

use std::path::Path;

use safetensors::Dtype;

use crate::checkpoint::CheckpointReader;
use crate::config::{LinearKind, ModelConfig};
use crate::error::{ModelError, Result};
use crate::export::files::copy_companions;
use crate::limits;
use crate::nf4::{CodeRule, Nf4Builder, Nf4Weight, SourcePrecision};
use crate::staging::StagedFolder;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Quantised {
    /// Linears that are NF4 now.
    pub linears: usize,
    /// Bytes of the checkpoint's tensors before.
    pub bytes_before: u64,
    /// Bytes of the tensors written.
    pub bytes_after: u64,
    /// Files with tensors.
    pub files: usize,
}

/// Writes the model in `model_folder` as a 4-bit NF4 folder to `out_folder` (absent or empty). The 8-bit
/// codes of the scales are chosen by `rule`: [`CodeRule::Cuda`] is what this program loads with.
///
/// # Errors
/// `Io` when `out_folder` is taken or the disk is full (nothing is left behind), `Checkpoint` or
/// `MissingTensor` when the model is damaged, `Unsupported` when it is quantised already.
pub fn quantise_checkpoint(model_folder: &Path, out_folder: &Path, rule: CodeRule) -> Result<Quantised> {
    quantise_sharded(model_folder, out_folder, rule, limits::SHARD_BYTES_MAX)
}

fn quantise_sharded(
    model_folder: &Path,
    out_folder: &Path,
    rule: CodeRule,
    shard_bytes: u64,
) -> Result<Quantised> {
    let config = ModelConfig::from_dir(model_folder)?;
    let reader = CheckpointReader::open(model_folder)?;
    refuse_quantised(&reader)?;
    reader.require_tied(&config)?;
    let linears: Vec<String> = (0..config.num_layers)
        .flat_map(|layer| LinearKind::ALL.map(|kind| format!("{}.weight", kind.module_name(layer))))
        .collect();
    if let Some(name) = linears.iter().find(|name| reader.entry(name).is_none()) {
        return Err(ModelError::MissingTensor { path: model_folder.to_path_buf(), name: name.clone() });
    }
    let precision = source_precision(&reader, &linears[0])?;
    let out_config = config::with_quantisation(model_folder, precision)?;
    let is_linear = |name: &str| linears.iter().any(|linear| linear == name);
    let layout = layout::lay_out(&reader, &is_linear, shard_bytes)?;
    let staged = StagedFolder::create(out_folder)?;
    let mut bytes_after = 0;
    for (file_name, shard) in &layout.files {
        let mut file = shard::ShardWriter::create(&staged.path(file_name), shard)?;
        for source in &shard.sources {
            if source.is_linear {
                let shape = layout::matrix(&reader, &source.name)?;
                let weight = read_nf4(&reader, &source.name, shape, rule)?;
                file.write_nf4(&source.name, &weight)?;
            } else {
                file.copy(&reader, &source.name)?;
            }
        }
        bytes_after += file.finish()?;
    }
    if let Some(index) = layout.index_json(bytes_after) {
        staged.write("model.safetensors.index.json", index.as_bytes())?;
    }
    staged.write("config.json", out_config.as_bytes())?;
    copy_companions(model_folder, &staged)?;
    staged.commit()?;
    let bytes_before =
        reader.names().filter_map(|name| reader.entry(name)).map(|entry| entry.bytes() as u64).sum();
    Ok(Quantised { linears: linears.len(), bytes_before, bytes_after, files: layout.files.len() })
}

/// Quantises a dense `[out, in]` tensor of a checkpoint as it is read.
///
/// # Errors
/// `MissingTensor`; `Checkpoint` when shape or type differ, a value is not finite, or the matrix does not
/// split into blocks.
pub(crate) fn read_nf4(
    reader: &CheckpointReader,
    name: &str,
    shape: [usize; 2],
    rule: CodeRule,
) -> Result<Nf4Weight> {
    let damage = |error: crate::nf4::Nf4Error| reader.damage(name, format!("{name}: {error}"));
    let mut builder = Nf4Builder::new(shape, source_precision(reader, name)?).map_err(damage)?;
    reader.for_runs(name, &shape, |run| builder.push(run).map_err(damage))?;
    builder.finish(rule).map_err(damage)
}

/// What dequantisation will round to.
fn source_precision(reader: &CheckpointReader, name: &str) -> Result<SourcePrecision> {
    match reader.entry(name).map(|entry| entry.dtype) {
        Some(Dtype::BF16) => Ok(SourcePrecision::Bf16),
        Some(Dtype::F16) => Ok(SourcePrecision::F16),
        // Another type is refused, by name, when it is read.
        Some(_) | None => Ok(SourcePrecision::F32),
    }
}

fn refuse_quantised(reader: &CheckpointReader) -> Result<()> {
    let marks = [".absmax", ".SCB", ".qweight", ".weight_scale"];
    match reader.names().find(|name| marks.iter().any(|mark| name.ends_with(mark))) {
        None => Ok(()),
        Some(name) => Err(ModelError::Unsupported {
            what: format!("quantising a model that is quantised already (it has {name})"),
            hint: "use the folder with the model's original weights".to_owned(),
        }),
    }
}
