//! Whether the weights that were exported are those that the run published: the export is made by a process
//! that reads a model folder, and what it leaves is signed. Called by `cli::release` before the sums are
//! made. Invariant: of both files every number is compared, in bounded memory; only the metadata differ.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use common::id::Digest;
use common::limits::SAFETENSORS_HEADER_BYTES_MAX;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::state_folder::blobs;

/// Bytes compared at once.
const BLOCK_BYTES: usize = 64 << 10;

/// Refuses an exported adapter whose tensors are not those of the published one.
///
/// # Errors
/// They are not, or the published one is damaged, which are faults of ours; a file cannot be read.
pub fn must_be_published(exported: &Path, published: &Path, digest: Digest) -> Result<()> {
    if blobs::digest_of(published)? != digest {
        return Err(Error::Internal(format!("the stored adapter {} is damaged", digest.short())));
    }
    let (mut ours, mut theirs) = (open(published)?, open(exported)?);
    let is_same = tensors(&mut ours, published)? == tensors(&mut theirs, exported)?
        && is_same_rest((&mut ours, published), (&mut theirs, exported))?;
    if is_same {
        return Ok(());
    }
    Err(Error::Internal(format!("the exported weights are not those of the adapter {}", digest.short())))
}

fn open(path: &Path) -> Result<BufReader<File>> {
    Ok(BufReader::with_capacity(BLOCK_BYTES, File::open(path).map_err(Error::io("read", path))?))
}

/// The names, shapes and places of a safetensors file, without its metadata; the file stands behind them
/// then.
fn tensors(file: &mut impl Read, path: &Path) -> Result<Map<String, Value>> {
    let at = |source| Error::io("read", path)(source);
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix).map_err(at)?;
    let length = u64::from_le_bytes(prefix);
    let wrong = |reason: String| Error::Config { path: path.to_path_buf(), reason };
    if length > SAFETENSORS_HEADER_BYTES_MAX as u64 {
        return Err(wrong("its header is too long".into()));
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(at)?;
    let mut tensors: Map<String, Value> =
        serde_json::from_slice(&header).map_err(|error| wrong(error.to_string()))?;
    tensors.remove("__metadata__");
    Ok(tensors)
}

fn is_same_rest(ours: (&mut impl Read, &Path), theirs: (&mut impl Read, &Path)) -> Result<bool> {
    let ((ours, our_path), (theirs, their_path)) = (ours, theirs);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    loop {
        one.clear();
        other.clear();
        let most = BLOCK_BYTES as u64;
        ours.take(most).read_to_end(&mut one).map_err(Error::io("read", our_path))?;
        theirs.take(most).read_to_end(&mut other).map_err(Error::io("read", their_path))?;
        if one != other || one.is_empty() {
            return Ok(one == other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, name: &str, header: &str, data: &[u8]) -> std::path::PathBuf {
        let path = folder.join(name);
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn other_numbers_shapes_or_lengths_are_other_weights_and_other_metadata_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let data: Vec<u8> = (0..200_000_u32).map(|at| at as u8).collect();
        let tensor = "\"a\":{\"dtype\":\"F32\",\"shape\":[50000,1],\"data_offsets\":[0,200000]}";
        let plain = format!("{{{tensor}}}");
        let published = written(folder.path(), "published", &plain, &data);
        let digest = blobs::digest_of(&published).unwrap();
        let is_published = |header: &str, data: &[u8]| {
            let exported = written(folder.path(), "exported", header, data);
            must_be_published(&exported, &published, digest).is_ok()
        };
        let with_format = format!("{{\"__metadata__\":{{\"format\":\"pt\"}},{tensor}}}");
        assert!(is_published(&plain, &data) && is_published(&with_format, &data));
        let mut other = data.clone();
        other[199_999] ^= 1;
        assert!(!is_published(&with_format, &other), "the last byte");
        assert!(!is_published(&with_format, &[&data[..], b" "].concat()), "one byte more");
        assert!(!is_published(&with_format, &data[..199_000]), "less");
        assert!(!is_published(&with_format.replace("\"a\"", "\"b\""), &data), "another name");
        assert!(!is_published("no header", &data));
        assert!(must_be_published(&published, &published, Digest::of(b"x")).is_err(), "a damaged blob");
    }
}
