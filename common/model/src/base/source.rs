//! Where the loader takes a model's weights from. Used by `base::loader`. Invariant: names are those of a
//! checkpoint, whatever the file calls them.

use crate::checkpoint::CheckpointReader;
use crate::error::Result;
use crate::export::gguf::GgufFile;

/// Files with weights.
pub(super) enum Source {
    /// A Hugging Face folder.
    Checkpoint(CheckpointReader),
    /// A GGUF file that was exported here.
    Gguf(GgufFile),
}

impl Source {
    /// A dense tensor widened to f32.
    ///
    /// # Errors
    /// `MissingTensor`; `Checkpoint` when it is damaged or of another shape.
    pub(super) fn read_f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        match self {
            Self::Checkpoint(reader) => Ok(reader.read_f32(name, shape)?.0),
            Self::Gguf(file) => file.read_f32(name, shape),
        }
    }
}
