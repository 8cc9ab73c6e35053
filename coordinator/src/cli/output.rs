//! How a subcommand writes: data to stdout, the log to stderr. Used by the subcommands and by `cli`.
//! Invariant: a reader of stdout that goes away (`| head`) is not an error.

use std::io::{self, IsTerminal, Write};

use cli::confirm::{Question, Yes};
use common::log_file::SharedLog;
use common::progress::colours;
use common::terminal::{self, Out};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::error::{Error, Result};

/// The log goes to stderr, and of `serve` to its file, too; `RUST_LOG` chooses how much, `NO_COLOR` is
/// honoured.
pub(super) fn start_log(file: Option<SharedLog>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = fmt::layer().with_ansi(colours(io::stderr().is_terminal())).with_writer(io::stderr);
    let file = file.map(|log| fmt::layer().with_ansi(false).with_writer(move || log.clone()));
    tracing_subscriber::registry().with(filter).with(terminal).with(file).init();
}

/// A value as JSON, for scripts.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    print_line(&text)
}

/// What a command did, in one of two ways: a document for programs on stdout, or what is said to a person.
pub(super) fn tell(as_json: bool, document: &serde_json::Value, say: impl FnOnce()) -> Result<()> {
    if as_json {
        return print_json(document);
    }
    say();
    Ok(())
}

/// One line to stdout. A reader that went away (`| head`) ends the output, not in an error.
pub(super) fn print_line(text: &str) -> Result<()> {
    writeln!(Out, "{text}").map_err(cannot_write)
}

/// What is left of the output, at the end of a command.
pub(super) fn finish() -> Result<()> {
    terminal::finish().map_err(cannot_write)
}

pub(super) fn cannot_write(source: io::Error) -> Error {
    Error::Io { action: "write to", path: "standard output".into(), source }
}

/// Asks a person, who must answer `yes`. Where nobody can be asked, `--yes` has to say it.
pub(super) fn confirm(question: &str) -> Result<()> {
    Ok(Yes::default().or_ask(&Question { text: question, expected: "yes", needs_yes: true })?)
}
