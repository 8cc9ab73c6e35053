//! How large an update of a run file is: the shapes of its adapter on the base model that it names. Called by
//! `simulate`. Invariant: of the model folder nothing but config.json is read, under the locks of a process
//! that evaluates, for others made that folder.

use std::path::Path;

use common::places;
use common::run::{Factors, RunSpec};
use model::{ModelConfig, ModelError, bounded, tensor_shapes};
use prepare::settings::lora;
use sandbox::FileRules;

use crate::error::{Error, Result};
use crate::evaluate::locks;

/// How large the files of a run are.
pub(super) struct Sizes {
    /// Bytes of an adapter.
    pub(super) adapter: u64,
    /// Bytes of an update that holds A alone, and of one that holds B alone.
    pub(super) halves: [u64; 2],
    /// Tensors of an adapter.
    pub(super) tensors: usize,
}

/// How large they are, by the shapes of the model.
///
/// # Errors
/// There is no config.json, it is no model that this program trains, or this machine cannot lock the process
/// that reads it.
pub(super) fn of_run(spec: &RunSpec, folder: &Path) -> Result<Sizes> {
    let file = places::model(folder).unwrap_or_else(|_| folder.to_path_buf()).join("config.json");
    if !file.is_file() {
        return Err(Error::Argument {
            message: format!("there is no {}, which says how large an update is", file.display()),
            hint: "name the model folder in the run file, or give --update-mb".into(),
        });
    }
    locks::lock(&FileRules { read: vec![file.clone()], ..FileRules::default() }, &[])?;
    let explain = |error: ModelError| Error::Argument {
        message: error.to_string(),
        hint: "give --update-mb, or name another model folder in the run file".into(),
    };
    let text = bounded::read(&file, model::limits::JSON_BYTES_MAX).map_err(explain)?;
    let config = ModelConfig::from_json(&text, &file).map_err(explain)?;
    let shapes = tensor_shapes(&config, &lora(&spec.adapter));
    let half = |factors: Factors| {
        let half = shapes.iter().filter(|(name, _)| factors.include(name)).cloned();
        file_bytes(&half.collect::<Vec<_>>())
    };
    let halves = [half(Factors::A), half(Factors::B)];
    Ok(Sizes { adapter: file_bytes(&shapes), halves, tensors: shapes.len() })
}

/// Length of an adapter file with these tensors in f32: safetensors, as `common::adapter` writes it.
fn file_bytes(shapes: &[(String, [usize; 2])]) -> u64 {
    let (mut header, mut data) = (0, 0_u64);
    for (name, [rows, columns]) in shapes {
        let end = data + 4 * *rows as u64 * *columns as u64;
        let entry =
            format!(r#""{name}":{{"dtype":"F32","shape":[{rows},{columns}],"data_offsets":[{data},{end}]}}"#);
        // And a comma, or the brace at the end.
        header += entry.len() as u64 + 1;
        data = end;
    }
    // The opening brace, padding to whole words, and the header's own length.
    (header + 1).next_multiple_of(8) + 8 + data
}

#[cfg(test)]
mod tests {
    use common::adapter::AdapterWriter;
    use common::run::TensorSpec;

    use super::*;

    #[test]
    fn a_file_has_the_length_that_is_predicted() {
        let folder = tempfile::tempdir().unwrap();
        for tensors in [1, 2, 7, 40] {
            let shapes: Vec<(String, [usize; 2])> = (0..tensors)
                .map(|index| (format!("layers.{index}.lora_A.weight"), [16, 3 + 97 * index]))
                .collect();
            let specs: Vec<TensorSpec> =
                shapes.iter().map(|(name, shape)| TensorSpec { name: name.clone(), shape: *shape }).collect();
            let path = folder.path().join("adapter");
            let mut writer = AdapterWriter::create(&path, &specs).unwrap();
            for (_, [rows, columns]) in &shapes {
                writer.append(&vec![0.5; rows * columns]).unwrap();
            }
            writer.finish().unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().len(), file_bytes(&shapes), "{tensors} tensors");
        }
    }
}
