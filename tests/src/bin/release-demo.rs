//! `release-demo`: the program behind `./deploy/release-demo`. Every decision is in `tests::release_demo`.

use std::process::ExitCode;

use tests::program;
use tests::release_demo::{self, arguments::Arguments};

fn main() -> ExitCode {
    program::main(|arguments: &Arguments, repository, interrupt| {
        release_demo::run(arguments, repository, interrupt).map(|()| ExitCode::SUCCESS)
    })
}
