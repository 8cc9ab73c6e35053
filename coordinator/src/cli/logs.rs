//! `coordinator logs`: what `serve` wrote. Called by `cli`. Invariant: it only reads.

use cli::log::{Source, Wanted, show};
use common::clock::{Clock, SystemClock};

use crate::error::{Error, Result};
use crate::state_folder::StateFolder;

const MANUAL: &str = "\
Show what `serve` wrote: the same lines go to its standard error (to journald,
where systemd started it) and to logs/serve.log in the state folder, at most
8 MiB there and as much again in the .old one before it. Works while `serve`
runs and while it does not. What happened in a run is in `coordinator status`.

Examples:
  coordinator logs --follow
  coordinator logs --since 1h --lines 500";

/// Show what `serve` wrote
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(flatten)]
    wanted: Wanted,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let path = folder.log();
    if !path.exists() {
        eprintln!("there is no log yet at {}: `coordinator serve` writes it", path.display());
    }
    let source = Source { name: "", path };
    show(&[source], &arguments.wanted, SystemClock.now()).map_err(|(path, source)| Error::Io {
        action: "read",
        path,
        source,
    })
}
