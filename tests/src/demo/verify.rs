//! Checks every site's ledger with both verifiers, after the run, as a privacy officer would.
//!
//! Called by `demo`. The second verifier is a Python script that shares no code with the first; it
//! needs nothing but Python's standard library, and is skipped by name where there is no Python 3.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::consortium::Consortium;
use crate::failure::Failure;
use crate::limits::VERIFY_S_MAX;
use crate::process;
use crate::status::LedgerStatus;
use crate::wait::Interrupt;

/// What each verifier gets.
const VERIFICATION: Duration = Duration::from_secs(VERIFY_S_MAX);

/// What the verifiers say about one site.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verification {
    pub verified: bool,
    pub by_python: Option<bool>,
    pub bytes_sent: u64,
    pub frames_sent: u64,
}

/// One verification a site, in the consortium's order.
pub(super) fn all(
    consortium: &Consortium,
    repository: &Path,
    interrupt: &Interrupt,
) -> Result<Vec<Verification>, Failure> {
    let script = repository.join("deploy/verify_ledger.py");
    let python = script.is_file() && python_is_there();
    consortium
        .sites
        .iter()
        .map(|site| {
            let finished = site.run(&["ledger", "verify", "--json"], VERIFICATION)?;
            let verified = finished.code() == Some(0);
            // A ledger that is not intact has no totals anybody should print.
            let ledger =
                if verified { LedgerStatus::parse(&finished.stdout)? } else { LedgerStatus::default() };
            let by_python = if python {
                let mut command = Command::new("python3");
                command.arg(&script).arg(site.state().join("ledger/ledger.log"));
                let finished =
                    process::run(command, "verify_ledger", consortium.logs(), VERIFICATION, interrupt)?;
                Some(finished.code() == Some(0))
            } else {
                None
            };
            Ok(Verification { verified, by_python, bytes_sent: ledger.bytes, frames_sent: ledger.frames() })
        })
        .collect()
}

fn python_is_there() -> bool {
    let asked = Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}
