//! A secret line from standard input: piped in, or typed at a terminal without being shown. Used by
//! `site-agent join`. Invariant: the line is in no buffer but the one that is returned, which is wiped when
//! dropped.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Reads standard input up to the first line feed or its end, at most `bytes_max` bytes. At a terminal
/// `prompt` is called first, and what is typed is not shown.
///
/// # Errors
/// Standard input cannot be read; more than `bytes_max` bytes are in the line
/// ([`io::ErrorKind::InvalidData`]); it is no text; or a signal came while the person typed
/// ([`io::ErrorKind::Interrupted`]).
pub fn read(bytes_max: usize, prompt: impl FnOnce()) -> io::Result<Zeroizing<String>> {
    let input = io::stdin();
    if !input.is_terminal() {
        return read_line(bytes_max);
    }
    prompt();
    let _silent = Silent::begin()?;
    read_line(bytes_max)
}

fn read_line(bytes_max: usize) -> io::Result<Zeroizing<String>> {
    // `Stdin` keeps what it read in a buffer that nobody wipes, so it is passed by; one byte at a time, so
    // that what follows the line stays for whoever reads next.
    let input = io::stdin();
    let mut line = Zeroizing::new(Vec::with_capacity(bytes_max));
    let mut byte = Zeroizing::new([0]);
    while rustix::io::read(input.as_fd(), byte.as_mut_slice())? == 1 && byte[0] != b'\n' {
        if line.len() == bytes_max {
            return Err(io::ErrorKind::InvalidData.into());
        }
        line.push(byte[0]);
    }
    let text = std::str::from_utf8(&line).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// While it lives, the terminal shows nothing of what is typed but line feeds.
struct Silent(Termios);

impl Silent {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // There is nobody to be told.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
