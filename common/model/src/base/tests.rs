//! Checkpoints in every element type, in one file and in several, and those that cannot be used.

use std::collections::BTreeMap;

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::*;
use crate::options::{Compute, WeightFormat};

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The small reference model of the repository, as f32 values.
fn fixture() -> (String, Tensors) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/model");
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file.iter().map(|(name, view)| {
        let values = view.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
        (name.to_owned(), (view.shape().to_vec(), values))
    });
    (config, tensors.collect())
}

fn encode(values: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::BF16 => values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect(),
        Dtype::F16 => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
        Dtype::I32 => values.iter().flat_map(|value| (*value as i32).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// Writes a folder of one file, or of as many as there are tensors.
fn write(folder: &Path, config: &str, tensors: &Tensors, dtype: Dtype, split: bool) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("config.json"), config).unwrap();
    let data: Vec<Vec<u8>> = tensors.values().map(|(_, values)| encode(values, dtype)).collect();
    let views: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .zip(&data)
        .map(|((name, (shape, _)), data)| {
            (name.as_str(), TensorView::new(dtype, shape.clone(), data).unwrap())
        })
        .collect();
    if !split {
        let bytes = safetensors::serialize(views, None).unwrap();
        return std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
    }
    let mut map = serde_json::Map::new();
    for (index, (name, view)) in views.into_iter().enumerate() {
        let file = format!("model-{index}.safetensors");
        std::fs::write(folder.join(&file), safetensors::serialize([(name, view)], None).unwrap()).unwrap();
        map.insert(name.to_owned(), file.into());
    }
    let index = serde_json::json!({"metadata": {}, "weight_map": map}).to_string();
    std::fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
}

fn load(folder: &Path) -> Result<BaseModel> {
    BaseModel::load(folder, &LoadOptions { weights: WeightFormat::F32, compute: Compute::F32 })
}

#[test]
fn every_element_type_and_every_split_gives_the_values_in_the_file() {
    let place = tempfile::tempdir().unwrap();
    let (config, tensors) = fixture();
    let tokens: Vec<u32> = (0..11).collect();
    for (dtype, round) in [
        (Dtype::F32, (|value| value) as fn(f32) -> f32),
        (Dtype::BF16, |value| bf16::from_f32(value).to_f32()),
        (Dtype::F16, |value| f16::from_f32(value).to_f32()),
    ] {
        // The same values in f32 are the truth.
        let mut rounded = tensors.clone();
        rounded.values_mut().flat_map(|(_, values)| values).for_each(|value| *value = round(*value));
        let truth = place.path().join(format!("truth-{dtype:?}"));
        write(&truth, &config, &rounded, Dtype::F32, false);
        let expected = load(&truth).unwrap().logits(None, &tokens).unwrap();
        for split in [false, true] {
            let folder = place.path().join(format!("{dtype:?}-{split}"));
            write(&folder, &config, &tensors, dtype, split);
            assert_eq!(load(&folder).unwrap().logits(None, &tokens).unwrap(), expected, "{dtype:?} {split}");
        }
        let options = LoadOptions { weights: WeightFormat::Nf4, compute: Compute::F32 };
        let fingerprint = |split: bool| {
            let folder = place.path().join(format!("{dtype:?}-{split}"));
            BaseModel::load(&folder, &options).unwrap().fingerprint()
        };
        assert_eq!(fingerprint(true), fingerprint(false), "{dtype:?}");
    }
}

#[test]
fn what_does_not_fit_the_config_is_named() {
    let place = tempfile::tempdir().unwrap();
    let (config, tensors) = fixture();
    let refused = |name: &str, dtype: Dtype, change: &dyn Fn(&mut Tensors), expected: &[&str]| {
        let folder = place.path().join(name);
        let mut tensors = tensors.clone();
        change(&mut tensors);
        write(&folder, &config, &tensors, dtype, false);
        let error = load(&folder).unwrap_err();
        let text = error.to_string();
        assert!(expected.iter().all(|part| text.contains(part)), "{text}");
        assert!(error.is_user_error() && error.hint().is_some());
    };
    let up = "model.layers.0.mlp.up_proj.weight";
    let missing = |tensors: &mut Tensors| drop(tensors.remove(up));
    refused("missing", Dtype::F32, &missing, &[up]);
    refused("integers", Dtype::I32, &|_| {}, &["I32", "expected F32, BF16 or F16"]);
    let turned = |tensors: &mut Tensors| tensors.get_mut(up).unwrap().0.reverse();
    refused("turned", Dtype::F32, &turned, &[up, "has shape", "config.json asks for"]);
    let no_norm = |tensors: &mut Tensors| drop(tensors.remove("model.norm.weight"));
    refused("norm", Dtype::BF16, &no_norm, &["model.norm.weight"]);
}

#[test]
fn a_tied_head_is_the_embedding_or_the_folder_is_refused() {
    let (config, mut tensors) = fixture();
    let folder = tempfile::tempdir().unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["tie_word_embeddings"] = true.into();
    let embedding = tensors["model.embed_tokens.weight"].clone();
    for (factor, is_taken) in [(1.0, true), (1.5, false)] {
        let head = (embedding.0.clone(), embedding.1.iter().map(|value| value * factor).collect());
        tensors.insert("lm_head.weight".to_owned(), head);
        write(folder.path(), &config.to_string(), &tensors, Dtype::F32, false);
        let loaded = BaseModel::load(
            folder.path(),
            &LoadOptions { weights: WeightFormat::F32, compute: Compute::F32 },
        );
        assert_eq!(loaded.is_ok(), is_taken);
        if let Err(error) = loaded {
            assert!(error.to_string().contains("has another lm_head.weight"), "{error}");
        }
    }
}
