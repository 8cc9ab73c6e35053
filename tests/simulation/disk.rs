//! Files of the coordinator: what is synced stays, what is not may be gone after a power cut. Modelled: the
//! real ones are files.

use std::collections::BTreeMap;

use common::id::{Digest, SiteId};

/// An upload that is not complete.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    /// So many of them are synced.
    pub(crate) synced: usize,
}

/// The folder of the coordinator.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Finished files by digest; synced before they have this name.
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(crate) parts: BTreeMap<(SiteId, Digest), Part>,
    pub(crate) is_full: bool,
    /// The next write is torn.
    pub(crate) tears: bool,
}

impl Disk {
    /// Appends to a part; the last piece is synced. A write that fails is cut back to what was there, as
    /// `requests::intake` does.
    pub(crate) fn append(&mut self, part: (SiteId, Digest), piece: &[u8], is_last: bool) -> Result<(), ()> {
        if self.is_full || std::mem::take(&mut self.tears) {
            return Err(());
        }
        let part = self.parts.entry(part).or_default();
        part.bytes.extend_from_slice(piece);
        if is_last {
            part.synced = part.bytes.len();
        }
        Ok(())
    }

    /// The power goes: of what was not synced the length may be there, and the bytes are not.
    pub(crate) fn lose_power(&mut self, keeps_length: bool) {
        for part in self.parts.values_mut() {
            if keeps_length {
                part.bytes[part.synced..].fill(0);
            } else {
                part.bytes.truncate(part.synced);
            }
        }
        self.parts.retain(|_, part| !part.bytes.is_empty());
    }
}
