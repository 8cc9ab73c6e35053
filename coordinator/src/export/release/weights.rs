//! Whether the adapter that was exported is the one that the run published: the export is made by a process
//! that reads a model folder, and what it leaves is signed. Used by `cli::release`, which has the numbers
//! compared before the sums are made, and by `verify`, which has the settings. Invariant: of both files every
//! number is compared, in bounded memory; only the metadata differ.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use common::id::Digest;
use common::limits::SAFETENSORS_HEADER_BYTES_MAX;
use common::run::AdapterSettings;
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

/// What PEFT knows beside LoRA's own settings, and what no export of ours uses: each would make another model
/// of the same numbers.
const UNUSED: [&str; 14] = [
    "alpha_pattern",
    "auto_mapping",
    "exclude_modules",
    "fan_in_fan_out",
    "layer_replication",
    "layers_to_transform",
    "lora_bias",
    "modules_to_save",
    "rank_pattern",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "use_dora",
    "use_qalora",
];

/// Whether PEFT's file of settings makes of the numbers what the run's terms say.
pub(super) fn is_configured(config: &Value, adapter: &AdapterSettings) -> bool {
    let is_unused = |key: &&str| match config.get(*key) {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Object(object)) => object.is_empty(),
        Some(_) => false,
    };
    let named = config.get("target_modules").and_then(Value::as_array);
    let named = named.map(|names| names.iter().map(Value::as_str).collect::<Option<BTreeSet<&str>>>());
    let targets = adapter.target_modules.names();
    let is = |key: &str, value: Value| config.get(key) == Some(&value);
    is("peft_type", "LORA".into())
        && is("bias", "none".into())
        && is("r", adapter.rank.into())
        && is("use_rslora", adapter.use_rslora.into())
        && config.get("lora_alpha").and_then(Value::as_f64) == Some(adapter.alpha)
        && named.flatten() == Some(targets.iter().map(String::as_str).collect())
        && UNUSED.iter().all(is_unused)
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
    fn settings_that_make_another_model_of_the_same_numbers_are_seen() {
        let adapter = AdapterSettings { alpha: 32.0, ..AdapterSettings::default() };
        let config = serde_json::json!({
            "peft_type": "LORA", "bias": "none", "r": adapter.rank, "lora_alpha": 32,
            "use_rslora": adapter.use_rslora, "target_modules": adapter.target_modules.names(),
            "alpha_pattern": {}, "use_dora": false, "modules_to_save": null, "peft_version": "0.21.2",
        });
        assert!(is_configured(&config, &adapter));
        for (key, value) in [
            ("lora_alpha", serde_json::json!(320)),
            ("r", 1.into()),
            ("use_rslora", (!adapter.use_rslora).into()),
            ("target_modules", serde_json::json!(["q_proj"])),
            ("target_modules", "all-linear".into()),
            ("alpha_pattern", serde_json::json!({"q_proj": 320})),
            ("use_dora", true.into()),
            ("peft_type", "LOHA".into()),
            ("bias", "all".into()),
            ("auto_mapping", serde_json::json!({"base_model_class": "x"})),
        ] {
            let mut other = config.clone();
            other[key] = value;
            assert!(!is_configured(&other, &adapter), "{other}");
        }
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
