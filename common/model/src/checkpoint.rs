//! Reads Hugging Face checkpoints: `model.safetensors`, or shards listed in `model.safetensors.index.json`.
//! Called by the base loader and by the merged export. Tensors are read one at a time with positioned reads,
//! not mapped: peak memory is one tensor, and a file that shrinks under us is an error, not a signal.
//!
//! Invariants: every tensor's bytes lie inside its file; a tensor that the index promises is in its shard; of
//! two sets of weights in a folder those are taken that transformers takes; what is read is finite.

mod file;
mod tied;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use half::{bf16, f16};
use rayon::prelude::*;
use serde::Deserialize;

use self::file::ShardFile;
use crate::bounded;
use crate::error::{ModelError, Result};
use crate::limits::JSON_BYTES_MAX;

pub use safetensors::Dtype;

pub use self::file::TensorEntry;
pub(crate) use self::file::damaged;

/// Elements read at a time: 8 MiB of f32, whole blocks of every quantisation.
pub const RUN_ELEMENTS: usize = 2 << 20;
/// Elements that a task widens: enough to pay for the hand-over.
const WIDEN_A_TASK: usize = 64 << 10;

/// An open checkpoint.
#[derive(Debug)]
pub struct CheckpointReader {
    dir: PathBuf,
    shards: Vec<ShardFile>,
    tensors: BTreeMap<String, TensorEntry>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl CheckpointReader {
    /// Opens the checkpoint in a model folder and reads its headers. Where there are both, the single file
    /// counts and not the index, as in transformers (`_get_resolved_checkpoint_files`).
    ///
    /// # Errors
    /// `Io` when a file is missing, `Unsupported` when there are only weights in PyTorch's format,
    /// `Checkpoint` when a header is damaged, a file is truncated, or the index and a shard disagree.
    pub fn open(dir: &Path) -> Result<Self> {
        let index_path = dir.join("model.safetensors.index.json");
        let mut reader = Self { dir: dir.to_path_buf(), shards: Vec::new(), tensors: BTreeMap::new() };
        let single = dir.join("model.safetensors");
        if single.exists() || !index_path.exists() {
            refuse_pickled(dir, &single)?;
            reader.add_shard(&single)?;
            return Ok(reader);
        }
        let index = read_index(&index_path)?;
        let mut names: Vec<&String> = index.weight_map.values().collect();
        names.sort();
        names.dedup();
        for name in names {
            reader.add_shard(&dir.join(shard_name(name, &index_path)?))?;
        }
        for (tensor, shard) in &index.weight_map {
            let entry = reader.tensors.get(tensor);
            if entry.is_none_or(|entry| reader.shards[entry.shard].path() != dir.join(shard)) {
                return Err(damaged(
                    &dir.join(shard),
                    format!("the index places {tensor} in it, but it is not there"),
                ));
            }
        }
        Ok(reader)
    }

    fn add_shard(&mut self, path: &Path) -> Result<()> {
        let (shard, header) = ShardFile::open(path)?;
        for (name, entry) in header {
            let entry = TensorEntry { shard: self.shards.len(), ..entry };
            if self.tensors.insert(name.clone(), entry).is_some() {
                return Err(damaged(path, format!("the tensor {name} is also in another file")));
            }
        }
        self.shards.push(shard);
        Ok(())
    }

    /// Type and shape of a tensor, or `None` when there is none of that name.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&TensorEntry> {
        self.tensors.get(name)
    }

