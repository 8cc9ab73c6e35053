//! The server's optimiser on the files of a run: takes the moments of the last round from their digests, and
//! gives those of this one theirs. Called by `performer` between the mean and its journal row. Invariants:
//! the moments are durable before the round is journalled as aggregated; done again after a crash, it gives
//! the same bytes under the same digests; a moment that is not what its digest says is not used.

use std::path::{Path, PathBuf};

use common::id::{Digest, Round, RunId};
use common::run::{ServerRule, TensorSpec};

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
        if blobs::digest_of(&path)? == digest {
            Ok(path)
        } else {
            Err(blobs::damaged("server moment", digest))
        }
    };
    Ok(Moments { first: checked(state.first)?, second: state.second.map(checked).transpose()? })
}

#[cfg(test)]
mod tests {
    use common::adapter::{AdapterReader, AdapterWriter};
    use common::run::SecondMoment;

    use super::*;
    use crate::error::Error;

    fn tensors() -> Vec<TensorSpec> {
        let spec = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
        vec![spec("m.q.lora_A.weight", [1, 2]), spec("m.q.lora_B.weight", [2, 1])]
    }

    fn write(path: &Path, value: f32) {
        let mut writer = AdapterWriter::create(path, &tensors()).unwrap();
        writer.append(&[value; 4]).unwrap();
        writer.finish().unwrap();
    }

    fn stored_adapter(folder: &StateFolder, value: f32) -> Digest {
        let path = folder.spool().join("adapter");
        write(&path, value);
        let digest = blobs::digest_of(&path).unwrap();
        blobs::adopt(folder, &path, digest).unwrap();
        digest
    }

    /// One round whose mean is `mean` everywhere.
    fn round(folder: &StateFolder, step: &ServerStep, mean: f32, last: Digest) -> Result<(f32, ServerState)> {
        let path = folder.spool().join("mean");
        write(&path, mean);
        let (out, state) = step.perform(folder, &tensors(), &path, last)?;
        Ok((AdapterReader::open(&out, &tensors()).unwrap().read_whole(1).unwrap()[0], state))
    }

    #[test]
    fn a_round_goes_on_from_what_the_last_one_left_and_gives_the_same_again_after_a_crash() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&place.path().join("state"));
        folder.create().unwrap();
        let rule = ServerRule::Momentum { momentum: 0.5, rate: 1.0 };
        let first = ServerStep { run: RunId([1; 8]), round: Round(1), rule, before: None };
        let last = stored_adapter(&folder, 1.0);
        let (next, state) = round(&folder, &first, 1.5, last).unwrap();
        assert_eq!((next, state.second), (1.5, None), "m = 0.5");
        assert_eq!(
            round(&folder, &first, 1.5, last).unwrap(),
            (next, state),
            "nothing is left of the first try"
        );
        let second = ServerStep { round: Round(2), before: Some(state), ..first };
        let last = stored_adapter(&folder, next);
        let (next, after) = round(&folder, &second, 2.0, last).unwrap();
        assert_eq!(next, 2.25, "m = 0.25 + 0.5");
        assert_eq!(round(&folder, &second, 2.0, last).unwrap(), (next, after));
        assert!(after != state && folder.blob(state.first).is_file() && folder.blob(after.first).is_file());
    }

    #[test]
    fn a_damaged_moment_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&place.path().join("state"));
        folder.create().unwrap();
        let second = SecondMoment::Yogi;
        let rule = ServerRule::Adaptive { second, rate: 1e-3, beta1: 0.9, beta2: 0.99, tau: 1e-3 };
        let first = ServerStep { run: RunId([1; 8]), round: Round(1), rule, before: None };
        let last = stored_adapter(&folder, 1.0);
        let (_, state) = round(&folder, &first, 1.5, last).unwrap();
        let second = ServerStep { round: Round(2), before: Some(state), ..first };
        assert!(round(&folder, &second, 1.75, last).is_ok());
        write(&folder.blob(state.second.unwrap()), 9.0);
        let error = round(&folder, &second, 1.75, last).unwrap_err();
        assert!(
            matches!(error, Error::Internal(_)) && error.to_string().contains("server moment"),
            "{error}"
        );
    }
}
