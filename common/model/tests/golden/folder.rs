//! One reference folder: its model, adapters and tensors. Used by all golden tests.

use std::path::{Path, PathBuf};

use model::{Adapter, BaseModel, Compute, LoadOptions, LoraSettings, Sample, WeightFormat};
use safetensors::SafeTensors;
use sha2::{Digest as _, Sha256};

/// A folder that `make_golden.py` wrote.
pub(crate) struct Folder {
    path: PathBuf,
    bytes: Vec<u8>,
    hyper: serde_json::Value,
}

impl Folder {
    fn open(path: &Path) -> Self {
        let bytes = std::fs::read(path.join("golden.safetensors")).unwrap();
        let hyper = serde_json::from_slice(&std::fs::read(path.join("golden.json")).unwrap()).unwrap();
        Self { path: path.to_path_buf(), bytes, hyper }
    }

    /// The small folder inside the repository.
    pub(crate) fn fixture() -> Self {
        Self::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden"))
    }

    /// A folder of the shared reference vectors, if they are on this machine.
    pub(crate) fn shared(name: &str) -> Option<Self> {
        let root = std::env::var_os("GOLDEN_DIR").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden"),
            PathBuf::from,
        );
        let path = root.join(name);
        if !path.join("golden.safetensors").exists() {
            let asked = std::env::var_os("GOLDEN_DIR").is_some();
            assert!(!asked, "GOLDEN_DIR is set, but {} has no golden.safetensors", path.display());
            eprintln!("\n*** SKIPPED: no reference vectors in {}; set GOLDEN_DIR ***\n", path.display());
            return None;
        }
        Some(Self::open(&path))
    }

    pub(crate) fn base(&self, folder: &str, weights: WeightFormat) -> BaseModel {
        self.base_computing(folder, weights, Compute::F32)
    }

    pub(crate) fn base_computing(&self, folder: &str, weights: WeightFormat, compute: Compute) -> BaseModel {
        BaseModel::load(&self.path.join(folder), &LoadOptions { weights, compute }).unwrap()
    }

    pub(crate) fn adapter(&self, folder: &str, base: &BaseModel) -> Adapter {
        let lora = &self.hyper["lora"];
        let rank = usize::try_from(lora["r"].as_u64().unwrap()).unwrap();
        let settings = LoraSettings::all_linear(rank, lora["alpha"].as_f64().unwrap());
        let bytes = std::fs::read(self.path.join(folder).join("adapter_model.safetensors")).unwrap();
        Adapter::from_safetensors(&bytes, base.config(), &settings).unwrap()
    }

    /// SHA-256 of the f32 checkpoint, in hex: which model this is.
    pub(crate) fn model_sha256(&self) -> String {
        let bytes = std::fs::read(self.path.join("model/model.safetensors")).unwrap();
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn number(&self, name: &str) -> f64 {
        self.hyper[name].as_f64().unwrap()
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let (four, rest) = file.tensor(name).unwrap().data().as_chunks::<4>();
        assert!(rest.is_empty());
        four.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    fn integers(&self, name: &str) -> (Vec<i64>, Vec<usize>) {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap();
        let values = view.data().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
        (values, view.shape().to_vec())
    }

    /// The rows of `input_ids` without their right padding, with their labels as a mask.
    pub(crate) fn rows(&self) -> Vec<Sample> {
        let mask = self.integers("attention_mask").0;
        let (ids, shape) = self.integers("input_ids");
        let labels = self.integers("labels").0;
        let width = shape[1];
        (0..shape[0])
            .map(|row| {
                let valid = mask[row * width..][..width].iter().filter(|flag| **flag == 1).count();
                sample(&ids[row * width..][..valid], &labels[row * width..][..valid])
            })
            .collect()
    }

    /// Padded width of `input_ids`.
    pub(crate) fn width(&self) -> usize {
        self.integers("input_ids").1[1]
    }

    /// The batches of the training steps.
    pub(crate) fn steps(&self) -> Vec<Vec<Sample>> {
        let (ids, shape) = self.integers("train.input_ids");
        let labels = self.integers("train.labels").0;
        let width = shape[2];
        let rows: Vec<Sample> =
            ids.chunks(width).zip(labels.chunks(width)).map(|(i, l)| sample(i, l)).collect();
        rows.chunks(shape[1]).map(<[Sample]>::to_vec).collect()
    }
}

fn sample(ids: &[i64], labels: &[i64]) -> Sample {
    for (id, label) in ids.iter().zip(labels) {
        assert!(*label == -100 || label == id, "labels are the inputs or masked");
    }
    Sample {
        tokens: ids.iter().map(|id| u32::try_from(*id).unwrap()).collect(),
        supervised: labels.iter().map(|label| *label != -100).collect(),
    }
}

/// The largest absolute difference.
pub(crate) fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|value| value.is_finite()));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
