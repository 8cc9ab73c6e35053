//! Whether a checkpoint's head is what its config says. Called by the loader, by quantising and by the merged
//! export. Invariant: a head that is tied is the embedding, whoever loads the folder: some versions of
//! transformers then ignore another `lm_head.weight` in the file, others take it.

use super::CheckpointReader;
use crate::config::ModelConfig;
use crate::error::Result;

const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";
/// Bytes of each that are compared at a time.
const PART_BYTES: usize = 8 << 20;

impl CheckpointReader {
    /// Refuses another head where the config ties it to the embedding.
    ///
    /// # Errors
    /// `Checkpoint` when they differ, or a file ends early.
    pub fn require_tied(&self, config: &ModelConfig) -> Result<()> {
        let (true, Some(head), Some(embedding)) =
            (config.tie_word_embeddings, self.entry(HEAD), self.entry(EMBEDDING))
        else {
            return Ok(());
        };
        let mut is_same = (head.dtype, &head.shape) == (embedding.dtype, &embedding.shape);
        for start in (0..head.bytes()).step_by(PART_BYTES) {
            let length = PART_BYTES.min(head.bytes() - start);
            is_same = is_same
                && self.read_part(HEAD, start, length)? == self.read_part(EMBEDDING, start, length)?;
        }
        if is_same {
            return Ok(());
        }
        let reason = format!(
            "config.json ties {HEAD} to the embedding (tie_word_embeddings), but the file has another {HEAD}"
        );
        Err(self.damage(HEAD, reason))
    }
}
