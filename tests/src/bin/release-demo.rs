//! `release-demo`: the program behind `./deploy/release-demo`. Parses, catches Ctrl-C, runs the story; every
//! decision is in `tests::release_demo`.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line talks to its user

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use tests::release_demo::{self, arguments::Arguments};
use tests::wait::{self, Interrupt};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let interrupt = Interrupt::default();
    wait::catch_signals(interrupt.clone());
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    match release_demo::run(&arguments, repository, &interrupt) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(hint) = failure.hint() {
                eprintln!("\nhint: {hint}");
            }
            ExitCode::from(1)
        }
    }
}
