//! The command line of `site-agent`, driven as a user drives it: the real binary, its exit code, its words.
//! `env!("CARGO_BIN_EXE_site-agent")` also makes `cargo test --workspace` build the binary, which the
//! integration tests in `tests/` start as separate processes.

#![allow(clippy::print_stdout, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "helpers of tests; clippy knows only the test functions themselves")]

#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/checked.rs"]
mod checked;
#[path = "cli/consent.rs"]
mod consent;
#[path = "cli/data.rs"]
mod data;
#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/evaluate.rs"]
mod evaluate;
#[path = "cli/field.rs"]
mod field;
#[path = "cli/folds.rs"]
mod folds;
#[path = "cli/generate.rs"]
mod generate;
#[path = "cli/ledger.rs"]
mod ledger;
#[path = "cli/origin.rs"]
mod origin;
#[path = "cli/pipes.rs"]
mod pipes;
#[path = "cli/places.rs"]
mod places;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/rules.rs"]
mod rules;
#[path = "cli/sandbox.rs"]
mod sandbox;
#[path = "cli/screening.rs"]
mod screening;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/tools.rs"]
mod tools;
#[path = "cli/train.rs"]
mod train;
#[path = "cli/waiver.rs"]
mod waiver;

use std::process::Command;

#[test]
fn help_is_printed_and_succeeds() {
    let output = Command::new(env!("CARGO_BIN_EXE_site-agent")).arg("--help").output().unwrap();
    assert!(output.status.success(), "--help exits with {:?}", output.status);
    assert!(output.stderr.is_empty(), "--help writes to stderr: {}", String::from_utf8_lossy(&output.stderr));
}
