//! A GGUF file that this program wrote, read back as the decoder's weights. Called by `base::loader`, for
//! measuring what the file says and not what was in memory when it was written.
//!
//! Invariants: nothing is taken on the file's word: the shape in its metadata and every tensor's name, shape
//! and place are those that the exporter would write for the model's config.json, or it is an error that
//! names the file; what is read is finite; no claim makes more memory than a tensor of the model needs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use half::f16;
use rayon::prelude::*;

use super::format::{ALIGNMENT, Q8_0_BLOCK, Q8_0_BYTES, TensorType, VERSION, Value};
use super::names::{self, Planned};
use super::{blocks, parameters};
use crate::checkpoint::damaged;
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::limits::{GGUF_DIMENSIONS_MAX, GGUF_TEXT_BYTES_MAX, GGUF_VALUES_MAX};

/// Where a tensor lies and what it is.
struct Entry {
    shape: Vec<usize>,
    kind: TensorType,
    /// From the start of the file.
    start: u64,
}

/// An open file.
pub(crate) struct GgufFile {
    path: PathBuf,
    file: File,
    tensors: BTreeMap<String, Entry>,
    /// By the checkpoint's name of a tensor.
    plan: BTreeMap<String, Planned>,
}

impl GgufFile {
    /// Opens a file with a whole model of this shape.
    ///
    /// # Errors
    /// `Io` when it cannot be read, `Checkpoint` when it is damaged or of another shape.
    pub(crate) fn open(path: &Path, config: &ModelConfig) -> Result<Self> {
        let io = |error| ModelError::io(path, error);
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let mut header = Header { path, input: BufReader::new(&file), at: 0, size };
        if header.take::<4>()? != *b"GGUF" || header.u32()? != VERSION {
            return Err(damaged(path, format!("it is no GGUF file of version {VERSION}")));
        }
        let (tensor_count, value_count) = (header.u64()?, header.u64()?);
        if value_count > GGUF_VALUES_MAX {
            return Err(damaged(path, format!("its header claims {value_count} values")));
        }
        let found = (0..value_count)
            .map(|_| Ok((header.text()?, header.value()?)))
            .collect::<Result<BTreeMap<String, Option<Value>>>>()?;
        let mut wanted = parameters::of_shape(config)?;
        let architecture = Value::Text(names::architecture(config).to_owned());
        wanted.push(("general.architecture".to_owned(), architecture));
        if let Some((key, _)) =
            wanted.iter().find(|(key, value)| found.get(key) != Some(&Some(value.clone())))
        {
            return Err(damaged(path, format!("its {key} is not the model's")));
        }
        let plan = names::plan(config);
        let divisors = parameters::rope_divisors(config);
        let count = plan.len() + usize::from(divisors.is_some());
        if tensor_count != count as u64 {
            return Err(damaged(path, format!("it has {tensor_count} tensors, the model {count}")));
        }
        let tensors = (0..count).map(|_| header.entry()).collect::<Result<BTreeMap<String, Entry>>>()?;
        let data = header.at.next_multiple_of(ALIGNMENT);
        let tensors = placed(path, tensors, data, size)?;
        let plan = plan.into_iter().map(|planned| (planned.source.clone(), planned)).collect();
        let this = Self { path: path.to_path_buf(), file, tensors, plan };
        if let Some(divisors) = divisors
            && this.values(super::ROPE_DIVISORS, &[divisors.len()])? != divisors
        {
            return Err(damaged(path, "its rotary embedding is not the model's".to_owned()));
        }
        Ok(this)
    }

    /// Where the data begins: behind the header and its padding.
    #[cfg(test)]
    pub(crate) fn data_start(&self) -> u64 {
        self.tensors.values().map(|entry| entry.start).min().unwrap_or(0)
    }

    /// A tensor by the checkpoint's name, in the checkpoint's order of rows.
    ///
    /// # Errors
    /// `Checkpoint` when the file ends early, or the tensor is missing, of another shape or not finite.
    pub(crate) fn read_f32(&self, source: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(planned) = self.plan.get(source) else {
            return Err(damaged(&self.path, format!("it has no tensor for {source}")));
        };
        let values = self.values(&planned.name, shape)?;
        let columns = shape.get(1).copied().unwrap_or(1);
        Ok(match planned.heads {
            Some(heads) => blocks::halves_together(&values, heads, columns),
            None => values,
        })
    }

    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(entry) = self.tensors.get(name).filter(|entry| entry.shape == shape) else {
            return Err(damaged(&self.path, format!("it has no {name} of shape {shape:?}")));
        };
        // The place has been checked, so the product is that of a real file.
        let mut bytes = vec![0; entry.kind.bytes(shape.iter().product())];
        self.file
            .read_exact_at(&mut bytes, entry.start)
            .map_err(|error| ModelError::io(&self.path, error))?;
        let values = decode(entry.kind, &bytes);
        match values.par_iter().position_first(|value| !value.is_finite()) {
            None => Ok(values),
            Some(at) => {
                let reason = format!("{name} holds a value that is not a number or infinite, element {at}");
                Err(damaged(&self.path, reason))
            }
        }
    }
}

/// The values that bytes of a type stand for; each is exact.
fn decode(kind: TensorType, bytes: &[u8]) -> Vec<f32> {
    match kind {
        TensorType::F32 => bytes.as_chunks().0.par_iter().map(|word| f32::from_le_bytes(*word)).collect(),
        TensorType::F16 => {
            bytes.as_chunks().0.par_iter().map(|pair| f16::from_le_bytes(*pair).to_f32()).collect()
        }
        TensorType::Q8_0 => {
            let blocks = bytes.as_chunks::<Q8_0_BYTES>().0;
            let mut values = vec![0.0; blocks.len() * Q8_0_BLOCK];
            values.par_chunks_exact_mut(Q8_0_BLOCK).zip(blocks.par_iter()).for_each(|(values, block)| {
                let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
                for (value, code) in values.iter_mut().zip(&block[2..]) {
                    *value = f32::from(code.cast_signed()) * scale;
                }
            });
            values
        }
    }
}

