//! Rounds that train one of the two factors: what they combine is a part of the adapter, and what they
//! publish is all of it, the rest as it was. Called by `execution::averaging`. Invariants: tensors keep the
//! manifest's order; what was not trained has the bytes of the adapter that the round began with; done
//! again, it gives the same files.

use std::path::Path;

use common::adapter::{AdapterError, AdapterReader, AdapterWriter};
use common::run::TensorSpec;

use super::AggregateError;

/// Elements copied at once: 256 KiB.
const BLOCK_ELEMENTS: usize = 64 * 1024;

/// Writes those of the tensors of `whole`, a file of `tensors`, that `part` names to `out`.
///
/// # Errors
/// The adapter cannot be read, or the part not written.
pub(crate) fn project(
    whole: &Path,
    tensors: &[TensorSpec],
    part: &[TensorSpec],
    out: &Path,
) -> Result<(), AggregateError> {
    let reader = AdapterReader::open(whole, tensors).map_err(AggregateError::Last)?;
    let mut writer = AdapterWriter::create(out, part)?;
    for (index, tensor) in tensors.iter().enumerate() {
        if part.iter().any(|one| one.name == tensor.name) {
            copy(&reader, index, tensor, &mut writer).map_err(AggregateError::Last)?;
        }
    }
    Ok(writer.finish()?)
}

/// Writes all `tensors` to `out`: those of `part` from the file `trained`, the others from `last`.
///
/// # Errors
/// One of both cannot be read, or the adapter not written.
pub(crate) fn complete(
    last: &Path,
    tensors: &[TensorSpec],
    trained: &Path,
    part: &[TensorSpec],
    out: &Path,
) -> Result<(), AggregateError> {
    let last = AdapterReader::open(last, tensors).map_err(AggregateError::Last)?;
    let trained = AdapterReader::open(trained, part)?;
    let mut writer = AdapterWriter::create(out, tensors)?;
    for (index, tensor) in tensors.iter().enumerate() {
        match part.iter().position(|one| one.name == tensor.name) {
            Some(of_part) => copy(&trained, of_part, tensor, &mut writer)?,
            None => copy(&last, index, tensor, &mut writer).map_err(AggregateError::Last)?,
        }
    }
    Ok(writer.finish()?)
}

fn copy(
    reader: &AdapterReader,
    index: usize,
    tensor: &TensorSpec,
    writer: &mut AdapterWriter,
) -> Result<(), AdapterError> {
    let elements = tensor.shape[0] * tensor.shape[1];
    let mut block = vec![0.0; BLOCK_ELEMENTS.min(elements)];
    for first in (0..elements).step_by(BLOCK_ELEMENTS) {
        let values = &mut block[..BLOCK_ELEMENTS.min(elements - first)];
        reader.read(index, first, values)?;
        writer.append(values)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, shape: [usize; 2]) -> TensorSpec {
        TensorSpec { name: name.to_owned(), shape }
    }

    fn write(path: &Path, tensors: &[TensorSpec], first: f32) {
        let mut writer = AdapterWriter::create(path, tensors).unwrap();
        let count: usize = tensors.iter().map(|tensor| tensor.shape[0] * tensor.shape[1]).sum();
        writer.append(&(0..count).map(|at| first + at as f32).collect::<Vec<_>>()).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn a_part_and_the_rest_make_the_whole_again_byte_for_byte() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        // The last one has more than a block.
        let tensors = [
            spec("m.k.lora_A.weight", [2, 5]),
            spec("m.k.lora_B.weight", [4, 2]),
            spec("m.q.lora_A.weight", [2, 40_000]),
        ];
        let part = [tensors[0].clone(), tensors[2].clone()];
        write(&at("last"), &tensors, 1.0);
        project(&at("last"), &tensors, &part, &at("part")).unwrap();
        complete(&at("last"), &tensors, &at("part"), &part, &at("again")).unwrap();
        assert_eq!(std::fs::read(at("again")).unwrap(), std::fs::read(at("last")).unwrap());

        write(&at("trained"), &part, -9.0);
        complete(&at("last"), &tensors, &at("trained"), &part, &at("next")).unwrap();
        let next = AdapterReader::open(&at("next"), &tensors).unwrap();
        let last = AdapterReader::open(&at("last"), &tensors).unwrap();
        assert_eq!(next.read_whole(1).unwrap(), last.read_whole(1).unwrap(), "it was not trained");
        assert_eq!(next.read_whole(0).unwrap()[..2], [-9.0, -8.0]);
        assert_eq!(next.read_whole(2).unwrap()[..2], [1.0, 2.0], "after the ten of the first");
    }

    #[test]
    fn a_file_of_other_tensors_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let tensors = [spec("m.k.lora_A.weight", [1, 2]), spec("m.k.lora_B.weight", [2, 1])];
        write(&at("last"), &tensors, 0.0);
        assert!(project(&at("last"), &tensors[..1], &tensors[..1], &at("out")).is_err());
        assert!(complete(&at("last"), &tensors, &at("last"), &tensors[1..], &at("out")).is_err());
    }
}
