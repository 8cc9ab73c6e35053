//! `coordinator config show`: the settings that are in force, and where each comes from. Called by `cli`.
//! Invariant: no key and no database is opened.

use std::path::Path;

use clap::Subcommand;
use cli::settings::{Setting, Source, compare, render};
use serde::Serialize;
use toml::Table;

use super::output;
use crate::error::{Error, Result};
use crate::state_folder::StateFolder;
use crate::state_folder::config::{Config, read_bounded, toml_reason};

const MANUAL: &str = "\
Show every setting that is in force, and whether it comes from coordinator.toml,
the environment, an option or nobody (`default`). A `serve` that runs took its
settings when it was started.

Examples:
  coordinator config show
  coordinator config show --json";

/// Show the settings
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show every setting that is in force, and where it comes from
    #[command(long_about = MANUAL)]
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// What of the environment the coordinator heeds.
const VARIABLES: [&str; 7] =
    ["RUST_LOG", "CONSILIUM_CPU", "CREDENTIALS_DIRECTORY", "LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR"];

/// What `--json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    file: &'a Path,
    settings: Vec<Setting>,
}

pub(super) fn run(folder: &StateFolder, from: Source, arguments: &Arguments) -> Result<()> {
    let Verb::Show { json } = &arguments.verb;
    let path = folder.config();
    let config = Config::read(&path)?;
    let text = read_bounded(&path)?;
    let written: Table = text
        .parse()
        .map_err(|error| Error::Config { path: path.clone(), reason: toml_reason(&text, &error) })?;
    let effective = Table::try_from(&config).map_err(|error| Error::Internal(error.to_string()))?;
    let mut settings = vec![Setting::new("state", folder.path().display().to_string(), from)];
    settings.extend(compare(&effective, &written, &[]));
    settings.extend(VARIABLES.into_iter().filter_map(Setting::variable));
    if *json {
        return output::print_json(&Shown { file: &path, settings });
    }
    output::print_line(&format!("{}\n", path.display()))?;
    output::print_line(render(&settings).trim_end())
}
