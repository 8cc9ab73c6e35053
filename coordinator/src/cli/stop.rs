//! `coordinator stop`: end a run early. Called by `cli`. Invariant: a run is ended by `serve`, which
//! journals it.

use crate::admin::client;
use crate::admin::message::Command;
use crate::error::Result;
use crate::state_folder::StateFolder;

const MANUAL: &str = "\
End a run that is going. It counts as failed; the model of its last published
round stands and can be exported. Cannot be undone; `coordinator resume RUN` goes on
from that round, launching the run file again starts over.

Example:
  coordinator stop 5f0c";

/// End a run
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it
    run: String,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    client::ask(folder, &Command::Stop { run: arguments.run.clone() })?;
    eprintln!("stopped");
    Ok(())
}
