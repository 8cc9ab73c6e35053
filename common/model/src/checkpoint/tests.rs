//! Sharded, truncated and contradictory checkpoints.

use safetensors::tensor::TensorView;

use super::*;

fn write(path: &Path, tensors: &[(&str, &[f32], &[usize])]) {
    let views = tensors.iter().map(|(name, values, shape)| {
        (*name, TensorView::new(Dtype::F32, shape.to_vec(), bytemuck::cast_slice(values)).unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn sharded(dir: &Path) {
    write(&dir.join("a.safetensors"), &[("one", &[1.0, 2.0, 3.0, 4.0], &[2, 2])]);
    write(&dir.join("b.safetensors"), &[("two", &[5.0], &[1]), ("three", &[6.0, 7.0], &[2])]);
    let index = r#"{"metadata":{},"weight_map":{"one":"a.safetensors","two":"b.safetensors","three":"b.safetensors"}}"#;
    std::fs::write(dir.join("model.safetensors.index.json"), index).unwrap();
}

#[test]
fn shards_are_read_through_the_index() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path());
    let reader = CheckpointReader::open(dir.path()).unwrap();
    assert_eq!(reader.names().collect::<Vec<_>>(), ["one", "three", "two"]);
    assert_eq!(reader.read_f32("one", &[2, 2]).unwrap().0, [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(reader.read_f32("three", &[2]).unwrap().0, [6.0, 7.0]);
    assert!(matches!(reader.read_f32("one", &[4]), Err(ModelError::Checkpoint { .. })));
    assert!(matches!(reader.read_f32("four", &[4]), Err(ModelError::MissingTensor { .. })));
}

#[test]
fn missing_and_truncated_shards_are_named() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path());
    let shard = dir.path().join("b.safetensors");
    let bytes = std::fs::read(&shard).unwrap();
    for keep in [0, 7, 9, bytes.len() - 1] {
        std::fs::write(&shard, &bytes[..keep]).unwrap();
        let error = CheckpointReader::open(dir.path()).unwrap_err();
        assert!(matches!(error, ModelError::Checkpoint { .. }), "{keep}: {error}");
        assert!(error.to_string().contains("b.safetensors"), "{error}");
    }
    std::fs::remove_file(&shard).unwrap();
    assert!(matches!(CheckpointReader::open(dir.path()), Err(ModelError::Io { .. })));
}

#[test]
fn an_index_cannot_point_outside_or_lie() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path());
    let index = dir.path().join("model.safetensors.index.json");
    for text in
        [r#"{"weight_map":{"one":"../a.safetensors"}}"#, r#"{"weight_map":{"two":"a.safetensors"}}"#, "{"]
    {
        std::fs::write(&index, text).unwrap();
        assert!(matches!(CheckpointReader::open(dir.path()), Err(ModelError::Checkpoint { .. })), "{text}");
    }
}

#[test]
fn of_two_sets_of_weights_the_single_file_counts() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path());
    write(&dir.path().join("model.safetensors"), &[("one", &[9.0, 9.0, 9.0, 9.0], &[2, 2])]);
    let reader = CheckpointReader::open(dir.path()).unwrap();
    assert_eq!(reader.read_f32("one", &[2, 2]).unwrap().0, [9.0; 4]);
    assert!(reader.entry("two").is_none());
}

#[test]
fn weights_in_pytorchs_format_and_values_that_are_no_numbers_are_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(CheckpointReader::open(dir.path()), Err(ModelError::Io { .. })));
    std::fs::write(dir.path().join("pytorch_model.bin"), "PK").unwrap();
    let error = CheckpointReader::open(dir.path()).unwrap_err();
    assert!(matches!(error, ModelError::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("only safetensors are read"), "{error}");
    assert!(error.hint().unwrap().contains("save_pretrained"));
    for value in [f32::NAN, f32::INFINITY] {
        write(&dir.path().join("model.safetensors"), &[("layer.up", &[1.0, value], &[2])]);
        let reader = CheckpointReader::open(dir.path()).unwrap();
        let error = reader.read_f32("layer.up", &[2]).unwrap_err();
        assert!(error.to_string().contains("layer.up holds a value that is not a number"), "{error}");
    }
}
