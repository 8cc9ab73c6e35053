//! What the server says to whoever started it. Used by all files of `serve`. Invariant: a standard error
//! that is closed ends nothing.

use std::io::{self, Write as _};

/// A line on standard error. Where that is closed, as after the end of a terminal, the server goes on.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
