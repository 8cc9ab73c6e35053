//! Reading the state folder directly. Used by `runs`, `export` and `check`, and by `status` while no
//! `serve` runs. Invariant: it works with and without a running `serve`.

use crate::error::Result;
use crate::execution::runs::Runs;
use crate::state_folder::StateFolder;
use crate::store::Store;

/// The database and the replayed runs.
pub(super) fn open_runs(folder: &StateFolder) -> Result<(Store, Runs)> {
    let store = Store::open(&folder.database())?;
    let runs = Runs::replay(&store)?;
    Ok((store, runs))
}
