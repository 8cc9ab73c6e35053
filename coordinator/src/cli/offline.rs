//! Asking where no running `serve` is needed: the state folder itself, read and changed in this process. Used
//! by the subcommands of `cli`. Invariants: it works with and without a running `serve`; what changes
//! anything is in the log of acts before it is done; a context is asked, never a folder here in its place.

use common::clock::{Clock, SystemClock, Timestamp};

use crate::admin::acts::{Acts, Who, recorded};
use crate::admin::books::{self, Books};
use crate::admin::client::{self, Door};
use crate::admin::message::{Answer, Command};
use crate::admin::rules;
use crate::error::{Error, Result};
use crate::execution::runs::Runs;
use crate::state_folder::{StateFolder, authority, revocations};
use crate::store::Store;

/// The database and the replayed runs.
pub(super) fn open_runs(folder: &StateFolder) -> Result<(Store, Runs)> {
    let store = Store::open(&folder.database())?;
    let runs = Runs::replay(&store)?;
    Ok((store, runs))
}

/// The answer of the state folder here, or of the coordinator elsewhere.
pub(super) fn books(door: &Door, command: &Command) -> Result<Answer> {
    match door {
        Door::Here(folder) => perform(folder, command),
        Door::There(_) => client::ask(door, command),
    }
}

/// The answer of a running `serve`, which knows who is connected and what goes on; of the state folder here
/// where none runs.
pub(super) fn serve_or_books(door: &Door, command: &Command) -> Result<Answer> {
    match (client::ask(door, command), door) {
        (Err(Error::NotRunning(_)), Door::Here(folder)) if books::can(command) => {
            // A `serve` that lives and has no room for us, or died over it, must not find it done beside it.
            let _lock = match rules::act(command, None).map(|_| folder.lock()).transpose() {
                Err(Error::AlreadyRunning(path)) => return Err(Error::NotAnswering(path)),
                lock => lock?,
            };
            perform(folder, command)
        }
        (answer, _) => answer,
    }
}

/// What is said of an answer that is none to what was asked.
pub(super) fn unexpected() -> Error {
    Error::Internal("the coordinator answered something else".into())
}

fn perform(folder: &StateFolder, command: &Command) -> Result<Answer> {
    let (store, acts, now) = (Store::open(&folder.database())?, Acts::open(folder)?, SystemClock.now());
    let books = Books { folder, store: &store, acts: &acts, runs: None, now };
    let answer = || books.answer(command)?.ok_or_else(|| Error::NotRunning(folder.path().to_path_buf()));
    let Some(act) = rules::act(command, None) else { return answer() };
    let done = recorded(&acts, &Who::here(), &act, now, answer)?;
    if matches!(command, Command::Revoke { .. } | Command::RevokeOperator { .. }) {
        sign_list(folder, &store, now);
    }
    Ok(done)
}

/// Has what was revoked listed. The caller holds the folder's lock, as whoever signs must. What fails here is
/// mended when `serve` starts.
pub(super) fn sign_list(folder: &StateFolder, store: &Store, now: Timestamp) {
    let signed = authority::load(folder)
        .and_then(|authority| revocations::bring_up_to_date(folder, store, &authority, now));
    if let Err(error) = signed {
        eprintln!("warning: no revocation list could be signed: {error}; `coordinator serve` does it");
    }
}
