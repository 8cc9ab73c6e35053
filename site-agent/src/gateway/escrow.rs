//! Keeps the exact bytes of every frame, sealed for the privacy officer, before they leave. Called by
//! `egress`, which asks for room before the ledger record, and keeps between the record and the first byte:
//! so what is kept has a number, and what could not be kept does not leave. Where there is no room nothing is
//! noted either; where the disk fails in between, the record stands and the frame was not sent, as one whose
//! line broke.
//!
//! Invariants: an entry is durable before its frame is sent; the bound of agent.toml is never exceeded, and
//! only the days that its rule names go; this process cannot open what it sealed.

pub mod days;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use certs::AgeRecipient;
use certs::age::seal;
use common::durable;

use self::days::{
    Day, HEAD_BYTES, counted_from, day_of, days, entries, head, misdated, overdue, path_aside, path_of,
};
use crate::config::escrow::EscrowConfig;
use crate::error::SiteError;
use crate::limits::{ESCROW_ADDED_BYTES_MAX, ESCROW_PIECE_BYTES_MAX, ESCROW_SPARE_BYTES_MIN};

/// The open escrow.
#[derive(Debug)]
pub struct Escrow {
    folder: PathBuf,
    recipient: AgeRecipient,
    keep_days: u32,
    bytes_max: u64,
    /// Bytes of all days.
    bytes: u64,
    open: Option<Open>,
}

/// The file of the day.
#[derive(Debug)]
struct Open {
    day: String,
    path: PathBuf,
    file: File,
}

impl Escrow {
    /// As agent.toml wants it; `None` where it wants none. Makes the folder: call it before the locks.
    ///
    /// # Errors
    /// `Io`, `Internal`.
    pub fn of(folder: &Path, config: Option<&EscrowConfig>) -> Result<Option<Self>, SiteError> {
        let Some(config) = config else { return Ok(None) };
        let recipient =
            AgeRecipient::parse(&config.recipient).map_err(|error| SiteError::Internal(error.to_string()))?;
        if !folder.exists() {
            common::private::create_folder(folder)
                .map_err(|error| SiteError::config(folder, error.to_string()))?;
        }
        let bytes = days(folder).map_err(SiteError::at(folder))?.iter().map(|day| day.bytes).sum();
        Ok(Some(Self {
            folder: folder.to_path_buf(),
            recipient,
            keep_days: config.keep_days,
            bytes_max: config.mib_max.saturating_mul(1 << 20),
            bytes,
            open: None,
        }))
    }

    /// Whether a frame of so many bytes could be kept now; removes the days that the rule does not keep.
    ///
    /// # Errors
    /// `Io`: a disk or an escrow that is full is one that has no room.
    pub fn make_room(&mut self, frame_bytes: u64, now_ms: u64) -> Result<(), SiteError> {
        let day = day_of(now_ms);
        if self.open.as_ref().is_none_or(|open| open.day != day) {
            self.open = None;
            self.tidy(now_ms)?;
            self.open = Some(self.open_day(day)?);
        }
        let bytes = entry_bytes_at_most(frame_bytes);
        let full = |why| Err(SiteError::io(&self.folder, io::Error::new(io::ErrorKind::StorageFull, why)));
        if self.bytes.saturating_add(bytes) > self.bytes_max {
            return full(
                "the escrow is as large as agent.toml lets it be ([escrow] mib_max): nothing leaves",
            );
        }
        // A disk that does not say is found full when it is written to.
        let wanted = bytes.saturating_add(ESCROW_SPARE_BYTES_MIN);
        if durable::free_bytes(&self.folder).is_ok_and(|free| free < wanted) {
            return full("the disk has no room for another frame: nothing leaves");
        }
        Ok(())
    }