    /// All tensor names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    fn require(&self, name: &str) -> Result<&TensorEntry> {
        self.entry(name)
            .ok_or_else(|| ModelError::MissingTensor { path: self.dir.clone(), name: name.to_owned() })
    }

    /// A tensor's bytes, little-endian, row-major.
    ///
    /// # Errors
    /// `MissingTensor`, or `Checkpoint` when the file ends early.
    pub fn read_bytes(&self, name: &str) -> Result<Vec<u8>> {
        let entry = self.require(name)?;
        self.shards[entry.shard].read(entry.start, entry.length)
    }

    /// A part of a tensor's bytes.
    ///
    /// # Errors
    /// As [`Self::read_bytes`]; also when the part is not inside the tensor.
    pub fn read_part(&self, name: &str, start: usize, length: usize) -> Result<Vec<u8>> {
        let entry = self.require(name)?;
        if start.checked_add(length).is_none_or(|end| end > entry.length) {
            return Err(self.damage(name, format!("{name} has only {} bytes", entry.length)));
        }
        self.shards[entry.shard].read(entry.start + start as u64, length)
    }

    /// A dense tensor widened to f32 (exact for f32, bf16 and f16), with the type it had.
    ///
    /// # Errors
    /// `MissingTensor`; `Checkpoint` when shape or type differ from what the config asks for.
    pub fn read_f32(&self, name: &str, shape: &[usize]) -> Result<(Vec<f32>, Dtype)> {
        let mut values = Vec::with_capacity(self.elements(name, shape)?);
        let dtype = self.for_runs(name, shape, |run| {
            values.extend_from_slice(run);
            Ok(())
        })?;
        Ok((values, dtype))
    }

    /// [`Self::read_f32`] in runs of [`RUN_ELEMENTS`], in order, so that a table is never in memory twice.
    ///
    /// # Errors
    /// As [`Self::read_f32`], and what `use_run` returns.
    pub fn for_runs(
        &self,
        name: &str,
        shape: &[usize],
        mut use_run: impl FnMut(&[f32]) -> Result<()>,
    ) -> Result<Dtype> {
        let elements = self.elements(name, shape)?;
        let dtype = self.require(name)?.dtype;
        let size = dtype.bitsize() / 8;
        let mut run = Vec::new();
        for first in (0..elements).step_by(RUN_ELEMENTS) {
            let count = RUN_ELEMENTS.min(elements - first);
            let bytes = self.read_part(name, first * size, count * size)?;
            run.resize(count, 0.0);
            if !widen(&bytes, dtype, &mut run) {
                return Err(
                    self.damage(name, format!("{name} has type {dtype:?}, expected F32, BF16 or F16"))
                );
            }
            if let Some(at) = run.par_iter().position_first(|value| !value.is_finite()) {
                let element = first + at;
                let reason =
                    format!("{name} holds a value that is not a number or infinite, element {element}");
                return Err(self.damage(name, reason));
            }
            use_run(&run)?;
        }
        Ok(dtype)
    }

    /// Elements of a tensor that must have this shape.
    fn elements(&self, name: &str, shape: &[usize]) -> Result<usize> {
        let entry = self.require(name)?;
        if entry.shape != shape {
            let reason = format!("{name} has shape {:?}, but config.json asks for {shape:?}", entry.shape);
            return Err(self.damage(name, reason));
        }
        // The header's shape fits the file, so the product cannot overflow.
        Ok(shape.iter().product())
    }

    /// A `Checkpoint` error about the file that holds a tensor.
    #[must_use]
    pub fn damage(&self, name: &str, reason: String) -> ModelError {
        let path = self.entry(name).map_or(self.dir.as_path(), |entry| self.shards[entry.shard].path());
        damaged(path, reason)
    }
}

/// Whether the type is one that widens exactly; if so, `values` holds the elements.
fn widen(bytes: &[u8], dtype: Dtype, values: &mut [f32]) -> bool {
    fn each<const N: usize>(bytes: &[u8], values: &mut [f32], of: impl Fn([u8; N]) -> f32 + Sync) {
        let inputs = bytes.as_chunks::<N>().0.par_chunks(WIDEN_A_TASK);
        inputs.zip(values.par_chunks_mut(WIDEN_A_TASK)).for_each(|(inputs, values)| {
            for (input, value) in inputs.iter().zip(values) {
                *value = of(*input);
            }
        });
    }
    match dtype {
        Dtype::F32 => each(bytes, values, f32::from_le_bytes),
        Dtype::BF16 => each(bytes, values, |pair| bf16::from_le_bytes(pair).to_f32()),
        Dtype::F16 => each(bytes, values, |pair| f16::from_le_bytes(pair).to_f32()),
        _ => return false,
    }
    true
}

/// A folder whose weights are in PyTorch's format only: they are programs, which nobody should run.
fn refuse_pickled(dir: &Path, single: &Path) -> Result<()> {
    let is_pickled = |name: &str| name.starts_with("pytorch_model") && name.contains(".bin");
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let pickled = names.filter_map(|name| name.into_string().ok()).find(|name| is_pickled(name));
    match pickled {
        Some(name) if !single.exists() => Err(ModelError::Unsupported {
            what: format!("a checkpoint in PyTorch's format ({name} in {}; only safetensors are read)", dir.display()),
            hint: "convert it on a machine with transformers: python -c \"import sys; from transformers import AutoModelForCausalLM as M; M.from_pretrained(sys.argv[1], torch_dtype='auto').save_pretrained(sys.argv[2])\" FOLDER NEW_FOLDER, and copy the tokenizer files"
                .to_owned(),
        }),
        _ => Ok(()),
    }
}

fn read_index(path: &Path) -> Result<Index> {
    let text = bounded::read(path, JSON_BYTES_MAX)?;
    serde_json::from_slice(&text).map_err(|error| damaged(path, error.to_string()))
}

/// A shard is a plain file name: an index must not make us read outside the model folder.
fn shard_name<'a>(name: &'a str, index: &Path) -> Result<&'a str> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(name),
        _ => Err(damaged(index, format!("{name:?} is not the name of a file in the same folder"))),
    }
}
