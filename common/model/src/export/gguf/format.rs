//! The GGUF container, version 3: header, typed metadata, tensor descriptions, data on multiples of 32 bytes.
//! Called by `export::gguf`. Invariants: descriptions and data agree, because both come from one list; the
//! bytes are a function of what is passed in; one tensor is in memory at a time.
//!
//! Source: ggml's `docs/gguf.md`. All numbers are little-endian.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::{ModelError, Result};

pub(super) const VERSION: u32 = 3;
/// `general.alignment` where a file does not give one.
pub(super) const ALIGNMENT: u64 = 32;
/// Number of the type of a list of values.
pub(super) const ARRAY: u32 = 9;
/// Values of one block of [`TensorType::Q8_0`].
pub(super) const Q8_0_BLOCK: usize = 32;
/// Its bytes: an f16 scale and 32 signed bytes.
pub(super) const Q8_0_BYTES: usize = 2 + Q8_0_BLOCK;

/// The tensor types that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TensorType {
    F32,
    F16,
    Q8_0,
}

impl TensorType {
    const fn id(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8_0 => 8,
        }
    }

    /// The type of a number.
    pub(super) fn of_id(id: u32) -> Option<Self> {
        [Self::F32, Self::F16, Self::Q8_0].into_iter().find(|kind| kind.id() == id)
    }

    /// Bytes of that many values; a multiple of the block for Q8_0.
    pub(super) const fn bytes(self, values: usize) -> usize {
        match self {
            Self::F32 => values * 4,
            Self::F16 => values * 2,
            Self::Q8_0 => values / Q8_0_BLOCK * Q8_0_BYTES,
        }
    }
}

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    I32s(Vec<i32>),
}

/// A tensor that will be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub(super) name: String,
    /// Outermost first; the file has them the other way round.
    pub(super) shape: Vec<usize>,
    pub(super) kind: TensorType,
}

impl Described {
    fn bytes(&self) -> u64 {
        self.kind.bytes(self.shape.iter().product()) as u64
    }
}

/// Writes a file; `bytes_of` gives the data of the tensor at an index, in order.
pub(super) fn write(
    path: &Path,
    metadata: &[(String, Value)],
    tensors: &[Described],
    mut bytes_of: impl FnMut(usize) -> Result<Vec<u8>>,
) -> Result<()> {
    let io = |error| ModelError::io(path, error);
    let header = header(metadata, tensors);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(io)?);
    file.write_all(&header).map_err(io)?;
    for (index, tensor) in tensors.iter().enumerate() {
        let bytes = bytes_of(index)?;
        if bytes.len() as u64 != tensor.bytes() {
            let reason = format!("{} came out with {} bytes", tensor.name, bytes.len());
            return Err(ModelError::Internal { reason });
        }
        file.write_all(&bytes).map_err(io)?;
        let padding = padded(tensor.bytes()) - tensor.bytes();
        file.write_all(&[0; ALIGNMENT as usize][..padding as usize]).map_err(io)?;
    }
    file.flush().map_err(io)
}

const fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(ALIGNMENT)
}

/// Everything before the data, padding included.
fn header(metadata: &[(String, Value)], tensors: &[Described]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(VERSION.to_le_bytes());
    count(&mut bytes, tensors.len());
    count(&mut bytes, metadata.len());
    for (key, value) in metadata {
        text(&mut bytes, key);
        push(&mut bytes, value);
    }
    let mut offset = 0;
    for tensor in tensors {
        text(&mut bytes, &tensor.name);
        bytes.extend((tensor.shape.len() as u32).to_le_bytes());
        for size in tensor.shape.iter().rev() {
            count(&mut bytes, *size);
        }
        bytes.extend(tensor.kind.id().to_le_bytes());
        bytes.extend(u64::to_le_bytes(offset));
        offset += padded(tensor.bytes());
    }
    let end = padded(bytes.len() as u64);
    bytes.resize(end as usize, 0);
    bytes
}

fn count(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend((number as u64).to_le_bytes());
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    count(bytes, text.len());
    bytes.extend(text.as_bytes());
}

/// The type's number, then the value.
fn push(bytes: &mut Vec<u8>, value: &Value) {
    const I32: u32 = 5;
    const TEXT: u32 = 8;
    let mut kind = |kind: u32| bytes.extend(kind.to_le_bytes());
    match value {
        Value::U32(number) => {
            kind(4);
            bytes.extend(number.to_le_bytes());
        }
        Value::F32(number) => {
            kind(6);
            bytes.extend(number.to_le_bytes());
        }
        Value::Bool(is_true) => {
            kind(7);
            bytes.push(u8::from(*is_true));
        }
        Value::Text(words) => {
            kind(TEXT);
            text(bytes, words);
        }
        Value::Texts(all) => {
            kind(ARRAY);
            kind(TEXT);
            count(bytes, all.len());
            all.iter().for_each(|one| text(bytes, one));
        }
        Value::I32s(all) => {
            kind(ARRAY);
            kind(I32);
            count(bytes, all.len());
            all.iter().for_each(|one| bytes.extend(one.to_le_bytes()));
        }
    }
}
