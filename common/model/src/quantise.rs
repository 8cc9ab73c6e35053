//! A model folder in the layout that transformers saves with bitsandbytes: 4-bit NF4 linears,
//! double-quantised scales. Called by `site-agent quantise` and by the coordinator's export, which adds an
//! adapter first; the reading half also by the loader.
//!
//! Invariants: one tensor is in memory at a time, a large one as it is read and a run of it wide; the folder
//! appears as a whole or not at all; embedding, head, norms and biases are copied byte for byte.

mod config;
mod layout;
mod merged;
mod shard;

#[cfg(test)]
mod tests;

use std::path::Path;

use self::config::source_precision;
use self::merged::Merge;
use crate::adapter::Adapter;
use crate::checkpoint::CheckpointReader;
use crate::config::{LinearKind, ModelConfig};
use crate::error::{ModelError, Result};
use crate::export::files::copy_companions;
use crate::export::{Difference, FurtherFile};
use crate::limits;
use crate::nf4::{CodeRule, Nf4Builder, Nf4Weight};
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
    let wanted = Wanted { rule, shard_bytes: limits::SHARD_BYTES_MAX, adapter: None };
    quantise_as(wanted, model_folder, out_folder, |_, _| Ok(Vec::new()))
}

/// As [`quantise_checkpoint`] with [`CodeRule::Cuda`], of the model with `adapter` added: each weight is
/// `W + scaling * B A` in f32, rounded to the type that W has, then to NF4. `further` gives further files
/// once the model is whole and the difference between the sums and what NF4 holds is known; it is called with
/// the place where the model is before it has its name.
///
/// # Errors
/// As [`quantise_checkpoint`], and what `further` returns; also [`ModelError::Adapter`] when the adapter does
/// not fit the model.
pub fn quantise_merged(
    model_folder: &Path,
    adapter: &Adapter,
    out_folder: &Path,
    further: impl FnOnce(&Path, &Difference) -> Result<Vec<FurtherFile>>,
) -> Result<Quantised> {
    let adapter = Some(adapter);
    let wanted = Wanted { rule: CodeRule::Cuda, shard_bytes: limits::SHARD_BYTES_MAX, adapter };
    quantise_as(wanted, model_folder, out_folder, further)
}

/// How a folder is quantised.
struct Wanted<'a> {
    rule: CodeRule,
    shard_bytes: u64,
    /// What is added first.
    adapter: Option<&'a Adapter>,
}

fn quantise_as(
    wanted: Wanted<'_>,
    model_folder: &Path,
    out_folder: &Path,
    further: impl FnOnce(&Path, &Difference) -> Result<Vec<FurtherFile>>,
) -> Result<Quantised> {
    let config = ModelConfig::from_dir(model_folder)?;
    let reader = CheckpointReader::open(model_folder)?;
    refuse_quantised(&reader)?;
    reader.require_tied(&config)?;
    let merge = wanted.adapter.map(|adapter| Merge::new(&config, adapter)).transpose()?;
    let linears: Vec<String> = (0..config.num_layers)
        .flat_map(|layer| LinearKind::ALL.map(|kind| format!("{}.weight", kind.module_name(layer))))
        .collect();
    if let Some(name) = linears.iter().find(|name| reader.entry(name).is_none()) {
        return Err(ModelError::MissingTensor { path: model_folder.to_path_buf(), name: name.clone() });
    }
    let precision = source_precision(&reader, &linears[0])?;
    let out_config = config::with_quantisation(model_folder, precision)?;
    let is_linear = |name: &str| linears.iter().any(|linear| linear == name);
    let layout = layout::lay_out(&reader, &is_linear, wanted.shard_bytes)?;
    let staged = StagedFolder::create(out_folder)?;
    let mut bytes_after = 0;
    let mut difference = Difference::default();
    for (file_name, shard) in &layout.files {
        let mut file = shard::ShardWriter::create(&staged.path(file_name), shard)?;
        for source in &shard.sources {
            if source.is_linear {
                let shape = layout::matrix(&reader, &source.name)?;
                let weight = match &merge {
                    Some(merge) => merge.read_nf4(&reader, &source.name, shape, &mut difference)?,
                    None => read_nf4(&reader, &source.name, shape, wanted.rule)?,
                };
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
    for (name, bytes) in further(staged.folder(), &difference)? {
        staged.write(name, &bytes)?;
    }
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
