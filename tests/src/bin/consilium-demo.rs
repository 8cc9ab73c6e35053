//! `consilium-demo`: the program behind `./deploy/demo`. Runs the demo and prints the table; every decision
//! is in `tests::demo`.
#![allow(clippy::print_stdout)] // a command line talks to its user

use std::path::Path;
use std::process::ExitCode;

use tests::demo::{self, arguments::Arguments, arguments::DemoSettings};
use tests::failure::Failure;
use tests::program;
use tests::wait::Interrupt;

fn main() -> ExitCode {
    program::main(run)
}

fn run(arguments: &Arguments, repository: &Path, interrupt: &Interrupt) -> Result<ExitCode, Failure> {
    let executable = std::env::current_exe().map_err(Failure::file("locate", "the running program"))?;
    // target/<profile>/consilium-demo -> target
    let build = executable.ancestors().nth(2).unwrap_or(repository);
    let settings = DemoSettings::resolve(arguments, repository, build)?;
    let report = demo::run(&settings, repository, interrupt)?;
    print!("{}", demo::summary(&report));
    Ok(if report.ledgers_verified() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
