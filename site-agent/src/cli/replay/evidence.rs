//! What the ledger says of a round's update, compared with the bytes of a replay: each frame that left is
//! made again and must have the SHA-256 of its record. Used by `computing`. Pure but for reading the update's
//! file.
//!
//! Invariant: a frame counts as matched only if the ledger's record is of exactly these bytes; the site's
//! database is not asked.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use common::id::Digest;
use common::ledger::{Kind, Record};
use common::limits::CHUNK_BYTES_MAX;
use common::wire::frame;
use common::wire::message::{Envelope, Request, RoundKey};

use crate::egress::offer_of;
use crate::error::SiteError;
use crate::gateway::store::Update;

/// How many records of the ledger are of frames of these bytes, of how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frames {
    pub(super) offers: u64,
    pub(super) offers_matched: u64,
    pub(super) chunks: u64,
    pub(super) chunks_matched: u64,
}

impl Frames {
    /// Every offer and every chunk that left is of these bytes, and there is at least an offer.
    #[must_use]
    pub(super) fn all_match(&self) -> bool {
        self.offers > 0 && self.offers == self.offers_matched && self.chunks == self.chunks_matched
    }
}

/// Whether the ledger says that an update of this round was offered.
pub(super) fn has_offer(ledger: &[Record], key: RoundKey) -> bool {
    let run = key.run.to_string();
    let is_it = |record: &Record| {
        record.kind == Kind::Offer && record.run.as_deref() == Some(&run) && record.round == Some(key.round.0)
    };
    ledger.iter().any(is_it)
}

/// Looks up the frames of an update, whose bytes are in the file `path`.
///
/// # Errors
/// `Io`; `Internal` when a frame cannot be made.
pub(super) fn frames(
    ledger: &[Record],
    update: &Update,
    odd_offsets: &[u64],
    path: &Path,
) -> Result<Frames, SiteError> {
    let (run, round) = (update.key.run.to_string(), update.key.round.0);
    let mut frames = Frames::default();
    let content = Content { file: File::open(path).map_err(SiteError::at(path))?, path, odd_offsets };
    // A coordinator mostly asks for what follows, or for the same again.
    let mut last = (0, 0);
    for record in ledger {
        if record.run.as_deref() != Some(&run) || record.round != Some(round) {
            continue;
        }
        match record.kind {
            Kind::Offer => {
                frames.offers += 1;
                let bytes = envelope(record.sequence, offer_of(update))?;
                frames.offers_matched += u64::from(is_of(record, &bytes));
            }
            Kind::Chunk => {
                frames.chunks += 1;
                // Other bytes than those of the offers: no chunk of them can match.
                if frames.offers_matched == 0 {
                    continue;
                }
                if let Some(found) = matched(record, update, &content, last)? {
                    frames.chunks_matched += 1;
                    last = found;
                }
            }
            _ => {}
        }
    }
    Ok(frames)
}

/// The bytes of the update.
struct Content<'a> {
    file: File,
    path: &'a Path,
    odd_offsets: &'a [u64],
}

/// Where the chunk of this record begins and ends, if it is one of this update: looked for where the last one
/// ended and began, where the site noted that one began, and at each whole number of chunks.
fn matched(
    record: &Record,
    update: &Update,
    bytes_of: &Content<'_>,
    last: (u64, u64),
) -> Result<Option<(u64, u64)>, SiteError> {
    let steps = (0..update.bytes).step_by(CHUNK_BYTES_MAX);
    let odd = bytes_of.odd_offsets.iter().copied();
    for offset in
        [last.1, last.0].into_iter().chain(odd.chain(steps).filter(|step| *step != last.1 && *step != last.0))
    {
        if offset >= update.bytes {
            continue;
        }
        let count = (update.bytes - offset).min(CHUNK_BYTES_MAX as u64);
        let length = u32::try_from(count).unwrap_or(u32::MAX);
        let mut bytes = envelope(record.sequence, Request::Chunk { digest: update.digest, offset, length })?;
        if bytes.len() as u64 + count != record.length {
            continue;
        }
        let begin = bytes.len();
        bytes.resize(begin + length as usize, 0);
        bytes_of.file.read_exact_at(&mut bytes[begin..], offset).map_err(SiteError::at(bytes_of.path))?;
        if is_of(record, &bytes) {
            return Ok(Some((offset, offset + count)));
        }
    }
    Ok(None)
}

fn envelope(sequence: u64, request: Request) -> Result<Vec<u8>, SiteError> {
    frame::to_bytes(&Envelope { sequence, request }).map_err(|error| SiteError::Internal(error.to_string()))
}

fn is_of(record: &Record, bytes: &[u8]) -> bool {
    record.length == bytes.len() as u64 && record.sha256 == Digest::of(bytes).to_string()
}
