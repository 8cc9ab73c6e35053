//! The folder that a replay works in: a state folder of its own, with exactly what the round's worker saw of
//! the site's, outside everything that the agent's processes may open. Used by `computing`. Invariant: one
//! replay at a time, and what an earlier one left is removed first.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use common::durable;
use common::id::Digest;
use common::limits::ADAPTER_BYTES_MAX;
use common::private;
use common::run::SignedManifest;

use crate::config::{AgentConfig, TrainingConfig};
use crate::error::SiteError;
use crate::gateway::store::replays::Made;
use crate::overlap::result_path;
use crate::paths::StateFolder;
use crate::pipe::files::{self, Unfit};

/// What the round's worker saw, as the site keeps it.
pub(super) struct Kept<'a> {
    pub(super) folder: &'a StateFolder,
    pub(super) config: &'a AgentConfig,
    pub(super) manifest: &'a SignedManifest,
    pub(super) made: &'a Made,
}

/// The folder; it goes when this does.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: StateFolder,
    place: PathBuf,
    /// Held while the replay lasts.
    _lock: File,
}

impl Scratch {
    /// Makes it for one round.
    ///
    /// # Errors
    /// `Data` when another replay is under way, or the adapter that the round began with is not kept; `Io`.
    pub(super) fn make(round: &Kept<'_>) -> Result<Self, SiteError> {
        let place = round.folder.replay();
        let lock = lock(&place)?;
        let root = place.join("state");
        remove_tree(&root)?;
        let folder = StateFolder::new(&root);
        create(&root)?;
        for path in folder.folders() {
            create(&path)?;
        }
        let scratch = Self { folder, place, _lock: lock };
        scratch.fill(round)?;
        Ok(scratch)
    }

    pub(super) fn folder(&self) -> &StateFolder {
        &self.folder
    }

    /// Where the worker's words go: they stay after the replay.
    pub(super) fn log(&self) -> PathBuf {
        self.place.join("worker.log")
    }

    fn fill(&self, round: &Kept<'_>) -> Result<(), SiteError> {
        let at = |path: PathBuf| move |source| SiteError::io(&path, source);
        // The share that was held out then; all else is as it is now, or the root would be another.
        let training =
            TrainingConfig { validation_share: round.made.validation_share, ..round.config.training.clone() };
        let config = AgentConfig { training, ..round.config.clone() };
        let text = config.to_commented_toml()?;
        let path = self.folder.config();
        durable::write(&path, text.as_bytes(), durable::PRIVATE).map_err(at(path))?;
        let manifest = round.manifest.to_bytes().map_err(|error| SiteError::Internal(error.to_string()))?;
        let path = self.folder.inbox().join(Digest::of(&manifest).to_string());
        durable::write(&path, &manifest, durable::PRIVATE).map_err(at(path))?;
        self.copy_adapter(round)?;
        let run = round.made.key.run;
        for (from, to) in [
            (round.folder.officer(), self.folder.officer()),
            (round.folder.waiver(), self.folder.waiver()),
            (result_path(round.folder, run), result_path(&self.folder, run)),
        ] {
            copy_if_there(&from, &to)?;
        }
        Ok(())
    }

    fn copy_adapter(&self, round: &Kept<'_>) -> Result<(), SiteError> {
        let adapter = round.made.adapter;
        let from = round.folder.inbox().join(adapter.to_string());
        let to = self.folder.inbox().join(adapter.to_string());
        if !copy_if_there(&from, &to)? {
            return Err(SiteError::data(
                "the adapter that the round began with is not kept any more",
                "`replay_days` and `replay_mib_max` under [retention] in agent.toml say what is kept of later rounds",
            ));
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed by the next replay.
        let _ = remove_tree(self.folder.root());
    }
}

/// Takes the folder for this replay.
fn lock(place: &Path) -> Result<File, SiteError> {
    let private = |error: private::PrivateError| SiteError::Data {
        sentence: error.to_string(),
        hint: Some("the folder replay/ in the state folder is this site's own".into()),
    };
    if place.exists() {
        private::check_folder(place).map_err(private)?;
    } else {
        private::create_folder(place).map_err(private)?;
    }
    let path = place.join("lock");
    let at = SiteError::at(&path);
    let file = File::options().create(true).append(true).open(&path).map_err(&at)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SiteError::data(
            "another replay is under way at this site",
            "wait for its end; two at once would only be slower",
        )),
        Err(TryLockError::Error(source)) => Err(at(source)),
    }
}

fn create(path: &Path) -> Result<(), SiteError> {
    private::create_folder(path).map_err(|error| SiteError::Data { sentence: error.to_string(), hint: None })
}

fn remove_tree(path: &Path) -> Result<(), SiteError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(SiteError::at(path)),
    }
}

/// Copies a regular file, at most as large as an adapter; whether it is there.
fn copy_if_there(from: &Path, to: &Path) -> Result<bool, SiteError> {
    let bytes = match files::read(from, ADAPTER_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(Unfit::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(unfit) => return Err(SiteError::io(from, unfit.into_io())),
    };
    durable::write(to, &bytes, durable::PRIVATE).map_err(SiteError::at(to))?;
    Ok(true)
}
