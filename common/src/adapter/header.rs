//! The JSON header of a safetensors file: parsed strictly (bounded, no duplicate keys, no metadata,
//! contiguous and covering offsets) and written in one canonical order (by name).
//! Used by `read` and `write`. Format: <https://huggingface.co/docs/safetensors>.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::AdapterError;
use crate::run::TensorSpec;

/// Bytes of one f32.
pub(super) const ELEMENT_BYTES: u64 = 4;

/// Where one tensor's bytes are, relative to the end of the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// Parses a header and returns, for each expected tensor in order, the offset of its first byte.
pub(super) fn parse(json: &[u8], data_bytes: u64, expected: &[TensorSpec]) -> Result<Vec<u64>, AdapterError> {
    let UniqueEntries(mut entries) = serde_json::from_slice(json)
        .map_err(|_| AdapterError::Header("its header is not the JSON we expect"))?;
    let mut offsets = Vec::with_capacity(expected.len());
    let mut ranges = Vec::with_capacity(expected.len());
    for spec in expected {
        let Some(entry) = entries.remove(&spec.name) else {
            return Err(AdapterError::TensorSet(format!("{} is missing", spec.name)));
        };
        if entry.dtype != "F32" || entry.shape != spec.shape {
            return Err(AdapterError::Shape { name: spec.name.clone(), expected: spec.shape });
        }
        offsets.push(entry.data_offsets[0]);
        ranges.push((entry.data_offsets[0], entry.data_offsets[1], byte_length(spec)));
    }
    if !entries.is_empty() {
        return Err(AdapterError::TensorSet(format!("{} tensors too many", entries.len())));
    }
    ranges.sort_unstable();
    let mut next = 0;
    for (start, end, length) in ranges {
        if start != next || end.checked_sub(start) != Some(length) {
            return Err(AdapterError::Header("its tensors are not contiguous"));
        }
        next = end;
    }
    if next == data_bytes {
        Ok(offsets)
    } else {
        Err(AdapterError::Header("its length is not that of its tensors"))
    }
}

/// The canonical header, its 8-byte length prefix included: tensors in the given order, padded with
/// spaces to a multiple of 8.
pub(super) fn canonical(tensors: &[TensorSpec]) -> Result<Vec<u8>, AdapterError> {
    let mut json = vec![b'{'];
    let mut offset = 0;
    for spec in tensors {
        if json.len() > 1 {
            json.push(b',');
        }
        let end = offset + byte_length(spec);
        let entry = Entry { dtype: "F32".into(), shape: spec.shape.to_vec(), data_offsets: [offset, end] };
        let name = serde_json::to_vec(&spec.name);
        let entry = serde_json::to_vec(&entry);
        let (Ok(name), Ok(entry)) = (name, entry) else {
            return Err(AdapterError::Header("a tensor name cannot be written as JSON"));
        };
        json.extend_from_slice(&name);
        json.push(b':');
        json.extend_from_slice(&entry);
        offset = end;
    }
    json.push(b'}');
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(&json);
    Ok(bytes)
}

pub(super) fn byte_length(spec: &TensorSpec) -> u64 {
    spec.shape.iter().map(|side| *side as u64).product::<u64>() * ELEMENT_BYTES
}

/// A JSON object whose keys occur once.
struct UniqueEntries(BTreeMap<String, Entry>);

impl<'de> Deserialize<'de> for UniqueEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = BTreeMap<String, Entry>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("tensors, each named once")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((name, entry)) = map.next_entry()? {
                    if entries.insert(name, entry).is_some() {
                        return Err(serde::de::Error::custom("a tensor is named twice"));
                    }
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_map(Entries).map(Self)
    }
}
