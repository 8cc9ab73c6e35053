//! safetensors files written tensor by tensor, so that a model larger than memory can be exported, and the
//! split into several files with an index. Called by `export`. Invariant: header and data agree because both
//! come from one layout; all tensors are bf16, in order of names.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::json;

use crate::error::{ModelError, Result};

/// One tensor of the result; bf16.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    bytes: u64,
}

/// One file of the result.
pub(super) struct Shard {
    pub(super) file_name: String,
    tensors: Vec<Tensor>,
}

/// All files of the result.
pub(super) struct ShardLayout {
    pub(super) shards: Vec<Shard>,
}

/// Fills files in order of names; a file exceeds `shard_bytes` only if a single tensor does.
pub(super) fn lay_out(tensors: impl Iterator<Item = (String, Vec<usize>)>, shard_bytes: u64) -> ShardLayout {
    let mut groups: Vec<Vec<Tensor>> = vec![Vec::new()];
    let mut filled = 0;
    for (name, shape) in tensors {
        let bytes = shape.iter().map(|size| *size as u64).product::<u64>() * 2;
        if filled > 0 && filled + bytes > shard_bytes {
            groups.push(Vec::new());
            filled = 0;
        }
        filled += bytes;
        if let Some(group) = groups.last_mut() {
            group.push(Tensor { name, shape, bytes });
        }
    }
    let count = groups.len();
    let file_name = |index: usize| match count {
        1 => "model.safetensors".to_owned(),
        _ => format!("model-{:05}-of-{count:05}.safetensors", index + 1),
    };
    let shards = groups
        .into_iter()
        .enumerate()
        .map(|(index, tensors)| Shard { file_name: file_name(index), tensors })
        .collect();
    ShardLayout { shards }
}

impl ShardLayout {
    /// The index that tells which file holds which tensor; `None` for a single file.
    pub(super) fn index_json(&self) -> Option<String> {
        if self.shards.len() == 1 {
            return None;
        }
        let tensors = || self.shards.iter().flat_map(|shard| shard.tensors.iter().map(move |t| (shard, t)));
        let map: BTreeMap<&str, &str> =
            tensors().map(|(shard, tensor)| (tensor.name.as_str(), shard.file_name.as_str())).collect();
        let total: u64 = tensors().map(|(_, tensor)| tensor.bytes).sum();
        Some(format!("{:#}\n", json!({"metadata": {"total_size": total}, "weight_map": map})))
    }
}

/// Writes one file; `bytes_of` gives a tensor's little-endian bf16 bytes.
pub(super) fn write_shard(
    path: &Path,
    shard: &Shard,
    bytes_of: impl Fn(&Tensor) -> Result<Vec<u8>>,
) -> Result<()> {
    let internal = |reason: String| ModelError::Internal { reason };
    let mut offset = 0_usize;
    let mut infos = Vec::with_capacity(shard.tensors.len());
    for tensor in &shard.tensors {
        let length = usize::try_from(tensor.bytes).map_err(|error| internal(error.to_string()))?;
        let data_offsets = (offset, offset + length);
        offset += length;
        infos.push((
            tensor.name.clone(),
            TensorInfo { dtype: Dtype::BF16, shape: tensor.shape.clone(), data_offsets },
        ));
    }
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let metadata = Metadata::new(Some(format), infos).map_err(|error| internal(error.to_string()))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|error| internal(error.to_string()))?;
    // The data must begin on a multiple of eight bytes.
    header.resize(header.len().next_multiple_of(8), b' ');

    let io = |error| ModelError::io(path, error);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(io)?);
    file.write_all(&(header.len() as u64).to_le_bytes()).map_err(io)?;
    file.write_all(&header).map_err(io)?;
    for tensor in &shard.tensors {
        let bytes = bytes_of(tensor)?;
        if bytes.len() as u64 != tensor.bytes {
            return Err(internal(format!("{} came out with {} bytes", tensor.name, bytes.len())));
        }
        file.write_all(&bytes).map_err(io)?;
    }
    file.flush().map_err(io)
}
