//! The one error type of the harness: what went wrong, in one sentence, and what to do next.
//!
//! Used by the demo (which prints it and exits) and by the integration tests (which fail with it).
//! A failed child program's own sentence and hint are kept apart, so that they can be shown as they
//! are instead of being wrapped in ours.

use std::path::PathBuf;
use std::time::Duration;

/// Why a consortium could not be started, driven or read.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A binary that must have been built is not there. Retrying does not help.
    #[error("the program {name} is not at {path}", path = .path.display())]
    MissingBinary { name: &'static str, path: PathBuf },
    /// A program ran to its end and reported failure.
    #[error("{program} failed: {sentence}")]
    Command { program: String, sentence: String, hint: Option<String>, code: Option<i32>, log: PathBuf },
    /// A program that should keep running ended.
    #[error("{program} stopped unexpectedly ({how}): {sentence}")]
    Died { program: String, how: String, sentence: String, hint: Option<String>, log: PathBuf },
    /// Something did not happen in time.
    #[error("{what} did not happen within {} s", .after.as_secs())]
    Deadline { what: String, after: Duration, logs: PathBuf },
    /// A run ended without publishing.
    #[error("run {run} failed: {reason}")]
    RunFailed { run: String, reason: String, logs: PathBuf },
    /// A program printed something other than what its contract says.
    #[error("{program} printed output that could not be read: {detail}")]
    Output { program: String, detail: String },
    /// The file system refused.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    /// A socket could not be opened or read.
    #[error("cannot open a UDP socket on loopback: {source}")]
    Socket { source: std::io::Error },
    /// The user's input (a flag, a data file, a run file) cannot be used.
    #[error("{sentence}")]
    Input { sentence: String, hint: String },
    /// The user pressed Ctrl-C.
    #[error("interrupted; every process of the demo has been stopped")]
    Interrupted,
}

impl Failure {
    /// A program's output is not what its contract says.
    pub fn output(program: &str, detail: impl std::fmt::Display) -> Self {
        Self::Output { program: program.to_owned(), detail: detail.to_string() }
    }

    /// The next step for the reader, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::MissingBinary { .. } => {
                Some("run `cargo build --workspace --bins` and try again".to_owned())
            }
            Self::Command { hint, log, .. } | Self::Died { hint, log, .. } => Some(match hint {
                Some(hint) => format!("{hint} (log: {})", log.display()),
                None => format!("read {}", log.display()),
            }),
            Self::Deadline { logs, .. } | Self::RunFailed { logs, .. } => {
                Some(format!("the logs of every process are in {}", logs.display()))
            }
            Self::Input { hint, .. } => Some(hint.clone()),
            Self::File { .. } => {
                Some("check that the path exists, is writable and has space left".to_owned())
            }
            Self::Output { .. } | Self::Socket { .. } | Self::Interrupted => None,
        }
    }

    /// Shorthand for `map_err` on file operations.
    pub fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

/// Splits what a program wrote on stderr into its last sentence and its hint.
///
/// The contract of both binaries: one sentence, an empty line, `hint: <next step>`.
pub fn sentence_and_hint(stderr: &str) -> (String, Option<String>) {
    let mut hint = None;
    let mut sentence = "";
    for line in stderr.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("hint: ") {
            Some(text) => hint = Some(text.to_owned()),
            None => sentence = line,
        }
    }
    let sentence = sentence.strip_prefix("error: ").unwrap_or(sentence);
    let sentence = if sentence.is_empty() { "it printed no reason" } else { sentence };
    (sentence.to_owned(), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_and_a_hint_are_told_apart() {
        let (sentence, hint) = sentence_and_hint("error: the port is taken\n\nhint: choose another\n");
        assert_eq!(sentence, "the port is taken");
        assert_eq!(hint.as_deref(), Some("choose another"));
    }

    #[test]
    fn silence_is_named() {
        assert_eq!(sentence_and_hint("\n").0, "it printed no reason");
    }
}
