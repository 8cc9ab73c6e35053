//! How a subcommand writes: data to stdout, the log to stderr. Used by the subcommands and by `cli`.
//! Invariant: a reader of stdout that goes away (`| head`) is not an error.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use common::progress::colours;
use common::terminal::{self, Out};

use crate::error::{Error, Result};
use crate::limits::ANSWER_BYTES_MAX;

/// Logs go to stderr; `RUST_LOG` chooses how much, `NO_COLOR` is honoured.
pub(super) fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours(io::stderr().is_terminal()))
        .with_writer(io::stderr)
        .init();
}

/// A value as JSON, for scripts.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    print_line(&text)
}

/// One line to stdout. A reader that went away (`| head`) ends the output, not in an error.
pub(super) fn print_line(text: &str) -> Result<()> {
    writeln!(Out, "{text}").map_err(cannot_write)
}

/// What is left of the output, at the end of a command.
pub(super) fn finish() -> Result<()> {
    terminal::finish().map_err(cannot_write)
}

fn cannot_write(source: io::Error) -> Error {
    Error::Io { action: "write to", path: "standard output".into(), source }
}

/// Asks a person, who must answer `yes`. Where nobody can be asked, `--yes` has to say it.
pub(super) fn confirm(question: &str) -> Result<()> {
    let refused = |message: &str, hint: &str| Error::Argument { message: message.into(), hint: hint.into() };
    if !io::stdin().is_terminal() {
        return Err(refused("nobody can be asked here", "add --yes if you have decided"));
    }
    eprint!("{question} [yes/no] ");
    let mut answer = String::new();
    let mut input = io::stdin().lock().take(ANSWER_BYTES_MAX);
    input.read_line(&mut answer).map_err(|source| Error::Io {
        action: "read from",
        path: "standard input".into(),
        source,
    })?;
    if answer.trim() == "yes" {
        return Ok(());
    }
    Err(refused("nothing was changed", "answer `yes` in full to go on"))
}
