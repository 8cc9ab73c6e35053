//! Reads Hugging Face checkpoints: `model.safetensors`, or shards listed in `model.safetensors.index.json`.
//! Called by the base loader and by the merged export. Tensors are read one at a time with positioned reads, not
//! mapped: peak memory is one tensor, and a file that shrinks under us is an error, not a signal.
//!
//! Invariants: every tensor's bytes lie inside its file; a tensor that the index promises is in its shard.

mod file;
#[cfg(test)]
mod tests;

use crate::error::{ModelError, Result};
use crate::limits::MAX_JSON_BYTES;
use file::ShardFile;
use half::{bf16, f16};
pub use safetensors::Dtype;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Where a tensor lies and what it is.
#[derive(Debug, Clone)]
pub struct TensorEntry {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    shard: usize,
    /// Byte range from the start of the file.
    start: u64,
    length: usize,
}

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
    /// Opens the checkpoint in a model folder and reads its headers.
    ///
    /// # Errors
    /// `Io` when a file is missing, `Checkpoint` when a header is damaged, a file is truncated, or the index and a
    /// shard disagree.
    pub fn open(dir: &Path) -> Result<Self> {
        let index_path = dir.join("model.safetensors.index.json");
        let mut reader = Self { dir: dir.to_path_buf(), shards: Vec::new(), tensors: BTreeMap::new() };
        if !index_path.exists() {
            reader.add_shard(&dir.join("model.safetensors"))?;
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

    /// A dense tensor widened to f32 (exact for f32, bf16 and f16), with the type it had.
    ///
    /// # Errors
    /// `MissingTensor`; `Checkpoint` when shape or type differ from what the config asks for.
    pub fn read_f32(&self, name: &str, shape: &[usize]) -> Result<(Vec<f32>, Dtype)> {
        let entry = self.require(name)?;
        if entry.shape != shape {
            let reason = format!("{name} has shape {:?}, but config.json asks for {shape:?}", entry.shape);
            return Err(self.damage(name, reason));
        }
        let dtype = entry.dtype;
        let bytes = self.read_bytes(name)?;
        let values = widen(&bytes, dtype).ok_or_else(|| {
            self.damage(name, format!("{name} has type {dtype:?}; f32, bf16 or f16 is needed"))
        })?;
        Ok((values, dtype))
    }

    /// A `Checkpoint` error about the file that holds a tensor.
    #[must_use]
    pub fn damage(&self, name: &str, reason: String) -> ModelError {
        let path = self.entry(name).map_or(self.dir.as_path(), |entry| self.shards[entry.shard].path());
        damaged(path, reason)
    }
}

fn widen(bytes: &[u8], dtype: Dtype) -> Option<Vec<f32>> {
    let pairs = bytes.as_chunks::<2>().0;
    Some(match dtype {
        Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
        Dtype::BF16 => pairs.iter().map(|pair| bf16::from_le_bytes(*pair).to_f32()).collect(),
        Dtype::F16 => pairs.iter().map(|pair| f16::from_le_bytes(*pair).to_f32()).collect(),
        _ => return None,
    })
}

fn read_index(path: &Path) -> Result<Index> {
    let size = std::fs::metadata(path).map_err(|error| ModelError::io(path, error))?.len();
    if size > MAX_JSON_BYTES {
        return Err(damaged(path, format!("it has {size} bytes; at most {MAX_JSON_BYTES} are read")));
    }
    let text = std::fs::read(path).map_err(|error| ModelError::io(path, error))?;
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

pub(crate) fn damaged(path: &Path, reason: String) -> ModelError {
    ModelError::Checkpoint { path: path.to_path_buf(), reason }
}
