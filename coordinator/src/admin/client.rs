//! The asking side: of the admin socket on the coordinator's machine, or from afar (`remote`). Used by the
//! short-lived subcommands of `cli`; it blocks. Invariants: a coordinator that is not there is
//! [`Error::NotRunning`] or [`Error::NotReached`], one that stands still [`Error::NotAnswering`]; there is no
//! wait without end; who was sent to a context never gets an answer from a state folder here.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::id::RunId;
use common::limits::{LOCAL_MESSAGE_BYTES_MAX, ROUNDS_MAX};
use common::run::RunManifest;
use common::terminal::visible;
use serde_json::Value;

use super::message::{Answer, Command, Signature};
use super::remote::{Context, RemoteLines};
use super::report::{RoundReport, RunReport};
use super::signing::{self, Wanted};
use crate::error::{Error, Result};
use crate::limits::{ANSWER_WAIT_MS_MAX, WORKING_ANSWERS_MAX};
use crate::state_folder::StateFolder;

/// Where the coordinator is.
#[derive(Debug)]
pub enum Door {
    /// On this machine, with this state folder.
    Here(StateFolder),
    /// Somewhere else.
    There(Box<Context>),
}

impl Door {
    /// The state folder, for what is done with its files.
    ///
    /// # Errors
    /// The coordinator is somewhere else.
    pub fn here(&self) -> Result<&StateFolder> {
        match self {
            Self::Here(folder) => Ok(folder),
            Self::There(context) => Err(Error::Argument {
                message: format!(
                    "this needs files of the coordinator's machine, and the context {} is from afar",
                    context.name
                ),
                hint: "do it on that machine, or name a state folder of this one with --state".into(),
            }),
        }
    }
}

/// Asks the running coordinator one thing.
///
/// # Errors
/// No coordinator is running, it does not answer, or it could not do what was asked.
pub fn ask(door: &Door, command: &Command) -> Result<Answer> {
    let mut lines = Lines::open(door, command)?;
    for _ in 0..WORKING_ANSWERS_MAX {
        match lines.next()? {
            Some(Answer::Working) => {}
            Some(answer) => return Ok(answer),
            None => return Err(lines.gone()),
        }
    }
    Err(match door {
        Door::Here(folder) => Error::NotAnswering(folder.path().to_path_buf()),
        Door::There(context) => context.not_reached("it says that it is at work, and nothing else".into()),
    })
}

/// As [`ask`], of what launches a run: from another machine the operator signs its terms. Returns them too,
/// if so.
///
/// # Errors
/// As [`ask`]; the coordinator asks to sign something else than is wanted, or launched it without asking.
pub fn launch(door: &Door, command: &Command, wanted: Wanted<'_>) -> Result<(Answer, Option<RunManifest>)> {
    let mut lines = Lines::open(door, command)?;
    let mut signed = None;
    for _ in 0..WORKING_ANSWERS_MAX {
        match (lines.next()?, door) {
            (Some(Answer::Working), _) => {}
            (Some(Answer::Sign { manifest, signature }), Door::There(context)) if signed.is_none() => {
                let (said, terms) = signing::sign(context, &manifest, &signature, wanted)?;
                lines.say(&said)?;
                signed = Some(terms);
            }
            (Some(Answer::Launched { run, .. }), Door::There(_))
                if signed.is_none() && !matches!(wanted, Wanted::Nothing) =>
            {
                return Err(Error::LaunchedUnsigned(run_id(&run)));
            }
            (Some(answer), _) => return Ok((answer, signed)),
            (None, _) => return Err(lines.gone()),
        }
    }
    Err(lines.gone())
}

/// The id of a run as another machine says it, for a command that is to be copied: an id, or nothing of it.
pub fn run_id(said: &str) -> String {
    said.parse::<RunId>()
        .map_or_else(|_| "(what it says is no id of a run)".to_owned(), |run| run.to_string())
}

/// A run as the running coordinator sees it: the newest, or the one that is meant.
///
/// # Errors
/// As [`ask`].
pub fn status(door: &Door, run: Option<&str>) -> Result<RunReport> {
    let mut lines = Lines::open(door, &Command::Status { run: run.map(str::to_owned) })?;
    lines.report(&mut Vec::new())?.ok_or_else(|| lines.gone())
}

/// Follows a run; `show` gets each new report. Returns the last one.
///
/// # Errors
/// What `show` says, no coordinator is running, it went away before the run was over, or it knows no such
/// run.
pub fn watch(door: &Door, run: &str, mut show: impl FnMut(&RunReport) -> Result<()>) -> Result<RunReport> {
    let mut lines = Lines::open(door, &Command::Watch { run: run.to_owned() })?;
    let (mut history, mut last) = (Vec::new(), None);
    while let Some(report) = lines.report(&mut history)? {
        show(&report)?;
        last = Some(report);
    }
    match last {
        Some(report) if matches!(report.phase.as_str(), "finished" | "failed") => Ok(report),
        // The coordinator went away; the run goes on when it comes back.
        _ => Err(lines.gone()),
    }
}

/// What the coordinator answers, line by line.
struct Lines<'a> {
    door: &'a Door,
    source: Source<'a>,
}

enum Source<'a> {
    Socket(BufReader<UnixStream>),
    Remote(Box<RemoteLines<'a>>),
}

