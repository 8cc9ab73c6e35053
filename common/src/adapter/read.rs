//! Reads an adapter file in blocks, after its header was checked against the manifest.
//!
//! Called by the coordinator (`intake`, `aggregate`) and the site agent (`protect`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::AdapterError;
use super::header::{self, ELEMENT_BYTES};
use crate::limits::{ADAPTER_BYTES_MAX, ADAPTER_VALUE_MAX, SAFETENSORS_HEADER_BYTES_MAX};
use crate::run::TensorSpec;

/// Elements read at once while checking: 256 KiB.
const BLOCK_ELEMENTS: usize = 64 * 1024;
/// Bytes read at once: they stay in the processor's first-level cache until they are values.
const READ_BYTES: usize = 16 * 1024;

/// An open adapter whose header matches the manifest.
#[derive(Debug)]
pub struct AdapterReader {
    file: File,
    data_start: u64,
    tensors: Vec<(TensorSpec, u64)>,
}

/// What a full pass over the values found.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueSummary {
    /// Euclidean norm over all values.
    pub norm: f64,
    /// Largest absolute value.
    pub largest: f32,
    /// Each tensor's own norm, in the manifest's order.
    pub tensors: Vec<TensorNorm>,
}

/// The size of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorNorm {
    /// Its name in the manifest.
    pub name: String,
    /// Euclidean norm over its values.
    pub norm: f64,
    /// How many values it has.
    pub elements: usize,
}

impl AdapterReader {
    /// Opens `path` and checks its header against `expected`. Values are not looked at yet.
    ///
    /// # Errors
    /// [`AdapterError::Io`] when the file cannot be read; otherwise the first way in which its header is not
    /// that of `expected`: size or length ([`AdapterError::Header`]), names ([`AdapterError::TensorSet`]), or
    /// element type and shape ([`AdapterError::Shape`]).
    pub fn open(path: &Path, expected: &[TensorSpec]) -> Result<Self, AdapterError> {
        Self::of_file(File::open(path)?, expected)
    }

    /// As [`Self::open`], of a file that the caller has opened, and so is the one that it looked at.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_file(file: File, expected: &[TensorSpec]) -> Result<Self, AdapterError> {
        let length = file.metadata()?.len();
        if !(8..=ADAPTER_BYTES_MAX).contains(&length) {
            return Err(AdapterError::Header("its size is impossible"));
        }
        let mut prefix = [0; 8];
        file.read_exact_at(&mut prefix, 0)?;
        let header_bytes = u64::from_le_bytes(prefix);
        if header_bytes > SAFETENSORS_HEADER_BYTES_MAX as u64 || header_bytes > length - 8 {
            return Err(AdapterError::Header("its header is too long"));
        }
        let mut json = vec![0; header_bytes as usize];
        file.read_exact_at(&mut json, 8)?;
        let data_start = 8 + header_bytes;
        let offsets = header::parse(&json, length - data_start, expected)?;
        let tensors = expected.iter().cloned().zip(offsets).collect();
        Ok(Self { file, data_start, tensors })
    }

    /// The tensors, in the manifest's order.
    pub fn tensors(&self) -> impl Iterator<Item = &TensorSpec> {
        self.tensors.iter().map(|(spec, _)| spec)
    }

    /// Fills `values` with elements `first..first + values.len()` of tensor number `index`.
    ///
    /// # Errors
    /// [`AdapterError::TensorSet`] when there is no such tensor, [`AdapterError::Shape`] when the range is
    /// outside it, [`AdapterError::Io`] when the file cannot be read or has become shorter.
    pub fn read(&self, index: usize, first: usize, values: &mut [f32]) -> Result<(), AdapterError> {
        let Some((spec, offset)) = self.tensors.get(index) else {
            return Err(AdapterError::TensorSet(format!("there is no tensor number {index}")));
        };
        if first.saturating_add(values.len()) > spec.shape[0] * spec.shape[1] {
            return Err(AdapterError::Shape { name: spec.name.clone(), expected: spec.shape });
        }
        let mut bytes = [0; READ_BYTES];
        let mut at = self.data_start + offset + first as u64 * ELEMENT_BYTES;
        for values in values.chunks_mut(READ_BYTES / ELEMENT_BYTES as usize) {
            let bytes = &mut bytes[..values.len() * ELEMENT_BYTES as usize];
            self.file.read_exact_at(bytes, at)?;
            at += bytes.len() as u64;
            for (value, word) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*word);
            }
        }
        Ok(())
    }

    /// All of tensor number `index`, row-major.
    ///
    /// # Errors
    /// [`AdapterError::TensorSet`] when there is no such tensor, [`AdapterError::Io`] when the file cannot be
    /// read.
    pub fn read_whole(&self, index: usize) -> Result<Vec<f32>, AdapterError> {
        let elements = self.tensors.get(index).map_or(0, |(spec, _)| spec.shape[0] * spec.shape[1]);
        let mut values = vec![0.0; elements];
        self.read(index, 0, &mut values)?;
        Ok(values)
    }

    /// Looks at every value: finite and at most [`ADAPTER_VALUE_MAX`] in size.
    ///
    /// # Errors
    /// [`AdapterError::Value`] names the first tensor with a value that is not; [`AdapterError::Io`] when the
    /// file cannot be read.
    pub fn check_values(&self) -> Result<ValueSummary, AdapterError> {
        let mut largest = 0.0_f32;
        let mut block = vec![0.0; BLOCK_ELEMENTS];
        let mut tensors = Vec::with_capacity(self.tensors.len());
        for (index, (spec, _)) in self.tensors.iter().enumerate() {
            let elements = spec.shape[0] * spec.shape[1];
            let mut sum_of_squares = 0.0_f64;
            for first in (0..elements).step_by(BLOCK_ELEMENTS) {
                let values = &mut block[..BLOCK_ELEMENTS.min(elements - first)];
                self.read(index, first, values)?;
                // `<=` is false for not-a-number, so one comparison covers all three refusals.
                if !values.iter().all(|value| value.abs() <= ADAPTER_VALUE_MAX) {
                    return Err(AdapterError::Value { name: spec.name.clone(), limit: ADAPTER_VALUE_MAX });
                }
                sum_of_squares += values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
                largest = values.iter().fold(largest, |most, value| most.max(value.abs()));
            }
            tensors.push(TensorNorm { name: spec.name.clone(), norm: sum_of_squares.sqrt(), elements });
        }
        let norm = tensors.iter().map(|tensor| tensor.norm.powi(2)).sum::<f64>().sqrt();
        Ok(ValueSummary { norm, largest, tensors })
    }
}