    /// Keeps the bytes of the frame with this number, for which [`Self::make_room`] made room before the
    /// frame was noted: what was spared for the record is not asked for again.
    ///
    /// # Errors
    /// `Io`: the frame may not be sent. A disk that is full all the same is one that has no room.
    pub fn keep(&mut self, sequence: u64, frame: &[u8]) -> Result<(), SiteError> {
        let sealed = seal(&self.recipient, frame).map_err(|error| SiteError::Internal(error.to_string()))?;
        let bytes = (HEAD_BYTES + sealed.len()) as u64;
        let Some(open) = &mut self.open else { return Err(SiteError::Internal("no day is open".into())) };
        let length = u32::try_from(sealed.len()).map_err(|error| SiteError::Internal(error.to_string()))?;
        let written =
            open.file.write_all(&head(sequence, length)).and_then(|()| open.file.write_all(&sealed));
        let written = written.and_then(|()| open.file.sync_data());
        if let Err(source) = written {
            let error = SiteError::io(&open.path, source);
            // Half an entry would hide those behind it: the file is opened anew, and moved aside, before the
            // next.
            self.open = None;
            return Err(error);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Opens the file of a day. One that does not end with its last entry, because a crash tore it or it was
    /// damaged, is moved aside whole: which of the two it was the file does not say, and what is behind a
    /// damaged place has left. It stays one of that day's.
    fn open_day(&mut self, day: String) -> Result<Open, SiteError> {
        let path = path_of(&self.folder, &day);
        let at = SiteError::at(&path);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(durable::PRIVATE);
        let mut file = options.open(&path).map_err(&at)?;
        let (_, whole) = entries(&mut file).map_err(&at)?;
        let torn = file.metadata().map_err(&at)?.len() - whole;
        if torn > 0 {
            let none = || SiteError::Internal("the escrow has no name left for a damaged file".into());
            let aside = path_aside(&self.folder, &day).ok_or_else(none)?;
            fs::rename(&path, &aside).map_err(&at)?;
            let aside = aside.display().to_string();
            tracing::warn!(
                whole,
                torn,
                aside,
                "a file of the escrow ends within an entry; it was moved aside"
            );
            file = options.open(&path).map_err(&at)?;
        }
        durable::sync_folder_of(&path).map_err(&at)?;
        self.bytes =
            days(&self.folder).map_err(SiteError::at(&self.folder))?.iter().map(|day| day.bytes).sum();
        drop(at);
        Ok(Open { day, path, file })
    }

    /// Removes the days that the rule does not keep.
    fn tidy(&self, now_ms: u64) -> Result<(), SiteError> {
        let all = days(&self.folder).map_err(SiteError::at(&self.folder))?;
        for Day { path, .. } in misdated(&all, now_ms) {
            let path = path.display().to_string();
            tracing::warn!(path, "a day of the escrow lies in the future: the clock is or was wrong");
        }
        for Day { path, .. } in overdue(&all, self.keep_days, counted_from(&all, now_ms)) {
            fs::remove_file(&path).map_err(SiteError::at(&path))?;
        }
        Ok(())
    }
}

/// What a frame of so many bytes takes in a day's file.
fn entry_bytes_at_most(frame_bytes: u64) -> u64 {
    let tags = (frame_bytes / ESCROW_PIECE_BYTES_MAX + 1) * 16;
    frame_bytes.saturating_add(tags).saturating_add(ESCROW_ADDED_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use certs::AgeIdentity;
    use certs::age::open;

    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn config(identity: &AgeIdentity) -> EscrowConfig {
        EscrowConfig { recipient: identity.recipient().unwrap().to_string(), keep_days: 2, mib_max: 1 }
    }

    /// As `egress` does it.
    fn keep(escrow: &mut Escrow, sequence: u64, frame: &[u8], now_ms: u64) -> Result<(), SiteError> {
        escrow.make_room(frame.len() as u64, now_ms)?;
        escrow.keep(sequence, frame)
    }

    fn all(folder: &Path, identity: &AgeIdentity) -> Vec<(u64, Vec<u8>)> {
        let mut found = Vec::new();
        for day in days(folder).unwrap() {
            let mut file = File::open(day.path).unwrap();
            for entry in entries(&mut file).unwrap().0 {
                let sealed = days::read(&mut file, entry).unwrap();
                found.push((entry.sequence, open(identity, &sealed).unwrap().to_vec()));
            }
        }
        found
    }

    #[test]
    fn frames_are_kept_by_day_and_the_oldest_days_go() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("escrow");
        let identity = AgeIdentity::generate().unwrap();
        let mut escrow = Escrow::of(&folder, Some(&config(&identity))).unwrap().unwrap();
        keep(&mut escrow, 3, b"first", DAY_MS).unwrap();
        keep(&mut escrow, 4, b"second", DAY_MS + 1).unwrap();
        keep(&mut escrow, 5, b"third", 3 * DAY_MS).unwrap();
        assert_eq!(
            all(&folder, &identity),
            [(3, b"first".to_vec()), (4, b"second".to_vec()), (5, b"third".to_vec())]
        );
        keep(&mut escrow, 6, b"fourth", 4 * DAY_MS).unwrap();
        assert_eq!(
            all(&folder, &identity),
            [(5, b"third".to_vec()), (6, b"fourth".to_vec())],
            "two days are kept"
        );
        assert!(Escrow::of(&folder, None).unwrap().is_none());
    }

    #[test]
    fn a_torn_entry_hides_none() {
        let identity = AgeIdentity::generate().unwrap();
        let config = config(&identity);
        for cut in [1, 100] {
            let root = tempfile::tempdir().unwrap();
            let mut escrow = Escrow::of(root.path(), Some(&config)).unwrap().unwrap();
            keep(&mut escrow, 1, b"one", 0).unwrap();
            keep(&mut escrow, 2, b"two", 0).unwrap();
            let path = path_of(root.path(), &day_of(0));
            let length = fs::metadata(&path).unwrap().len();
            OpenOptions::new().write(true).open(&path).unwrap().set_len(length - cut).unwrap();
            let mut escrow = Escrow::of(root.path(), Some(&config)).unwrap().unwrap();
            keep(&mut escrow, 3, b"two", 0).unwrap();
            assert_eq!(all(root.path(), &identity), [(3, b"two".to_vec()), (1, b"one".to_vec())]);
        }
    }

    #[test]
    fn a_full_escrow_refuses_and_keeps_what_it_has() {
        let root = tempfile::tempdir().unwrap();
        let identity = AgeIdentity::generate().unwrap();
        let mut escrow = Escrow::of(root.path(), Some(&config(&identity))).unwrap().unwrap();
        keep(&mut escrow, 1, &vec![7; 900_000], 0).unwrap();
        let error = keep(&mut escrow, 2, &vec![7; 200_000], 0).unwrap_err();
        assert!(error.is_disk_full() && error.to_string().contains("mib_max"), "{error}");
        keep(&mut escrow, 3, b"small", 0).unwrap();
        assert_eq!(all(root.path(), &identity).len(), 2);
        let full = escrow.make_room(200_000, 0).unwrap_err();
        assert!(full.is_disk_full(), "and says so before it is asked to keep");
        // Where the days go, there is room again: not by one reading of the clock alone.
        keep(&mut escrow, 4, &vec![7; 900_000], 9 * DAY_MS).unwrap_err();
        keep(&mut escrow, 4, &vec![7; 900_000], 10 * DAY_MS).unwrap();
    }

    #[test]
    fn an_entry_is_never_larger_than_the_room_that_was_asked_for() {
        let identity = AgeIdentity::generate().unwrap();
        for length in [0_usize, 1, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 100] {
            let sealed = seal(&identity.recipient().unwrap(), &vec![1; length]).unwrap();
            let (bytes, most) = ((HEAD_BYTES + sealed.len()) as u64, entry_bytes_at_most(length as u64));
            assert!(bytes <= most && most < bytes + 200, "{length}: {bytes}, {most}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_once_removes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let identity = AgeIdentity::generate().unwrap();
        let mut escrow = Escrow::of(root.path(), Some(&config(&identity))).unwrap().unwrap();
        let (today, wrong) = (20_000 * DAY_MS, 47_000 * DAY_MS);
        keep(&mut escrow, 1, b"one", today).unwrap();
        // Another wrong day before it removes nothing either.
        for now_ms in [wrong, today, wrong - 400 * DAY_MS, today + DAY_MS] {
            keep(&mut escrow, 2, b"two", now_ms).unwrap();
        }
        assert_eq!(all(root.path(), &identity).len(), 5);
        let found = days(root.path()).unwrap();
        assert_eq!(misdated(&found, today).len(), 2);
        keep(&mut escrow, 3, b"three", today + 3 * DAY_MS).unwrap();
        assert_eq!(all(root.path(), &identity).len(), 6, "counted from the day after the newest true one");
        keep(&mut escrow, 4, b"four", today + 4 * DAY_MS).unwrap();
        assert_eq!(all(root.path(), &identity).len(), 4, "true days go, and the misdated ones stay");
    }

    #[test]
    fn a_damaged_file_is_moved_aside_whole_and_stays_a_day() {
        let root = tempfile::tempdir().unwrap();
        let identity = AgeIdentity::generate().unwrap();
        let config = config(&identity);
        let mut escrow = Escrow::of(root.path(), Some(&config)).unwrap().unwrap();
        let path = path_of(root.path(), &day_of(0));
        for number in 1..=3 {
            keep(&mut escrow, number, b"one", 0).unwrap();
        }
        let whole = fs::read(&path).unwrap();
        for (times, fault) in [(1, whole.len() / 3 + 8), (2, 8)] {
            let mut damaged = whole.clone();
            // Beyond any entry, and one that an entry could have.
            let length = if times == 1 { 0xffff_ffff_u32 } else { 1 << 20 };
            damaged[fault..fault + 4].copy_from_slice(&length.to_le_bytes());
            fs::write(&path, &damaged).unwrap();
            let mut escrow = Escrow::of(root.path(), Some(&config)).unwrap().unwrap();
            keep(&mut escrow, 9, b"nine", 0).unwrap();
            let aside = root.path().join(format!("1970-01-01-{times}.frames"));
            assert_eq!(fs::read(&aside).unwrap(), damaged, "nothing is cut off");
        }
        assert_eq!(all(root.path(), &identity), [(9, b"nine".to_vec()), (1, b"one".to_vec())]);
        escrow.open = None;
        keep(&mut escrow, 10, b"ten", 3 * DAY_MS).unwrap();
        assert_eq!(days(root.path()).unwrap().len(), 4, "one day later than the first");
        keep(&mut escrow, 11, b"eleven", 4 * DAY_MS).unwrap();
        assert_eq!(days(root.path()).unwrap().len(), 2, "what was set aside goes with its day");
    }
}
