//! `coordinator resume`: go on where a run ended. Called by `cli`. Invariant: the run that ended stays as it
//! is; what goes on is a new one.

use std::path::PathBuf;

use super::follow;
use crate::admin::client::Door;
use crate::admin::message::Command;
use crate::admin::signing::Wanted;
use crate::error::Result;

const MANUAL: &str = "\
Go on where a run ended, failed or was stopped: a new run with the same run
file starts from the last published adapter and has the rounds that are left.
It begins with the round that was not published; what sites had sent for that
one is not used again. To go on for more rounds than were planned, or with
other settings, write `initial = \"RUN\"` in a run file and launch that.

The optimizer at the sites begins anew in every round, so nothing of it has to
be restored. What `server_optimizer` remembers of earlier rounds does not go
along, and rounds of a fraction of a pass begin a new pass in another order.
Sites that were revoked meanwhile take no part. Where sites take turns
([participation]), the turns begin anew, and where fewer sites are left than
train a round, all that are left train each.

Example:
  coordinator resume 5f0c --follow";

/// Go on where a run ended
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it
    run: String,
    /// Where the base model is now [default: where it was]
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Show progress until the new run is over
    #[arg(long)]
    follow: bool,
    /// Print JSON: the run's id and what there is to know of it
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let model = follow::absolute(door, arguments.model.as_deref(), "model folder")?;
    let shown = follow::Shown { follow: arguments.follow, as_json: arguments.json };
    let command = Command::Resume { run: arguments.run.clone(), model };
    let wanted = match door {
        Door::Here(_) => Wanted::Nothing,
        Door::There(_) => Wanted::Continuation,
    };
    follow::started(door, &command, wanted, &shown)
}
