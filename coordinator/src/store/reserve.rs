//! Room on the disk that is the database's own: a file that is given up when the journal or a revocation
//! finds the disk full, so that a deadline fires and a run ends all the same. Used by `database` and
//! `frames`. Invariant: no frame of a site may use it; they are refused while there is still room for events.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use common::durable;

use crate::limits::DATABASE_RESERVE_BYTES_MIN;

/// The room that the database keeps.
#[derive(Debug)]
pub(super) struct Reserve {
    file: PathBuf,
}

impl Reserve {
    /// The reserve of the database at `database`, made if there is room.
    pub(super) fn beside(database: &Path) -> Self {
        Self { file: database.with_extension("reserve") }
    }

    /// Makes the file, unless it is there or would take the last room.
    ///
    /// # Errors
    /// The folder cannot be measured or written.
    pub(super) fn keep(&self) -> io::Result<()> {
        let length = fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        if length == DATABASE_RESERVE_BYTES_MIN || self.free()? < 4 * DATABASE_RESERVE_BYTES_MIN {
            return Ok(());
        }
        let bytes = vec![0; usize::try_from(DATABASE_RESERVE_BYTES_MIN).unwrap_or(0)];
        durable::write(&self.file, &bytes, durable::PRIVATE)
    }

    /// Gives the room up. Returns whether there was some.
    pub(super) fn release(&self) -> bool {
        let released = fs::remove_file(&self.file).is_ok();
        if released {
            tracing::error!("the disk is full; the database uses its reserve now. Make room on the disk");
        }
        released
    }

    /// Whether so little is left that it is for the journal only.
    pub(super) fn is_low(&self) -> bool {
        self.free().is_ok_and(|free| free < DATABASE_RESERVE_BYTES_MIN)
    }

    fn free(&self) -> io::Result<u64> {
        durable::free_bytes(self.file.parent().unwrap_or_else(|| Path::new(".")))
    }
}
