//! A checkpoint read tensor by tensor with plain file reads: unlike the engine's memory map, reading reports a disk
//! error as an error. Called by `export`. Invariant: every entry's bytes lie inside its file, which was checked when
//! the header was read; single files and shards with an index look the same from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::error::{ModelError, Result};
use crate::limits;

/// One tensor of a checkpoint and where it is.
#[derive(Debug, Clone)]
pub(super) struct TensorEntry {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) path: PathBuf,
    dtype: Dtype,
    /// First byte in the file, and length.
    start: u64,
    length: usize,
}

impl TensorEntry {
    /// Number of values.
    pub(super) fn elements(&self) -> u64 {
        self.shape.iter().map(|size| *size as u64).product()
    }
}

/// All tensors of a model folder.
pub(super) struct CheckpointFiles {
    tensors: BTreeMap<String, TensorEntry>,
}

impl CheckpointFiles {
    /// Reads the headers of `model.safetensors`, or of the files that `model.safetensors.index.json` names.
    pub(super) fn open(model_folder: &Path) -> Result<Self> {
        let single = model_folder.join("model.safetensors");
        let index = model_folder.join("model.safetensors.index.json");
        let mut tensors = BTreeMap::new();
        if single.exists() || !index.exists() {
            tensors = read_header(&single)?;
        } else {
            let map = read_index(&index)?;
            for file_name in map.values().collect::<BTreeSet<_>>() {
                tensors.extend(read_header(&model_folder.join(file_name))?);
            }
            if let Some(name) = map.keys().find(|name| !tensors.contains_key(*name)) {
                return Err(ModelError::MissingTensor {
                    path: model_folder.to_path_buf(),
                    name: name.clone(),
                });
            }
        }
        Ok(Self { tensors })
    }

    /// In order of names.
    pub(super) fn tensors(&self) -> impl Iterator<Item = &TensorEntry> {
        self.tensors.values()
    }

    /// One tensor's values, widened to f32.
    pub(super) fn read_f32(&self, tensor: &TensorEntry) -> Result<Vec<f32>> {
        let mut bytes = vec![0; tensor.length];
        File::open(&tensor.path)
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(tensor.start))?;
                file.read_exact(&mut bytes)
            })
            .map_err(|error| ModelError::io(&tensor.path, error))?;
        let pairs = || bytes.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
        match tensor.dtype {
            Dtype::BF16 => Ok(pairs().map(|pair| bf16::from_le_bytes(pair).to_f32()).collect()),
            Dtype::F16 => Ok(pairs().map(|pair| f16::from_le_bytes(pair).to_f32()).collect()),
            Dtype::F32 => {
                let fours = bytes.chunks_exact(4);
                Ok(fours.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
            }
            other => Err(ModelError::Unsupported {
                what: format!("the type {other:?} of the tensor {} in a merged export", tensor.name),
                hint: "use a base model saved in f32, f16 or bf16".to_owned(),
            }),
        }
    }
}

/// `weight_map` of an index: tensor name to file name, which must not leave the folder.
fn read_index(path: &Path) -> Result<BTreeMap<String, String>> {
    let fault = |reason: String| ModelError::Checkpoint { path: path.to_path_buf(), reason };
    let bytes = std::fs::read(path).map_err(|error| ModelError::io(path, error))?;
    let index: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
    let map = index.get("weight_map").and_then(|map| map.as_object());
    let map = map.ok_or_else(|| fault("it has no weight_map".to_owned()))?;
    map.iter()
        .map(|(name, file)| match file.as_str() {
            Some(file) if Path::new(file).file_name() == Some(file.as_ref()) => {
                Ok((name.clone(), file.to_owned()))
            }
            _ => Err(fault(format!("its entry for {name} is not the name of a file beside it"))),
        })
        .collect()
}

fn read_header(path: &Path) -> Result<BTreeMap<String, TensorEntry>> {
    let damaged = |reason: String| ModelError::Checkpoint { path: path.to_path_buf(), reason };
    let mut file = File::open(path).map_err(|error| ModelError::io(path, error))?;
    let file_length = file.metadata().map_err(|error| ModelError::io(path, error))?.len();
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix).map_err(|_| damaged("it is shorter than a header".to_owned()))?;
    let header_length = u64::from_le_bytes(prefix);
    if header_length > limits::MAX_JSON_BYTES || header_length + 8 > file_length {
        return Err(damaged(format!("its header claims {header_length} bytes")));
    }
    let mut header = Vec::new();
    (&mut file).take(header_length).read_to_end(&mut header).map_err(|error| ModelError::io(path, error))?;
    // Reading it validates it: no gaps, no overlaps, lengths that agree with shapes and types.
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
    let data_start = 8 + header_length;
    if data_start + metadata.data_len() as u64 != file_length {
        let expected = data_start + metadata.data_len() as u64;
        return Err(damaged(format!("it has {file_length} bytes, its header describes {expected}")));
    }
    let entry = |(name, info): (String, &TensorInfo)| {
        let (from, to) = info.data_offsets;
        let entry = TensorEntry {
            name: name.clone(),
            shape: info.shape.clone(),
            path: path.to_path_buf(),
            dtype: info.dtype,
            start: data_start + from as u64,
            length: to - from,
        };
        (name, entry)
    };
    Ok(metadata.tensors().into_iter().map(entry).collect())
}
