//! `site-agent config show`: the settings that are in force at this site, and where each comes from. Run by
//! `cli`. Invariant: no private key, certificate or invitation is opened.

use clap::Subcommand;
use cli::settings::{Setting, Source, compare, render};
use common::limits::CONFIG_BYTES_MAX;
use serde_json::json;
use toml::Table;

use super::policy;
use super::support::{State, print_json};
use crate::config::{AgentConfig, RENAMED};
use crate::error::SiteError;
use crate::gateway::identity::Coordinator;

const EXAMPLES: &str = "\
Examples:
  site-agent config show
  site-agent config show --json

From `default`: agent.toml does not say it. An agent that runs took its
settings when it was started; the worker reads agent.toml again for each run.";

/// Show the settings of this site.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every setting that is in force, and whether it comes from the file, the environment, an option or
    /// nobody.
    #[command(after_long_help = EXAMPLES)]
    Show {
        #[command(flatten)]
        state: State,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What of the environment a site's commands heed.
const VARIABLES: [&str; 6] =
    ["CONSILIUM_CPU", "CREDENTIALS_DIRECTORY", "LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR"];

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let Command::Show { state, json } = &arguments.command;
    let (folder, from) = state.place()?;
    let path = folder.config();
    let config = AgentConfig::load(&path)?;
    let mut settings = vec![Setting::new("state", folder.root().display().to_string(), from)];
    if let Ok(coordinator) = Coordinator::load(&folder.identity()) {
        settings.push(Setting::new("coordinator.site", coordinator.site.as_str(), Source::File));
        settings.push(Setting::new("coordinator.address", coordinator.address, Source::File));
    }
    let text = std::fs::read_to_string(&path).map_err(SiteError::at(&path))?;
    // Just read and checked; a file that grew meanwhile is not read twice.
    let written: Table = text
        .get(..(CONFIG_BYTES_MAX as usize).min(text.len()))
        .unwrap_or_default()
        .parse()
        .map_err(|error| SiteError::toml(&path, &text, &error))?;
    let effective = Table::try_from(&config).map_err(|error| SiteError::Internal(error.to_string()))?;
    settings.extend(compare(&effective, &written, &RENAMED));
    for unset in ["data_room.mapping", "data_room.mix", "data_room.years_max"] {
        if !settings.iter().any(|setting| setting.key == unset) {
            settings.push(Setting::new(unset, serde_json::Value::Null, Source::Default));
        }
    }
    settings.extend(VARIABLES.into_iter().filter_map(Setting::variable));
    if let Some(warning) = policy::warning_of(&folder, &config.policy) {
        eprintln!("warning: {warning}");
    }
    if *json {
        return print_json(&json!({ "file": path, "settings": settings }));
    }
    println!("{}\n", path.display());
    print!("{}", render(&settings));
    Ok(())
}
