//! `consilium-demo`: the program behind `./deploy/demo`. Parses, catches Ctrl-C, runs the demo,
//! prints the table; every decision is in `tests::demo`.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line talks to its user

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use tests::demo::{self, arguments::Arguments, arguments::DemoSettings};
use tests::failure::Failure;
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
    match run(&arguments, &interrupt) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(hint) = failure.hint() {
                eprintln!("\nhint: {hint}");
            }
            ExitCode::from(1)
        }
    }
}

fn run(arguments: &Arguments, interrupt: &Interrupt) -> Result<ExitCode, Failure> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    let executable = std::env::current_exe().map_err(Failure::file("locate", "the running program"))?;
    // target/<profile>/consilium-demo -> target
    let build = executable.ancestors().nth(2).unwrap_or(repository);
    let settings = DemoSettings::resolve(arguments, repository, build)?;
    let report = demo::run(&settings, repository, interrupt)?;
    print!("{}", demo::summary(&report));
    Ok(if report.ledgers_verified() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
