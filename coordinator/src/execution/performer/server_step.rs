//! The server's optimiser on the files of a run: takes the moments of the last round from their digests, and
//! gives those of this one theirs. Called by `performer` between the mean and its journal row. Invariants: the
//! moments are durable before the round is journalled as aggregated; done again after a crash, it gives the
//! same bytes under the same digests; a moment that is not what its digest says is not used.

use std::path::{Path, PathBuf};

use common::id::{Digest, Round, RunId};
use common::run::{ServerRule, TensorSpec};

use super::damaged;
use crate::aggregate::{Moments, StepFiles, step};
use crate::error::Result;
use crate::round::state::ServerState;
use crate::state_folder::{StateFolder, blobs};

/// What a round's step needs beside the mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerStep {
    pub(super) run: RunId,
    pub(super) round: Round,
    pub(super) rule: ServerRule,
    /// The moments after the last round.
    pub(super) before: Option<ServerState>,
}

impl ServerStep {
    /// Writes the adapter that follows from `mean` beside it, stores the moments, and says where and what.
    ///
    /// # Errors
    /// A moment is damaged, a file cannot be written, or sites would refuse the result.
    pub(super) fn perform(
        &self,
        folder: &StateFolder,
        tensors: &[TensorSpec],
        mean: &Path,
        last: Digest,
    ) -> Result<(PathBuf, ServerState)> {
        let place = |what: &str| folder.spool().join(format!("{what}-{}-{}", self.run, self.round));
        let out = place("server-step");
        let second = matches!(self.rule, ServerRule::Adaptive { .. }).then(|| place("server-second"));
        let after = Moments { first: place("server-first"), second };
        let before = self.before.map(|state| stored(folder, state)).transpose()?;
        let last = folder.blob(last);
        let files = StepFiles { mean, last: &last, before, out: &out, after };
        step(self.rule, tensors, &files)?;
        let adopt = |path: &Path| {
            let digest = blobs::digest_of(path)?;
            blobs::adopt(folder, path, digest).map(|_| digest)
        };
        let first = adopt(&files.after.first)?;
        let second = files.after.second.as_deref().map(adopt).transpose()?;
        common::crash_point!("server-step-after-moments");
        blobs::remove(mean)?;
        Ok((out, ServerState { first, second }))
    }
}

/// The moments of the last round, each still what its digest says.
fn stored(folder: &StateFolder, state: ServerState) -> Result<Moments> {
    let checked = |digest: Digest| {
        let path = folder.blob(digest);
        if blobs::digest_of(&path)? == digest { Ok(path) } else { Err(damaged("server moment", digest)) }
    };
    Ok(Moments { first: checked(state.first)?, second: state.second.map(checked).transpose()? })
}
