//! What a command says to people and to other programs: standard output and standard error, without the
//! standard library's panic when nobody reads any more (`| head`) or the disk is full.
//!
//! Used by the `println!` family of both programs, by what writes a stream of its own, and by the end of both
//! programs, which calls [`finish`]. The family is defined at the top of their `cli.rs`, and in the other
//! place that talks to a person: a macro that a macro makes may not take the name of one of the standard's.
//! Invariants: a reader that goes away is no error and ends the output, not the work; any other failure is
//! told once, at the end.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Nobody reads standard output any more.
static GONE: AtomicBool = AtomicBool::new(false);
/// What else went wrong with it, first.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Standard output; writing to it succeeds also when nobody reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if GONE.load(Ordering::Relaxed) {
            return Ok(bytes.len());
        }
        settled(io::stdout().write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        settled(io::stdout().flush(), ())
    }
}

/// A result with the reader's going away taken out, and noted.
fn settled<T>(result: io::Result<T>, as_if: T) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            GONE.store(true, Ordering::Relaxed);
            Ok(as_if)
        }
        other => other,
    }
}

/// Text as it is, but for control characters and what turns the direction of writing, which are written as
/// `\u{..}`: somebody else may have chosen it.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let is_turning =
            matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (character.is_control() && character != '\t') || is_turning {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whether nobody reads standard output any more: what would go on for ever ends then.
pub fn is_unread() -> bool {
    GONE.load(Ordering::Relaxed)
}

/// Writes to standard output. A failure stays for [`finish`].
pub fn print(text: fmt::Arguments<'_>) {
    if let Err(error) = Out.write_fmt(text) {
        FAILURE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Writes to standard error. There is nowhere left to tell of a failure.
pub fn eprint(text: fmt::Arguments<'_>) {
    let _ = io::stderr().write_fmt(text);
}

/// Writes out what is there so far.
///
/// # Errors
/// What is wrong with standard output, other than that nobody reads it.
pub fn flush() -> io::Result<()> {
    Out.flush()
}

/// Writes out what is left.
///
/// # Errors
/// What went wrong with standard output, other than that nobody reads it.
pub fn finish() -> io::Result<()> {
    let flushed = Out.flush();
    match FAILURE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) => Err(error),
        None => flushed,
    }
}
