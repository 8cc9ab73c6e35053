//! What names a file or an answer. Used by `suite`, `grades` and `review`.

use sha2::{Digest as _, Sha256};

/// SHA-256 in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
