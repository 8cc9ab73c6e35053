//! The folder that a replay works in: a state folder of its own, with exactly what the round's worker saw of
//! the site's, outside everything that the agent's processes may open. Used by `computing`. Invariant: one
//! replay at a time, and what an earlier one left is removed first.

use std::path::{Path, PathBuf};

use common::durable;
use common::id::Digest;
use common::limits::ADAPTER_BYTES_MAX;

use crate::cli::workplace::Workplace;
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
    /// The run's terms, by the SHA-256 of their file.
    pub(super) terms: Digest,
    pub(super) made: &'a Made,
}

/// The folder; it goes when this does.
#[derive(Debug)]
pub(super) struct Scratch(Workplace);

/// What is said where another replay works in the folder, and the next step.
const BUSY: (&str, &str) =
    ("another replay is under way at this site", "wait for its end; two at once would only be slower");

impl Scratch {
    /// Makes it for one round.
    ///
    /// # Errors
    /// `Data` when another replay is under way, or the adapter that the round began with is not kept; `Io`.
    pub(super) fn make(round: &Kept<'_>) -> Result<Self, SiteError> {
        let scratch = Self(Workplace::take(&round.folder.replay(), BUSY)?);
        scratch.fill(round)?;
        Ok(scratch)
    }

    pub(super) fn folder(&self) -> &StateFolder {
        self.0.folder()
    }

    /// Where the worker's words go: they stay after the replay.
    pub(super) fn log(&self) -> PathBuf {
        self.0.place().join("worker.log")
    }

    fn fill(&self, round: &Kept<'_>) -> Result<(), SiteError> {
        let at = |path: PathBuf| move |source| SiteError::io(&path, source);
        // The share that was held out then; all else is as it is now, or the root would be another.
        let training =
            TrainingConfig { validation_share: round.made.validation_share, ..round.config.training.clone() };
        let config = AgentConfig { training, ..round.config.clone() };
        let text = config.to_commented_toml()?;
        let path = self.folder().config();
        durable::write(&path, text.as_bytes(), durable::PRIVATE).map_err(at(path))?;
        self.copy_fetched(round, round.terms, "the terms of the run are")?;
        self.copy_fetched(round, round.made.adapter, "the adapter that the round began with is")?;
        let run = round.made.key.run;
        for (from, to) in [
            (round.folder.officer(), self.folder().officer()),
            (round.folder.waiver(), self.folder().waiver()),
            (result_path(round.folder, run), result_path(self.folder(), run)),
        ] {
            copy_if_there(&from, &to)?;
        }
        Ok(())
    }

    /// Copies a file of the inbox.
    ///
    /// # Errors
    /// `Data` when it is gone: then `words` says what it was.
    fn copy_fetched(&self, round: &Kept<'_>, digest: Digest, words: &str) -> Result<(), SiteError> {
        let name = digest.to_string();
        if copy_if_there(&round.folder.inbox().join(&name), &self.folder().inbox().join(&name))? {
            return Ok(());
        }
        let sentence = format!("{words} not kept any more");
        Err(SiteError::data(
            &sentence,
            "`replay_days` and `replay_mib_max` under [retention] in agent.toml say what is kept of later rounds",
        ))
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
