//! `coordinator man`: the manual pages, made from the same description as the help. Called by `cli`.
//! Invariant: no state folder is opened.

use std::path::PathBuf;

use clap::Command;
use common::terminal::Out;

use super::output;
use crate::error::{Error, Result};

const MANUAL: &str = "\
Print the manual page, or write those of all subcommands into a folder.

Examples:
  coordinator man | man -l -
  coordinator man --out /usr/local/share/man/man1";

/// Print or write the manual pages
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Write one page for the program and one for each subcommand into this folder, replacing them
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(program: Command, arguments: &Arguments) -> Result<()> {
    let Some(folder) = &arguments.out else {
        return cli::pages::manual(program, &mut Out).map_err(output::cannot_write);
    };
    let pages = cli::pages::manuals(program, folder).map_err(|(path, source)| Error::Io {
        action: "write",
        path,
        source,
    })?;
    eprintln!("wrote {} pages to {}", pages.len(), folder.display());
    Ok(())
}
