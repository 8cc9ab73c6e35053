//! Why a run file is refused, and the one check of a number against its bounds.
//!
//! Used by `run`, `settings` and `training`; `site-agent train` refuses its TOML in the same words.
//! Invariant: a refusal names the key as the file writes it, the value, and what would be accepted.

use std::fmt;

/// Why a run file is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunError {
    /// Not TOML, or a key is unknown, missing or of the wrong type.
    #[error("the run file cannot be read: {0}")]
    Syntax(String),
    /// A value is outside its bounds.
    #[error("the run file's `{key}` is {value}, but must be {expected}")]
    OutOfBounds { key: &'static str, value: String, expected: &'static str },
}

/// Refuses the value of `key` unless it is `fine`.
pub(super) fn bound(
    fine: bool,
    key: &'static str,
    value: impl fmt::Display,
    expected: &'static str,
) -> Result<(), RunError> {
    if fine { Ok(()) } else { Err(RunError::OutOfBounds { key, value: value.to_string(), expected }) }
}
