//! What round 1 of a new run starts from: a fresh adapter, the last published one of another run, or an
//! adapter folder. Called by `launch`. Invariants: it has the shape and the scale that the run file asks for;
//! the base model is the same, as far as that is known; nothing of a folder is read in this process.

use std::path::Path;

use common::adapter::{AdapterError, AdapterReader};
use common::id::Digest;
use common::limits::AGGREGATE_NORM_MAX;
use common::run::{AdapterSettings, TensorSpec};
use prepare::settings;

use crate::error::{Error, Result};
use crate::evaluate::FirstAdapter;
use crate::evaluate::initial::must_mean;
use crate::execution::runs::Runs;
use crate::export::provenance::Provenance;
use crate::round::alone;
use crate::round::launched::Origin;
use crate::round::state::RunState;
use crate::state_folder::{StateFolder, blobs};

/// Where the first adapter comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Start {
    /// The adapter; `None`: a fresh one is made.
    pub(super) from: Option<FirstAdapter>,
    /// The base model it belongs to, where it is an adapter of this coordinator.
    pub(super) fingerprint: Option<Digest>,
    /// The run it comes from.
    pub(super) origin: Option<Origin>,
    /// What the operator should know.
    pub(super) note: Option<String>,
}

/// Finds what a run file's `initial` means: a folder (relative to `beside`), else a run.
///
/// # Errors
/// It is neither, the run has published nothing, or adapter and run file do not have the same settings.
pub(super) fn find(
    folder: &StateFolder,
    runs: &Runs,
    text: &str,
    beside: &Path,
    wanted: &AdapterSettings,
) -> Result<Start> {
    let path = beside.join(text);
    if path.is_dir() {
        return of_folder(&path);
    }
    let state = runs.choose(Some(text)).map_err(|_| Error::Argument {
        message: format!("the run file's `initial`, {text:?}, is neither a run nor an adapter folder"),
        hint: "`coordinator runs` lists the runs; a folder is relative to the run file".into(),
    })?;
    of_run(folder, &state, wanted)
}

/// The last published adapter of a run.
///
/// # Errors
/// It has published nothing, the stored adapter is damaged, or its settings are not those of the new run.
pub(super) fn of_run(folder: &StateFolder, state: &RunState, wanted: &AdapterSettings) -> Result<Start> {
    let rounds = state.published();
    if alone::is_alone(state) {
        return Err(Error::TrainedAlone(state.launched.run.to_string()));
    }
    if rounds == 0 {
        return Err(Error::NothingPublished(state.launched.run.to_string()));
    }
    must_mean(&settings::lora(&state.launched.spec.adapter), &settings::lora(wanted))?;
    let file = folder.blob(state.model());
    if blobs::digest_of(&file)? != state.model() {
        return Err(Error::Internal(format!("the stored adapter {} is damaged", state.model().short())));
    }
    Ok(Start {
        from: Some(FirstAdapter::File(file)),
        fingerprint: Some(state.launched.model_fingerprint),
        origin: Some(Origin { run: state.launched.run, rounds }),
        note: None,
    })
}

fn of_folder(path: &Path) -> Result<Start> {
    let note = (!Provenance::is_in(path)).then(|| {
        format!("{} does not say which base model it belongs to; only its shape was checked", path.display())
    });
    let path = path.canonicalize().map_err(Error::io("open the folder", path))?;
    Ok(Start { from: Some(FirstAdapter::Folder(path)), fingerprint: None, origin: None, note })
}

/// Checks the first adapter's values with the bounds that sites hold an average to.
///
/// # Errors
/// It has other tensors, values that are no numbers, or a norm that sites would refuse.
pub(super) fn check_values(path: &Path, tensors: &[TensorSpec]) -> Result<()> {
    let refuse = |error: AdapterError| Error::Argument {
        message: format!("the initial adapter cannot be used: {error}"),
        hint: "start from another adapter, or from a fresh one".into(),
    };
    let summary =
        AdapterReader::open(path, tensors).and_then(|reader| reader.check_values()).map_err(refuse)?;
    summary.check_norm(AGGREGATE_NORM_MAX).map_err(refuse)
}
