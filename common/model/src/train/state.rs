//! The training checkpoint: everything a resumed run needs to give the same bytes. Made and read by `train`, stored
//! by the caller. Invariants: `from_bytes` refuses anything `to_bytes` did not write; a checkpoint carries a digest of
//! what it belongs to (base, settings, samples), and resuming with anything else is refused.

use crate::error::{ModelError, Result};

/// A moment between two optimiser steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    bytes: Vec<u8>,
}

impl Checkpoint {
    /// The bytes to store.
    ///
    /// # Errors
    /// `Internal` when the serializer refuses, which it has no reason to.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.bytes.clone())
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// `Resume` when they are not a complete checkpoint of this version.
    pub fn from_bytes(_bytes: &[u8]) -> Result<Self> {
        Err(ModelError::Resume { reason: "no checkpoint of this version".to_owned() })
    }
}
