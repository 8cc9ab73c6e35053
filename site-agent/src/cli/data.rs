//! `site-agent data`: what may be trained on, before anything is trained. One file a verb. Run by the command
//! line.
//!
//! Every verb that opens records takes the worker's locks first, in this very process: no socket of any
//! family, no file but those named. What is found is said to the person at this terminal, in files they asked
//! for, and nowhere else.

use crate::error::SiteError;

mod advice;
mod base_loss;
mod check;
mod json;
mod options;
mod show;
mod summary;

const EXAMPLES: &str = "\
Examples:
  What of these files may be trained on, and why is the rest not?
    site-agent data check 2024.jsonl 2025.csv --model /srv/models/qwen2.5-0.5b

  Look at the seventh record: what the screen found, what the model will learn:
    site-agent data show 7 2024.jsonl --model /srv/models/qwen2.5-0.5b";

/// Check records before they are trained on.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Arguments),
    Show(show::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments),
        Command::Show(arguments) => show::run(arguments),
    }
}
