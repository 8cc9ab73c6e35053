//! Adapter files: safetensors with exactly the tensors that a run's manifest names, all f32, nothing else.
//! Used by the site agent (`protect`) and the coordinator (`intake`, `aggregate`). Invariant: read in blocks,
//! so that memory does not grow with the adapter or the number of sites.

mod bounds;
mod header;
mod read;
mod write;

pub use read::{AdapterReader, TensorNorm, ValueSummary};
pub use write::AdapterWriter;

use std::io;

/// Why a file is not the adapter a run asks for. Only [`AdapterError::Io`] is worth a retry. Texts name
/// tensors of the manifest, never contents.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// The file cannot be read or written.
    #[error("adapter file: {0}")]
    Io(#[from] io::Error),
    /// Not a safetensors file, or one with a suspicious header.
    #[error("not a valid adapter file: {0}")]
    Header(&'static str),
    /// A tensor of the manifest is absent, or one too many is present.
    #[error("the adapter's tensors are not those of the run: {0}")]
    TensorSet(String),
    /// A shape or element type differs.
    #[error("tensor {name} is not f32 of shape {expected:?}")]
    Shape { name: String, expected: [usize; 2] },
    /// Not-a-number, infinity, or a value beyond the limit.
    #[error("tensor {name} holds a value that is not finite or exceeds {limit}")]
    Value { name: String, limit: f32 },
    /// The whole adapter is too large.
    #[error("the adapter's norm {norm:.1} exceeds {limit:.1}")]
    Norm { norm: f64, limit: f64 },
    /// A tensor grew too much since the last adapter.
    #[error(
        "tensor {name} grew to the norm {norm:.1}, more than the {limit:.1} that may follow the last adapter"
    )]
    Growth { name: String, norm: f64, limit: f64 },
}

impl AdapterError {
    /// Whether trying again may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

#[cfg(test)]
mod tests;
