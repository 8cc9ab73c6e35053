//! `site-agent man`: the manual pages, made from the same description as the help. Run by `cli`.

use std::path::{Path, PathBuf};

use clap::Command;
use common::terminal::Out;

use crate::error::SiteError;

const EXAMPLES: &str = "\
Examples:
  site-agent man | man -l -
  site-agent man --out /usr/local/share/man/man1";

/// Print the manual page, or write those of all subcommands into a folder.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Write one page for the program and one for each subcommand into this folder, replacing them.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(program: Command, arguments: &Arguments) -> Result<(), SiteError> {
    let Some(folder) = &arguments.out else {
        return cli::pages::manual(program, &mut Out).map_err(SiteError::at(Path::new("standard output")));
    };
    let pages =
        cli::pages::manuals(program, folder).map_err(|(path, source)| SiteError::io(&path, source))?;
    eprintln!("wrote {} pages to {}", pages.len(), folder.display());
    Ok(())
}
