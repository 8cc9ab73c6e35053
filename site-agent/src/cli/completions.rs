//! `site-agent completions`: what a shell needs to complete this command line. Run by `cli`.

use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use common::terminal::Out;

use crate::error::SiteError;

const EXAMPLES: &str = "\
Examples:
  site-agent completions bash > /etc/bash_completion.d/site-agent
  site-agent completions zsh > /usr/local/share/zsh/site-functions/_site-agent
  site-agent completions fish > ~/.config/fish/completions/site-agent.fish";

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(program: Command, arguments: &Arguments) -> Result<(), SiteError> {
    cli::pages::completions(program, arguments.shell, &mut Out)
        .map_err(SiteError::at(Path::new("standard output")))
}