impl<'a> Lines<'a> {
    fn open(door: &'a Door, command: &Command) -> Result<Self> {
        let mut line = serde_json::to_vec(command).map_err(|error| Error::Internal(error.to_string()))?;
        line.push(b'\n');
        let source = match door {
            Door::Here(folder) => Source::Socket(open_socket(folder, &line)?),
            Door::There(context) => Source::Remote(Box::new(RemoteLines::open(context, &line)?)),
        };
        Ok(Self { door, source })
    }

    /// Says one line more, which only a coordinator elsewhere asks for.
    fn say(&mut self, said: &Signature) -> Result<()> {
        let mut line = serde_json::to_vec(said).map_err(|error| Error::Internal(error.to_string()))?;
        line.push(b'\n');
        match &mut self.source {
            Source::Remote(lines) => lines.say(&line),
            Source::Socket(_) => {
                Err(Error::Internal("nothing is signed on the coordinator's machine".into()))
            }
        }
    }

    fn gone(&self) -> Error {
        match self.door {
            Door::Here(folder) => Error::NotRunning(folder.path().to_path_buf()),
            Door::There(context) => context.not_reached("the connection ended".into()),
        }
    }

    fn next(&mut self) -> Result<Option<Answer>> {
        let line = match &mut self.source {
            Source::Remote(lines) => lines.next()?,
            Source::Socket(reader) => {
                let mut line = Vec::new();
                let read = reader.take(LOCAL_MESSAGE_BYTES_MAX as u64).read_until(b'\n', &mut line);
                match (read, self.door) {
                    (Err(error), Door::Here(folder))
                        if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                    {
                        return Err(Error::NotAnswering(folder.path().to_path_buf()));
                    }
                    (Err(error), _) if error.kind() == ErrorKind::ConnectionReset => return Err(self.gone()),
                    (Err(error), _) => return Err(Error::Internal(format!("admin socket: {error}"))),
                    // It was killed in the middle of a line.
                    (Ok(_), _) if line.last() != Some(&b'\n') => None,
                    (Ok(_), _) => Some(line),
                }
            }
        };
        let Some(line) = line else { return Ok(None) };
        let is_remote = matches!(self.source, Source::Remote(_));
        match serde_json::from_slice(&line).and_then(|said| heard(said, is_remote)) {
            Ok(Answer::Failed { message, hint, user }) => Err(failed(&message, hint.as_deref(), user)),
            Ok(answer) => Ok(Some(answer)),
            Err(error) => Err(Error::Internal(format!("unreadable answer: {error}"))),
        }
    }

    /// The next report, put together from its lines; `history` is what there was of its rounds before.
    fn report(&mut self, history: &mut Vec<RoundReport>) -> Result<Option<RunReport>> {
        let unexpected = || Error::Internal("the coordinator answered something else".into());
        let Some(answer) = self.next()? else { return Ok(None) };
        let Answer::Run { report, keep, follow } = answer else { return Err(unexpected()) };
        if keep > history.len() || keep.saturating_add(follow) > ROUNDS_MAX as usize {
            return Err(unexpected());
        }
        history.truncate(keep);
        while history.len() < keep + follow {
            match self.next()? {
                Some(Answer::Rounds { rounds }) if !rounds.is_empty() => history.extend(rounds),
                Some(_) => return Err(unexpected()),
                None => return Ok(None),
            }
        }
        Ok(Some(RunReport { history: history.clone(), ..*report }))
    }
}

/// What another machine says goes to a terminal: lines of text, and nothing that moves a cursor.
fn heard(said: Value, is_remote: bool) -> serde_json::Result<Answer> {
    fn made_visible(value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(lines_of(&text)),
            Value::Array(values) => Value::Array(values.into_iter().map(made_visible).collect()),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, value)| (key, made_visible(value))).collect())
            }
            other => other,
        }
    }
    // What is to be signed is read as bytes, and shown by nobody before that.
    let is_terms = said.get("answer").is_some_and(|answer| answer == "sign");
    serde_json::from_value(if is_remote && !is_terms { made_visible(said) } else { said })
}

fn lines_of(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

fn failed(message: &str, hint: Option<&str>, user: bool) -> Error {
    Error::Remote { message: lines_of(message), hint: hint.map(lines_of), user }
}

fn open_socket(folder: &StateFolder, line: &[u8]) -> Result<BufReader<UnixStream>> {
    let path = folder.socket();
    let not_running = |_| Error::NotRunning(folder.path().to_path_buf());
    let (_folder, short) = folder.short_socket()?;
    let mut stream = UnixStream::connect(short).map_err(not_running)?;
    let wait = Some(Duration::from_millis(ANSWER_WAIT_MS_MAX));
    let bounded = stream.set_read_timeout(wait).and_then(|()| stream.set_write_timeout(wait));
    bounded.map_err(Error::io("open", &path))?;
    stream.write_all(line).map_err(Error::io("write to", &path))?;
    Ok(BufReader::new(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_coordinator_says_moves_no_cursor() {
        let error = failed("one\ntwo\u{1b}[2J", Some("\u{202e}hint"), true);
        assert_eq!(error.to_string(), "one\ntwo\\u{1b}[2J");
        assert_eq!(error.hint().unwrap(), "\\u{202e}hint");
    }
}
