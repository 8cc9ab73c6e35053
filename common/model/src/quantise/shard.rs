//! One safetensors file whose tensors are written as they are made, at places planned before. Called by
//! `quantise`. Invariants: the header is written last, into a space that was left for it; nothing overlaps
//! and there is no hole.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::config::torch_name;
use super::layout::{Part, STATE, Shard};
use crate::checkpoint::CheckpointReader;
use crate::error::{ModelError, Result};
use crate::limits::QUANTISATION_STATE_BYTES_MAX;
use crate::nf4::table::{BLOCK, CODES, DYNAMIC_MAP, NESTED_BLOCK};
use crate::nf4::{Absmax, Nf4Weight};

/// Bytes copied at a time.
const COPY_BYTES: usize = 16 << 20;

pub(super) struct ShardWriter<'a> {
    file: File,
    path: PathBuf,
    shard: &'a Shard,
    /// Start of each part from the start of the data, by name.
    places: BTreeMap<&'a str, (usize, usize)>,
    states: BTreeMap<String, Vec<u8>>,
    /// Where the data begin.
    data: usize,
}

impl<'a> ShardWriter<'a> {
    pub(super) fn create(path: &Path, shard: &'a Shard) -> Result<Self> {
        let file = File::create(path).map_err(|error| ModelError::io(path, error))?;
        let mut places = BTreeMap::new();
        let mut end = 0;
        for part in &shard.parts {
            places.insert(part.name.as_str(), (end, part.bytes));
            end += part.bytes;
        }
        // Longer than the real header: its states have the most bytes and therefore the most digits.
        let longest = vec![QUANTISATION_STATE_BYTES_MAX; shard.states.len()];
        let data = 8 + header(shard, &longest)?.len().next_multiple_of(8);
        Ok(Self { file, path: path.to_path_buf(), shard, places, states: BTreeMap::new(), data })
    }

    /// Writes a part, or its bytes from `offset` on.
    fn write(&self, name: &str, offset: usize, bytes: &[u8]) -> Result<()> {
        let place = self.places.get(name).filter(|(_, length)| offset + bytes.len() <= *length);
        let Some((start, _)) = place else {
            return Err(ModelError::Internal { reason: format!("{name} does not fit its place") });
        };
        let at = (self.data + start + offset) as u64;
        self.file.write_all_at(bytes, at).map_err(|error| ModelError::io(&self.path, error))
    }

    /// Copies a tensor as it is.
    pub(super) fn copy(&mut self, reader: &CheckpointReader, name: &str) -> Result<()> {
        let length = reader.entry(name).map_or(0, |entry| entry.bytes());
        for start in (0..length).step_by(COPY_BYTES) {
            let bytes = reader.read_part(name, start, COPY_BYTES.min(length - start))?;
            self.write(name, start, &bytes)?;
        }
        Ok(())
    }

    /// Writes the six tensors of a quantised weight.
    pub(super) fn write_nf4(&mut self, name: &str, weight: &Nf4Weight) -> Result<()> {
        let Absmax::Quantised { codes, nested, offset } = weight.absmax() else {
            return Err(ModelError::Internal { reason: format!("the scales of {name} are not quantised") });
        };
        self.write(name, 0, weight.packed())?;
        self.write(&format!("{name}.absmax"), 0, codes)?;
        self.write(&format!("{name}.nested_absmax"), 0, &floats(nested))?;
        self.write(&format!("{name}.nested_quant_map"), 0, &floats(&DYNAMIC_MAP))?;
        self.write(&format!("{name}.quant_map"), 0, &floats(&CODES))?;
        let [out, input] = weight.shape();
        // As Python's json.dumps writes it, byte for byte: the f32 with the digits of an f64.
        let state = format!(
            "{{\"quant_type\": \"nf4\", \"blocksize\": {BLOCK}, \"dtype\": \"{}\", \"shape\": [{out}, {input}], \
             \"nested_blocksize\": {NESTED_BLOCK}, \"nested_dtype\": \"float32\", \"nested_offset\": {}}}",
            torch_name(weight.precision()),
            serde_json::json!(f64::from(*offset)),
        );
        self.states.insert(format!("{name}{STATE}"), state.into_bytes());
        Ok(())
    }

    /// Writes the states and the header; bytes of all tensors.
    pub(super) fn finish(self) -> Result<u64> {
        let internal = |reason: &str| ModelError::Internal { reason: reason.to_owned() };
        let lengths: Vec<usize> = self
            .shard
            .states
            .iter()
            .map(|name| {
                self.states.get(name).map(Vec::len).filter(|length| *length <= QUANTISATION_STATE_BYTES_MAX)
            })
            .collect::<Option<_>>()
            .ok_or_else(|| internal("a quantisation state is missing or too long"))?;
        let mut header = header(self.shard, &lengths)?;
        if header.len() + 8 > self.data {
            return Err(internal("the header outgrew its place"));
        }
        header.resize(self.data - 8, b' ');
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        let io = |error| ModelError::io(&self.path, error);
        self.file.write_all_at(&bytes, 0).map_err(io)?;
        let mut end: usize = self.shard.parts.iter().map(|part| part.bytes).sum();
        for name in &self.shard.states {
            let state = self.states.get(name).map(Vec::as_slice).unwrap_or_default();
            self.file.write_all_at(state, (self.data + end) as u64).map_err(io)?;
            end += state.len();
        }
        Ok(end as u64)
    }
}

/// The header for states of these lengths.
fn header(shard: &Shard, state_bytes: &[usize]) -> Result<Vec<u8>> {
    let internal = |reason: String| ModelError::Internal { reason };
    let states = shard.states.iter().zip(state_bytes).map(|(name, bytes)| Part {
        name: name.clone(),
        dtype: Dtype::U8,
        shape: vec![*bytes],
        bytes: *bytes,
    });
    let mut offset = 0;
    let infos = shard.parts.iter().cloned().chain(states).map(|part| {
        let data_offsets = (offset, offset + part.bytes);
        offset += part.bytes;
        (part.name, TensorInfo { dtype: part.dtype, shape: part.shape, data_offsets })
    });
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let metadata =
        Metadata::new(Some(format), infos.collect()).map_err(|error| internal(error.to_string()))?;
    serde_json::to_vec(&metadata).map_err(|error| internal(error.to_string()))
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
