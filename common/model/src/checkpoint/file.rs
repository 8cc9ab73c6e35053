//! One safetensors file: its header, checked against the file's length, and positioned reads from it. Called
//! by [`super::CheckpointReader`]. Invariant: after `open`, every entry's byte range was inside the file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::error::{ModelError, Result};
use crate::limits::JSON_BYTES_MAX;

/// Where a tensor lies and what it is.
#[derive(Debug, Clone)]
pub struct TensorEntry {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    pub(super) shard: usize,
    /// Byte range from the start of the file.
    pub(super) start: u64,
    pub(super) length: usize,
}

impl TensorEntry {
    /// Bytes in the file.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.length
    }
}

/// One open file.
#[derive(Debug)]
pub(super) struct ShardFile {
    path: PathBuf,
    file: File,
}

impl ShardFile {
    /// Opens a file and returns its tensors; `shard` in the entries is left 0.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<(String, TensorEntry)>)> {
        let io = |error| ModelError::io(path, error);
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let shard = Self { path: path.to_path_buf(), file };
        if size < 8 {
            return Err(damaged(path, format!("it has only {size} bytes")));
        }
        let mut length = [0_u8; 8];
        shard.file.read_exact_at(&mut length, 0).map_err(io)?;
        let length = u64::from_le_bytes(length);
        if length > size - 8 || length > JSON_BYTES_MAX {
            return Err(damaged(path, format!("its header claims {length} bytes, the file has {size}")));
        }
        let header = shard.read(8, length as usize)?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| damaged(path, format!("its header: {error}")))?;
        let data_start = 8 + length;
        let mut entries = Vec::new();
        for (name, info) in metadata.tensors() {
            let (start, end) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
            if start > end || end > size - data_start {
                let reason = format!(
                    "{name} ends at byte {end}, but the file has {}: it is truncated",
                    size - data_start
                );
                return Err(damaged(path, reason));
            }
            let elements = info.shape.iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
            let bits = elements.and_then(|elements| elements.checked_mul(info.dtype.bitsize()));
            if bits != Some((end - start) as usize * 8) {
                return Err(damaged(path, format!("{name} has a byte range that does not fit its shape")));
            }
            let entry = TensorEntry {
                dtype: info.dtype,
                shape: info.shape.clone(),
                shard: 0,
                start: data_start + start,
                length: (end - start) as usize,
            };
            entries.push((name, entry));
        }
        Ok((shard, entries))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn read(&self, start: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                damaged(&self.path, "it ends early: it is truncated".to_owned())
            }
            _ => ModelError::io(&self.path, error),
        })?;
        Ok(bytes)
    }
}

/// The error of a damaged file.
pub(crate) fn damaged(path: &Path, reason: String) -> ModelError {
    ModelError::Checkpoint { path: path.to_path_buf(), reason }
}
