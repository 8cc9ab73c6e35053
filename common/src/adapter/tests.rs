//! A good adapter next to every bad one.

use std::path::PathBuf;

use super::*;
use crate::run::TensorSpec;

fn specs() -> Vec<TensorSpec> {
    vec![
        TensorSpec { name: "layer.lora_A.weight".into(), shape: [2, 3] },
        TensorSpec { name: "layer.lora_B.weight".into(), shape: [3, 2] },
    ]
}

fn good(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("adapter.safetensors");
    let mut writer = AdapterWriter::create(&path, &specs()).unwrap();
    writer.append(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    writer.append(&[0.5; 6]).unwrap();
    writer.finish().unwrap();
    path
}

/// Replaces the header's JSON text, keeping length prefix and data right.
fn with_header(folder: &tempfile::TempDir, change: impl Fn(String) -> String) -> PathBuf {
    let bytes = std::fs::read(good(folder)).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let json = change(String::from_utf8(bytes[8..8 + length].to_vec()).unwrap());
    let mut changed = (json.len() as u64).to_le_bytes().to_vec();
    changed.extend_from_slice(json.as_bytes());
    changed.extend_from_slice(&bytes[8 + length..]);
    let path = folder.path().join("changed.safetensors");
    std::fs::write(&path, changed).unwrap();
    path
}

#[test]
fn what_is_written_is_read_and_safetensors_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = good(&folder);
    let reader = AdapterReader::open(&path, &specs()).unwrap();
    assert_eq!(reader.read_whole(0).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let mut two = [0.0; 2];
    reader.read(0, 4, &mut two).unwrap();
    assert_eq!(two, [5.0, 6.0]);
    assert!(reader.read(0, 5, &mut two).is_err());
    let summary = reader.check_values().unwrap();
    assert!((summary.norm - (91.0_f64 + 1.5).sqrt()).abs() < 1e-12);
    let bytes = std::fs::read(&path).unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(theirs.tensor("layer.lora_B.weight").unwrap().shape(), [3, 2]);
}

/// What is done to a header before it is read.
type Damage = Box<dyn Fn(String) -> String>;

#[test]
fn hostile_headers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<(&str, Damage)> = vec![
        ("missing", Box::new(|json| json.replace("lora_B", "lora_C"))),
        ("shape", Box::new(|json| json.replace("[2,3]", "[3,2]"))),
        ("dtype", Box::new(|json| json.replacen("F32", "F64", 1))),
        ("overlap", Box::new(|json| json.replace("[24,48]", "[0,24]"))),
        ("overflow", Box::new(|json| json.replace("[24,48]", "[24,18446744073709551615]"))),
        ("metadata", Box::new(|json| json.replacen('{', r#"{"__metadata__":{"a":"patient"},"#, 1))),
        (
            "duplicate",
            Box::new(|json| {
                let entry = r#"{"layer.lora_A.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#;
                json.replacen('{', entry, 1)
            }),
        ),
        ("not json", Box::new(|_| "hello".into())),
    ];
    for (name, change) in cases {
        let path = with_header(&folder, change);
        assert!(AdapterReader::open(&path, &specs()).is_err(), "{name}");
    }
    let path = folder.path().join("huge");
    std::fs::write(&path, u64::MAX.to_le_bytes()).unwrap();
    assert!(AdapterReader::open(&path, &specs()).is_err());
    std::fs::write(&path, b"abc").unwrap();
    assert!(AdapterReader::open(&path, &specs()).is_err());
}

#[test]
fn truncated_or_extended_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = good(&folder);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    assert!(AdapterReader::open(&path, &specs()).is_err());
    std::fs::write(&path, [bytes.as_slice(), &[0; 4]].concat()).unwrap();
    assert!(AdapterReader::open(&path, &specs()).is_err());
}

#[test]
fn values_must_be_finite_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    for bad in [f32::NAN, f32::INFINITY, -2.0e4] {
        let path = folder.path().join("bad");
        let mut writer = AdapterWriter::create(&path, &specs()).unwrap();
        writer.append(&[0.0; 6]).unwrap();
        writer.append(&[0.0, 0.0, bad, 0.0, 0.0, 0.0]).unwrap();
        writer.finish().unwrap();
        let reader = AdapterReader::open(&path, &specs()).unwrap();
        assert!(matches!(reader.check_values(), Err(AdapterError::Value { .. })), "{bad}");
    }
}

#[test]
fn a_writer_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = AdapterWriter::create(&folder.path().join("a"), &specs()).unwrap();
    assert!(writer.append(&[0.0; 13]).is_err());
    assert!(AdapterWriter::create(&folder.path().join("b"), &specs()).unwrap().finish().is_err());
}
