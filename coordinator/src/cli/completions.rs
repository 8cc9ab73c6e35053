//! `coordinator completions`: what a shell needs to complete this command line. Called by `cli`. Invariant:
//! no state folder is opened.

use clap::Command;
use clap_complete::Shell;
use common::terminal::Out;

use super::output;
use crate::error::Result;

const MANUAL: &str = "\
Print completions for a shell.

Examples:
  coordinator completions bash > /etc/bash_completion.d/coordinator
  coordinator completions zsh > /usr/local/share/zsh/site-functions/_coordinator
  coordinator completions fish > ~/.config/fish/completions/coordinator.fish";

/// Print completions for a shell
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(program: Command, arguments: &Arguments) -> Result<()> {
    cli::pages::completions(program, arguments.shell, &mut Out).map_err(output::cannot_write)
}
