//! Which tensors the quantised folder has, and which file and which bytes of it each takes. Called by
//! `quantise`. Invariant: within a file wider types come first, so that every tensor is aligned; the
//! quantisation states come last, because their length is known only when the weight is quantised.

use std::collections::BTreeMap;

use safetensors::Dtype;
use serde_json::json;

use crate::checkpoint::CheckpointReader;
use crate::error::{ModelError, Result};
use crate::nf4::table::{BLOCK, CODES, DYNAMIC_MAP, NESTED_BLOCK};

/// Suffix of the quantisation state.
pub(super) const STATE: &str = ".quant_state.bitsandbytes__nf4";

/// A tensor of the original checkpoint.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) is_linear: bool,
}

/// A tensor of the result.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: usize,
}

/// One file: what goes in, and the tensors that come out, states left out.
pub(super) struct Shard {
    pub(super) sources: Vec<Source>,
    /// In the order of their bytes.
    pub(super) parts: Vec<Part>,
    /// Names of the states, in order.
    pub(super) states: Vec<String>,
}

/// All files, with their names.
pub(super) struct FolderLayout {
    pub(super) files: Vec<(String, Shard)>,
}

/// Fills files in order of names; a file exceeds `shard_bytes` only if a single weight does.
pub(super) fn lay_out(
    reader: &CheckpointReader,
    is_linear: &dyn Fn(&str) -> bool,
    shard_bytes: u64,
) -> Result<FolderLayout> {
    let mut shards = vec![Shard { sources: Vec::new(), parts: Vec::new(), states: Vec::new() }];
    let mut filled = 0;
    for name in reader.names() {
        let is_linear = is_linear(name);
        let parts = if is_linear { quantised(name, matrix(reader, name)?) } else { copied(reader, name)? };
        let bytes = parts.iter().map(|part| part.bytes as u64).sum::<u64>();
        if filled > 0 && filled + bytes > shard_bytes {
            shards.push(Shard { sources: Vec::new(), parts: Vec::new(), states: Vec::new() });
            filled = 0;
        }
        filled += bytes;
        if let Some(shard) = shards.last_mut() {
            shard.parts.extend(parts);
            shard.sources.push(Source { name: name.to_owned(), is_linear });
            if is_linear {
                shard.states.push(format!("{name}{STATE}"));
            }
        }
    }
    let count = shards.len();
    let file_name = |index: usize| match count {
        1 => "model.safetensors".to_owned(),
        _ => format!("model-{:05}-of-{count:05}.safetensors", index + 1),
    };
    let mut files = Vec::with_capacity(count);
    for (index, mut shard) in shards.into_iter().enumerate() {
        // Stable: among equal widths in order of names, as the safetensors library writes.
        shard.parts.sort_by_key(|part| core::cmp::Reverse(part.dtype.bitsize()));
        files.push((file_name(index), shard));
    }
    Ok(FolderLayout { files })
}

impl FolderLayout {
    /// The index that tells which file holds which tensor; `None` for a single file.
    pub(super) fn index_json(&self, total_size: u64) -> Option<String> {
        if self.files.len() == 1 {
            return None;
        }
        let map: BTreeMap<&str, &str> = self
            .files
            .iter()
            .flat_map(|(file, shard)| {
                let parts = shard.parts.iter().map(|part| part.name.as_str());
                parts.chain(shard.states.iter().map(String::as_str)).map(move |name| (name, file.as_str()))
            })
            .collect();
        Some(format!("{:#}\n", json!({"metadata": {"total_size": total_size}, "weight_map": map})))
    }
}

/// The shape of a weight that is to be quantised.
pub(super) fn matrix(reader: &CheckpointReader, name: &str) -> Result<[usize; 2]> {
    let shape = reader.entry(name).map(|entry| entry.shape.clone()).unwrap_or_default();
    match shape.as_slice() {
        [out, input] if (out * input).is_multiple_of(BLOCK) && out * input > 0 => Ok([*out, *input]),
        other => Err(reader.damage(name, format!("{name} of shape {other:?} does not split into blocks"))),
    }
}

fn quantised(name: &str, [out, input]: [usize; 2]) -> Vec<Part> {
    let elements = out * input;
    let blocks = elements / BLOCK;
    let part = |suffix: &str, dtype: Dtype, shape: Vec<usize>| {
        let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
        Part { name: format!("{name}{suffix}"), dtype, shape, bytes }
    };
    vec![
        part("", Dtype::U8, vec![elements / 2, 1]),
        part(".absmax", Dtype::U8, vec![blocks]),
        part(".nested_absmax", Dtype::F32, vec![blocks.div_ceil(NESTED_BLOCK)]),
        part(".nested_quant_map", Dtype::F32, vec![DYNAMIC_MAP.len()]),
        part(".quant_map", Dtype::F32, vec![CODES.len()]),
    ]
}

fn copied(reader: &CheckpointReader, name: &str) -> Result<Vec<Part>> {
    let Some(entry) = reader.entry(name) else {
        return Err(ModelError::Internal { reason: format!("{name} has no entry") });
    };
    let part =
        Part { name: name.to_owned(), dtype: entry.dtype, shape: entry.shape.clone(), bytes: entry.bytes() };
    Ok(vec![part])
}
