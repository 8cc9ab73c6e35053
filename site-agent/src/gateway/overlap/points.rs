//! The gateway's check of the worker's points, and the only constructor of what may be sent of them.
//!
//! Called by `overlap::exchange`; sent by `egress`. Invariants: a file of points is a power of two of
//! canonical encodings of group elements and nothing else; from the first time on a run always yields the
//! same file, whatever the worker makes later.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use common::crash_point;
use common::durable;
use common::id::{Digest, RunId};
use data::overlap::{Batch, POINT_BYTES, batch_points, is_padded};
use sha2::{Digest as _, Sha256};

use crate::error::SiteError;
use crate::gateway::store::Store;
use crate::overlap::{batches, raw_points_path};
use crate::paths::StateFolder;
use crate::pipe::BlindedFacts;
use crate::pipe::files::{self, Unfit};

/// Points in the outbox that passed the check, and their row in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedPoints {
    run: RunId,
    facts: BlindedFacts,
    path: PathBuf,
}

impl ProtectedPoints {
    /// The run.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// How many there are.
    #[must_use]
    pub fn points(&self) -> u32 {
        self.facts.points
    }

    /// The points of the batch at `offset`.
    ///
    /// # Errors
    /// `Io` when the file is gone or shorter than recorded; `PointsRefused` where no batch begins.
    pub fn batch(&self, offset: u32) -> Result<Vec<u8>, SiteError> {
        let count = batch_points(self.facts.points, offset);
        let mut bytes = vec![0; count.ok_or_else(|| refused("no batch begins there"))? * POINT_BYTES];
        File::open(&self.path)
            .and_then(|file| file.read_exact_at(&mut bytes, u64::from(offset) * POINT_BYTES as u64))
            .map_err(|source| SiteError::io(&self.path, source))?;
        Ok(bytes)
    }

    /// Checks the worker's points and makes them the points of this run, or finds that they are.
    ///
    /// # Errors
    /// `PointsRefused` when they do not pass, or are others than those of this run; `Io` and `Store`.
    pub fn protect(
        folder: &StateFolder,
        store: &mut Store,
        run: RunId,
        facts: &BlindedFacts,
        now_ms: u64,
    ) -> Result<Self, SiteError> {
        let path = folder.outbox().join(facts.digest.to_string());
        let part = folder.outbox().join(format!("overlap-{run}.part"));
        let known = store.overlap(run)?;
        if known.is_some_and(|known| known != *facts) {
            return Err(refused("others were sent in this run before, and a run has one set of points"));
        }
        let bytes = u64::from(facts.points) * POINT_BYTES as u64;
        if !(known.is_some() && digest_of(&path, bytes).is_some_and(|digest| digest == facts.digest)) {
            let copied = copy(&raw_points_path(folder, run), &part, facts)
                .and_then(|()| durable::publish(&part, &path).map_err(|source| SiteError::io(&path, source)));
            if copied.is_err() {
                let _ = fs::remove_file(&part);
            }
            copied?;
            crash_point!("site-overlap-protected");
            store.record_overlap(run, facts, now_ms)?;
        }
        Ok(Self { run, facts: *facts, path })
    }
}

/// Copies exactly the announced points, each of them checked.
fn copy(raw: &Path, part: &Path, facts: &BlindedFacts) -> Result<(), SiteError> {
    if !is_padded(facts.points) {
        return Err(refused("their number is not one that may be declared"));
    }
    let from = |source| SiteError::io(raw, source);
    let to = |source| SiteError::io(part, source);
    let expected = u64::from(facts.points) * POINT_BYTES as u64;
    let (mut input, bytes) = match files::open(raw, expected) {
        Ok(opened) => opened,
        Err(Unfit::Io(source)) => return Err(from(source)),
        Err(unfit) => return Err(refused(&unfit.to_string())),
    };
    if bytes != expected {
        return Err(refused("there are not as many as announced"));
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(durable::ORDINARY);
    let mut output = options.open(part).map_err(to)?;
    let mut hasher = Sha256::new();
    for (_, count) in batches(facts.points) {
        let mut bytes = vec![0; count * POINT_BYTES];
        input.read_exact(&mut bytes).map_err(|error| match error.kind() {
            // Cut by the worker since it was opened.
            io::ErrorKind::UnexpectedEof => refused("there are not as many as announced"),
            _ => from(error),
        })?;
        Batch::parse(&bytes).map_err(|error| refused(&error.to_string()))?;
        hasher.update(&bytes);
        output.write_all(&bytes).map_err(to)?;
    }
    if Digest(hasher.finalize().into()) != facts.digest {
        return Err(refused("they are not the ones that the worker announced"));
    }
    output.sync_all().map_err(to)
}

/// The digest of a file of at most `most` bytes.
fn digest_of(path: &Path, most: u64) -> Option<Digest> {
    let (file, _) = files::open(path, most).ok()?;
    files::digest(&file, most).ok().map(|(digest, _)| digest)
}

fn refused(reason: &str) -> SiteError {
    SiteError::PointsRefused { reason: reason.to_owned() }
}
