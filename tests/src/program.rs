//! The frame of the demos' programs: arguments, Ctrl-C, and how a failure is told. Used by the binaries
//! `consilium-demo` and `release-demo`. Invariant: what fails is a sentence, then `hint:` with the next step.
#![allow(clippy::print_stderr)] // a command line talks to its user

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::failure::Failure;
use crate::wait::{self, Interrupt};

/// Parses the arguments, runs, and tells how it ended. `run` gets the repository's root too.
pub fn main<A: Parser>(run: impl FnOnce(&A, &Path, &Interrupt) -> Result<ExitCode, Failure>) -> ExitCode {
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let interrupt = Interrupt::default();
    wait::catch_signals(interrupt.clone());
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    run(&arguments, repository, &interrupt).unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        if let Some(hint) = failure.hint() {
            eprintln!("\nhint: {hint}");
        }
        ExitCode::from(1)
    })
}
