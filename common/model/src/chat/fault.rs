//! Errors of templates. Used by `chat::{tokenizer, tokenizer_config, template, mask}`. Invariant: no text of
//! a conversation is in an error.

use crate::error::ModelError;

/// The error of a template that cannot be used with a conversation.
pub(super) fn template_fault(reason: &str) -> ModelError {
    ModelError::Template { reason: reason.to_owned() }
}
