//! The asking side of the admin socket. Used by the short-lived subcommands of `cli`; it blocks. Invariant: a
//! coordinator that does not answer is [`Error::NotRunning`], never a wait without end.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

use common::limits::LOCAL_MESSAGE_BYTES_MAX;

use super::message::{Answer, Command};
use super::report::RunReport;
use crate::error::{Error, Result};
use crate::state_folder::StateFolder;

/// Asks the running coordinator one thing.
///
/// # Errors
/// No coordinator is running, or it could not do what was asked.
pub fn ask(folder: &StateFolder, command: &Command) -> Result<Answer> {
    let mut lines = send(folder, command)?;
    next(&mut lines)?.ok_or_else(|| Error::NotRunning(folder.path().to_path_buf()))
}

/// Follows a run; `show` gets each new report. Returns the last one.
///
/// # Errors
/// No coordinator is running, it went away before the run was over, or it knows no such run.
pub fn watch(folder: &StateFolder, run: &str, mut show: impl FnMut(&RunReport)) -> Result<RunReport> {
    let mut lines = send(folder, &Command::Watch { run: run.to_owned() })?;
    let mut last = None;
    while let Some(answer) = next(&mut lines)? {
        if let Answer::Run { report } = answer {
            show(&report);
            last = Some(*report);
        }
    }
    match last {
        Some(report) if matches!(report.phase.as_str(), "finished" | "failed") => Ok(report),
        // The coordinator went away; the run goes on when it comes back.
        _ => Err(Error::NotRunning(folder.path().to_path_buf())),
    }
}

type Lines = BufReader<UnixStream>;

fn send(folder: &StateFolder, command: &Command) -> Result<Lines> {
    let path = folder.socket();
    let not_running = |_| Error::NotRunning(folder.path().to_path_buf());
    let (_folder, short) = folder.short_socket()?;
    let mut stream = UnixStream::connect(short).map_err(not_running)?;
    let mut line = serde_json::to_vec(command).map_err(|error| Error::Internal(error.to_string()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(Error::io("write to", &path))?;
    Ok(BufReader::new(stream))
}

fn next(lines: &mut Lines) -> Result<Option<Answer>> {
    let mut line = Vec::new();
    let read = lines.take(LOCAL_MESSAGE_BYTES_MAX as u64).read_until(b'\n', &mut line);
    read.map_err(|error| Error::Internal(format!("admin socket: {error}")))?;
    if line.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice(&line) {
        Ok(Answer::Failed { message, hint, user }) => Err(Error::Remote { message, hint, user }),
        Ok(answer) => Ok(Some(answer)),
        Err(error) => Err(Error::Internal(format!("unreadable answer: {error}"))),
    }
}
