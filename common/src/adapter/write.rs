//! Writes an adapter file front to back in canonical order, so that equal values are equal bytes.
//!
//! Called by the coordinator's `aggregate` and the site agent's `protect`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::AdapterError;
use super::header::{self, ELEMENT_BYTES};
use crate::run::TensorSpec;

/// Values written at once: 16 KiB.
const WRITE_ELEMENTS: usize = 4 * 1024;

/// A file being written; values follow in the manifest's order.
#[derive(Debug)]
pub struct AdapterWriter {
    file: BufWriter<File>,
    elements_left: u64,
}

impl AdapterWriter {
    /// Creates (or replaces) `path` and writes the header of `tensors`.
    ///
    /// # Errors
    /// [`AdapterError::Io`] when the file cannot be created or written.
    pub fn create(path: &Path, tensors: &[TensorSpec]) -> Result<Self, AdapterError> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&header::canonical(tensors)?)?;
        let bytes: u64 = tensors.iter().map(header::byte_length).sum();
        Ok(Self { file, elements_left: bytes / ELEMENT_BYTES })
    }

    /// Appends values, row-major, tensor after tensor.
    ///
    /// # Errors
    /// [`AdapterError::Header`] when the tensors have no room for so many values, [`AdapterError::Io`] when
    /// the file cannot be written.
    pub fn append(&mut self, values: &[f32]) -> Result<(), AdapterError> {
        let Some(left) = self.elements_left.checked_sub(values.len() as u64) else {
            return Err(AdapterError::Header("more values than its tensors hold"));
        };
        self.elements_left = left;
        let mut bytes = [0; WRITE_ELEMENTS * ELEMENT_BYTES as usize];
        for values in values.chunks(WRITE_ELEMENTS) {
            for (word, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(values) {
                *word = value.to_le_bytes();
            }
            self.file.write_all(&bytes[..values.len() * ELEMENT_BYTES as usize])?;
        }
        Ok(())
    }

    /// Flushes and fsyncs; an error if values are missing.
    ///
    /// # Errors
    /// [`AdapterError::Header`] when values are missing, [`AdapterError::Io`] when the bytes do not reach the
    /// disk.
    pub fn finish(mut self) -> Result<(), AdapterError> {
        if self.elements_left != 0 {
            return Err(AdapterError::Header("fewer values than its tensors hold"));
        }
        self.file.flush()?;
        Ok(self.file.get_ref().sync_all()?)
    }
}
