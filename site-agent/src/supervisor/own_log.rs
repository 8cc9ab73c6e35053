//! What the agent itself tells: on standard error for whoever started it, and in `logs/agent.log` for
//! `site-agent logs`, each line with its time. Used by `lines` and by `cli::run`, whose warnings go the same
//! way. Invariants: bounded like the children's logs; no text of a record comes here.

use std::io::{self, Write};
use std::path::Path;

use common::clock::{Clock as _, SystemClock};
use common::log_file::SharedLog;
use common::terminal;

/// The agent's own log; copies write to the same one.
#[derive(Clone, Debug, Default)]
pub struct OwnLog(SharedLog);

impl OwnLog {
    /// Goes on with the log at `path`; where it cannot be opened, standard error alone is written to.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        Self(SharedLog::open(path))
    }

    /// One line, which gets its time.
    pub(super) fn say(&self, text: &str) {
        terminal::eprint(format_args!("{}", self.0.line(SystemClock.now(), text)));
    }

    /// Why the agent ends. Standard error is told by the end of the program.
    pub fn end(&self, error: &dyn std::fmt::Display) {
        self.0.line(SystemClock.now(), &format!("the agent ends: {error}"));
    }
}

/// For `tracing`, which writes whole lines that have their time.
impl Write for OwnLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(line);
        self.0.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
