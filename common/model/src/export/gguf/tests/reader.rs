//! A reader of GGUF files for the tests, written from the format's description and not from the writer.

use std::collections::BTreeMap;
use std::path::Path;

use half::f16;
use serde_json::{Value, json};

pub(super) struct Tensor {
    /// Outermost first.
    pub(super) shape: Vec<usize>,
    /// ggml's number of the type.
    pub(super) kind: u32,
    pub(super) values: Vec<f32>,
}

pub(super) struct File {
    pub(super) metadata: BTreeMap<String, Value>,
    pub(super) tensors: BTreeMap<String, Tensor>,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        self.at += count;
        &self.bytes[self.at - count..self.at]
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn u64(&mut self) -> usize {
        u64::from_le_bytes(self.take(8).try_into().unwrap()) as usize
    }

    fn text(&mut self) -> String {
        let length = self.u64();
        String::from_utf8(self.take(length).to_vec()).unwrap()
    }

    fn value(&mut self, kind: u32) -> Value {
        match kind {
            4 => json!(self.u32()),
            5 => json!(i32::from_le_bytes(self.take(4).try_into().unwrap())),
            6 => json!(f32::from_le_bytes(self.take(4).try_into().unwrap())),
            7 => json!(self.take(1)[0] == 1),
            8 => json!(self.text()),
            9 => {
                let (kind, count) = (self.u32(), self.u64());
                (0..count).map(|_| self.value(kind)).collect()
            }
            other => panic!("type {other}"),
        }
    }
}

impl File {
    pub(super) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let mut cursor = Cursor { bytes: &bytes, at: 0 };
        assert_eq!(cursor.take(4), b"GGUF");
        assert_eq!(cursor.u32(), 3);
        let (tensor_count, value_count) = (cursor.u64(), cursor.u64());
        let mut metadata = BTreeMap::new();
        for _ in 0..value_count {
            let key = cursor.text();
            let kind = cursor.u32();
            assert!(metadata.insert(key.clone(), cursor.value(kind)).is_none(), "{key} stands twice");
        }
        let infos: Vec<(String, Vec<usize>, u32, usize)> = (0..tensor_count)
            .map(|_| {
                let name = cursor.text();
                let mut shape: Vec<usize> = (0..cursor.u32()).map(|_| cursor.u64()).collect();
                shape.reverse();
                (name, shape, cursor.u32(), cursor.u64())
            })
            .collect();
        let data = cursor.at.next_multiple_of(32);
        let mut end = 0;
        let mut tensors = BTreeMap::new();
        for (name, shape, kind, offset) in infos {
            assert!(offset.is_multiple_of(32) && offset == end, "{name} begins at {offset}, not at {end}");
            let count: usize = shape.iter().product();
            let bytes = &bytes[data + offset..];
            let (values, length) = decode(kind, count, bytes);
            end = (offset + length).next_multiple_of(32);
            tensors.insert(name, Tensor { shape, kind, values });
        }
        assert_eq!(bytes.len(), data + end);
        Self { metadata, tensors }
    }
}

/// The values, and the bytes that they took.
fn decode(kind: u32, count: usize, bytes: &[u8]) -> (Vec<f32>, usize) {
    match kind {
        0 => {
            let values = bytes[..count * 4].chunks_exact(4);
            (values.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(), count * 4)
        }
        1 => {
            let values = bytes[..count * 2].chunks_exact(2);
            (values.map(|b| f16::from_le_bytes(b.try_into().unwrap()).to_f32()).collect(), count * 2)
        }
        8 => {
            let blocks = bytes[..count / 32 * 34].chunks_exact(34);
            let values = blocks.flat_map(|block| {
                let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
                block[2..].iter().map(move |code| f32::from(code.cast_signed()) * scale)
            });
            (values.collect(), count / 32 * 34)
        }
        other => panic!("type {other}"),
    }
}