/// The tensors with their places in the file: side by side from `data` on, to the file's last byte.
fn placed(
    path: &Path,
    mut tensors: BTreeMap<String, Entry>,
    data: u64,
    size: u64,
) -> Result<BTreeMap<String, Entry>> {
    let mut by_place: Vec<(&String, &mut Entry)> = tensors.iter_mut().collect();
    by_place.sort_by_key(|(_, entry)| entry.start);
    let mut end = 0_u64;
    for (name, entry) in by_place {
        let fits = |values: usize| match entry.kind {
            TensorType::Q8_0 => entry.shape.last().is_some_and(|row| row.is_multiple_of(Q8_0_BLOCK)),
            TensorType::F32 | TensorType::F16 => values > 0,
        };
        let count = entry.shape.iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
        // At most four bytes a value.
        let count = count.filter(|count| *count as u64 <= size && fits(*count));
        let Some(count) = count.filter(|_| entry.start == end) else {
            return Err(damaged(path, format!("{name} has a place that does not fit its shape")));
        };
        end = (end + entry.kind.bytes(count) as u64).next_multiple_of(ALIGNMENT);
        entry.start += data;
    }
    if data + end != size {
        return Err(damaged(path, format!("it has {size} bytes, its tensors end at {}", data + end)));
    }
    Ok(tensors)
}

/// What stands before the data.
struct Header<'a, R> {
    path: &'a Path,
    input: R,
    at: u64,
    size: u64,
}

impl<R: Read> Header<'_, R> {
    fn early(&self) -> ModelError {
        damaged(self.path, "its header ends early: it is truncated or damaged".to_owned())
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>> {
        if count > GGUF_TEXT_BYTES_MAX || count > self.size.saturating_sub(self.at) {
            return Err(self.early());
        }
        let mut bytes = vec![0; count as usize];
        self.input.read_exact(&mut bytes).map_err(|error| ModelError::io(self.path, error))?;
        self.at += count;
        Ok(bytes)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes(N as u64)?;
        bytes.try_into().map_err(|_| self.early())
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn text(&mut self) -> Result<String> {
        let length = self.u64()?;
        String::from_utf8(self.bytes(length)?).map_err(|_| self.early())
    }

    /// A typed value; of a list, which says nothing of the weights, nothing is kept.
    fn value(&mut self) -> Result<Option<Value>> {
        let kind = self.u32()?;
        if kind != super::format::ARRAY {
            return self.scalar(kind).map(Some);
        }
        let (kind, count) = (self.u32()?, self.u64()?);
        // Each has a byte at least.
        if count > self.size {
            return Err(self.early());
        }
        for _ in 0..count {
            self.scalar(kind)?;
        }
        Ok(None)
    }

    fn scalar(&mut self, kind: u32) -> Result<Value> {
        Ok(match kind {
            4 => Value::U32(self.u32()?),
            5 => Value::I32s(vec![i32::from_le_bytes(self.take()?)]),
            6 => Value::F32(f32::from_le_bytes(self.take()?)),
            7 => Value::Bool(self.take::<1>()? == [1]),
            8 => Value::Text(self.text()?),
            other => return Err(damaged(self.path, format!("its metadata has a value of type {other}"))),
        })
    }

    fn entry(&mut self) -> Result<(String, Entry)> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        if dimensions > GGUF_DIMENSIONS_MAX {
            return Err(damaged(self.path, format!("{name} has {dimensions} dimensions")));
        }
        let mut shape = (0..dimensions).map(|_| Ok(self.u64()? as usize)).collect::<Result<Vec<usize>>>()?;
        shape.reverse();
        let id = self.u32()?;
        let Some(kind) = TensorType::of_id(id) else {
            return Err(damaged(self.path, format!("{name} is of type {id}, which is not written here")));
        };
        Ok((name, Entry { shape, kind, start: self.u64()? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(bytes: &[u8]) -> Header<'_, &[u8]> {
        Header { path: Path::new("model.gguf"), input: bytes, at: 0, size: bytes.len() as u64 }
    }

    #[test]
    fn texts_and_dimensions_are_taken_up_to_their_bounds_and_no_further() {
        let text = |length: u64| [&length.to_le_bytes()[..], &vec![b'a'; length as usize]].concat();
        assert_eq!(header(&text(GGUF_TEXT_BYTES_MAX)).text().unwrap().len() as u64, GGUF_TEXT_BYTES_MAX);
        assert!(header(&text(GGUF_TEXT_BYTES_MAX + 1)).text().is_err());
        let entry = |dimensions: u32| {
            let sizes = 1_u64.to_le_bytes().repeat(dimensions as usize);
            let behind = [&0_u32.to_le_bytes()[..], &0_u64.to_le_bytes()].concat();
            [text(1), dimensions.to_le_bytes().to_vec(), sizes, behind].concat()
        };
        let (name, found) = header(&entry(GGUF_DIMENSIONS_MAX)).entry().unwrap();
        assert_eq!((name.as_str(), found.shape), ("a", vec![1; GGUF_DIMENSIONS_MAX as usize]));
        let refused = header(&entry(GGUF_DIMENSIONS_MAX + 1)).entry().err().unwrap().to_string();
        assert!(refused.contains("5 dimensions"), "{refused}");
    }
}
