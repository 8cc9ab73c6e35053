//! How the invitation comes in: by standard input or by a file that only its owner can read, never by the
//! command line, which every user of the machine can see. Called by `join`, and by the command line before it
//! parses. Invariant: no error repeats what was given.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use certs::{CertError, Invitation};
use common::private::{self, PrivateError};

use crate::error::SiteError;
use crate::limits::INVITATION_BYTES_MAX;

/// What an invitation begins with, in any version.
const SCHEME: &str = "consilium";

/// Refuses an invitation among the arguments, of whatever verb.
///
/// # Errors
/// `Enrolment`, with how to give it instead.
pub(in crate::cli) fn refuse_in_arguments(
    arguments: impl Iterator<Item = OsString>,
) -> Result<(), SiteError> {
    let is_one = |argument: OsString| {
        let text = argument.to_string_lossy().to_lowercase();
        text.match_indices("://")
            .any(|(end, _)| text[..end].trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(SCHEME))
    };
    if arguments.into_iter().any(is_one) { Err(in_arguments()) } else { Ok(()) }
}

/// What is said of an invitation in the command line.
pub(super) fn in_arguments() -> SiteError {
    SiteError::Enrolment {
        sentence: "an invitation must not stand in the command line: every user of this machine can read it there"
            .into(),
        hint: "ask the coordinator's operator for another one (this one may have been seen), leave it out of the \
               command, and paste it when it asks; or name a file that only you can read with \
               --invitation-file"
            .into(),
    }
}

/// Reads and parses the invitation: from `file`, else from standard input.
///
/// # Errors
/// `Enrolment` when there is none, it is damaged, or the file may be read by others; `Io`.
pub(in crate::cli) fn read(file: Option<&Path>) -> Result<Invitation, SiteError> {
    match file {
        Some(path) => {
            let bytes = private::read_file(path, INVITATION_BYTES_MAX as u64).map_err(|error| {
                refused(
                    error,
                    "make it yours alone with `chmod 600 FILE`, or give the invitation on standard input",
                )
            })?;
            let text = std::str::from_utf8(&bytes).map_err(|_| damaged(&CertError::InvitationScheme))?;
            Invitation::parse(text).map_err(|error| damaged(&error))
        }
        None => {
            let line =
                private::line::read(INVITATION_BYTES_MAX, || eprint!("invitation (it is not shown): "));
            let line = line.map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => damaged(&CertError::InvitationScheme),
                _ => SiteError::io(Path::new("standard input"), error),
            })?;
            if line.trim().is_empty() {
                return Err(none_given());
            }
            Invitation::parse(&line).map_err(|error| damaged(&error))
        }
    }
}

/// A refusal of a file or folder, with what to do about it.
pub(super) fn refused(error: PrivateError, hint: &str) -> SiteError {
    match error {
        PrivateError::Io { path, source } => SiteError::io(&path, source),
        PrivateError::Refused { .. } => {
            SiteError::Enrolment { sentence: error.to_string(), hint: hint.to_owned() }
        }
    }
}

fn none_given() -> SiteError {
    let how = if io::stdin().is_terminal() { "paste" } else { "pipe" };
    SiteError::Enrolment {
        sentence: "no invitation was given".into(),
        hint: format!(
            "{how} the line that `coordinator invite` printed into this command, or name a file that only you can read \
             with --invitation-file"
        ),
    }
}

fn damaged(error: &CertError) -> SiteError {
    SiteError::Enrolment {
        sentence: error.to_string(),
        hint: "give the whole line that `coordinator invite` printed".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_recognised_wherever_it_stands() {
        let arguments = |words: &[&str]| {
            refuse_in_arguments(words.iter().map(OsString::from).collect::<Vec<_>>().into_iter())
        };
        for bad in
            ["consilium1://h:1/s/TOKEN/PIN", "--x=consilium1://h:1/s", " Consilium2://h", "consilium://h"]
        {
            let error = arguments(&["site-agent", "join", "--data", "f", bad]).unwrap_err();
            assert!(!error.to_string().contains("TOKEN") && error.hint().is_some());
        }
        arguments(&["join", "--state", "/srv/consilium1/x", "https://example.org", "consilium1"]).unwrap();
    }
}
