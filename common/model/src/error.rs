//! Everything that can go wrong in the model crate, in one enum. Used by the whole crate and by both
//! binaries, which print the message, a blank line and `hint: ...`, and choose the exit code by
//! [`ModelError::is_user_error`].
//!
//! Invariant: no message ever contains the text of a training record; records are named by file and line.

use std::path::{Path, PathBuf};

/// A failure in the model crate. Each variant says whether trying again can help.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be opened, read or written. A retry helps once the cause (path, rights, disk) is
    /// gone.
    #[error("cannot read or write {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A configuration file (config.json, tokenizer_config.json, adapter_config.json) is not valid. No retry.
    #[error("{} is not a usable configuration: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file asks for something this program knows of but does not implement. No retry.
    #[error("{what} is not supported")]
    Unsupported {
        /// The architecture, option or format, by name.
        what: String,
        /// What to do instead.
        hint: String,
    },
    /// A checkpoint file is truncated or contradicts its index or config. A retry helps after a new download.
    #[error("the checkpoint file {} is damaged or does not belong to this model: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint lacks a tensor which the model needs. A retry helps after a new download.
    #[error("the checkpoint in {} has no tensor {name}", path.display())]
    MissingTensor {
        /// The folder.
        path: PathBuf,
        /// The tensor's name.
        name: String,
    },
    /// Adapter bytes do not fit the model and the adapter settings. No retry.
    #[error("the adapter does not fit: {reason}")]
    Adapter {
        /// Which tensor or setting, and why.
        reason: String,
    },
    /// A setting is outside what is possible. No retry.
    #[error("{name} cannot be used: {reason}")]
    Setting {
        /// The setting's name as the user writes it.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// tokenizer.json cannot be loaded, or a text cannot be encoded with it. No retry.
    #[error("the tokenizer {} cannot be used: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The chat template cannot be parsed or refuses a conversation. No retry.
    #[error("the chat template cannot be used: {reason}")]
    Template {
        /// Why; never the text of the conversation.
        reason: String,
    },
    /// A record contains the text of one of the tokenizer's special tokens. No retry; the record is at fault.
    #[error("{what} contains the text of a special token, which would {harm}")]
    SpecialToken {
        /// Which message, by number; never its text.
        what: String,
        /// What would follow.
        harm: &'static str,
    },
    /// The chat template takes more time or memory than any template has to, or its source is too large. No
    /// retry.
    #[error("the chat template takes more than a template may: {rule}")]
    TemplateSpent {
        /// The bound.
        rule: String,
    },
    /// There is nothing to train on or to evaluate. No retry.
    #[error("no supervised token is left: {reason}")]
    NothingSupervised {
        /// Why.
        reason: String,
    },
    /// A training checkpoint belongs to another run. A retry without it starts that training again.
    #[error("the training checkpoint cannot be resumed: {reason}")]
    Resume {
        /// What differs.
        reason: String,
    },
    /// The loss or a gradient became infinite or not a number. A retry with the same settings gives the same.
    #[error("training diverged at step {step}: {what} is not finite")]
    Diverged {
        /// The optimiser step, counted from 1.
        step: u64,
        /// Loss or gradient.
        what: &'static str,
    },
    /// The chosen device cannot be used, or gave out during the work. A retry helps once the cause is gone
    /// (driver installed, memory free); the adapter is as before the step.
    #[error("the device {device} cannot be used: {reason}")]
    Device {
        /// As the user wrote it.
        device: String,
        /// What is missing or went wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A fault of this program. A retry does not help; please report it.
    #[error("internal fault in the model engine: {reason}")]
    Internal {
        /// What was violated.
        reason: String,
    },
}

impl ModelError {
    /// Wraps an operating-system error with the path it is about.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    /// Whether the user can mend it (exit code 1), as opposed to a fault of ours (exit code 2).
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        !matches!(self, Self::Internal { .. })
    }

    /// The next step for the user, one sentence without a full stop at the end.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { .. } => "check that the path exists and that this user may read it",
            Self::Config { .. } => "use the file as published with the model; do not edit it by hand",
            Self::Unsupported { hint, .. } | Self::Device { hint, .. } => hint.as_str(),
            Self::Checkpoint { .. } | Self::MissingTensor { .. } => {
                "download the model folder again and compare the files' SHA-256 with the published ones"
            }
            Self::Adapter { .. } => {
                "use the adapter with the base model and LoRA settings it was trained with"
            }
            Self::Setting { .. } => {
                "correct this setting where it was given: in the run file, the configuration or the command"
            }
            Self::Tokenizer { .. } => "use the tokenizer files published with the model",
            Self::Template { .. } => "use the chat template published with the model, and roles it knows",
            Self::SpecialToken { .. } => "take the token's text out of the record, or leave the record out",
            Self::TemplateSpent { .. } => {
                "do not use this model folder: no published template comes near this bound; get it again from its publisher"
            }
            Self::NothingSupervised { .. } => {
                "check that the records have assistant answers and that cutoff_tokens is long enough for them"
            }
            Self::Resume { .. } => "delete the training checkpoint to start that training again",
            Self::Diverged { .. } => "lower learning_rate, or lower max_gradient_norm",
            Self::Internal { .. } => return None,
        };
        Some(text.to_owned())
    }
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, ModelError>;
