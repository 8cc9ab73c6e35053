//! The coordinator's disk: unfinished uploads, finished files, and what the rule of `round::retention` and
//! the program's clocks remove of them. Used by `world`. Invariants: an upload counts with its whole length
//! from its first byte; a file goes at a look, when no run needs it and it is an hour old.

use std::collections::BTreeMap;

use common::id::Digest;
use serde::Serialize;

use super::agenda::Ms;
use crate::limits::{PRUNE_AGE_S_MIN, PRUNE_INTERVAL_S_MIN};
use crate::round::retention::{Rule, needed};
use crate::round::state::RunState;

const LOOK_MS: Ms = PRUNE_INTERVAL_S_MIN * 1000;
const AGE_MS: Ms = PRUNE_AGE_S_MIN * 1000;

/// What the run takes of the disk. `Serialize` is what `--json` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DiskUse {
    /// The most at any time: files and unfinished uploads, without the database.
    pub most_bytes: u64,
    /// The files when the run ends; the retention rule takes an hour or more to remove what it removes.
    pub end_bytes: u64,
    /// What of them stays for good by that rule.
    pub kept_bytes: u64,
    /// What the run adds to the database.
    pub database_bytes: u64,
}

/// The disk while a run goes on.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// By when they were written, so that the old ones come first.
    files: BTreeMap<(Ms, Digest), u64>,
    in_files: u64,
    in_parts: u64,
    looked_at: Ms,
    pub(super) most: u64,
}

impl Disk {
    fn note(&mut self) {
        self.most = self.most.max(self.in_files.saturating_add(self.in_parts));
    }

    /// Something begins to arrive, or to be written.
    pub(super) fn begin(&mut self, bytes: u64) {
        self.in_parts = self.in_parts.saturating_add(bytes);
        self.note();
    }

    /// It is complete.
    pub(super) fn finish(&mut self, name: Digest, bytes: u64, now: Ms) {
        self.in_parts = self.in_parts.saturating_sub(bytes);
        self.put(name, bytes, now);
    }

    /// Unfinished uploads of a round that is closed go.
    pub(super) fn drop_parts(&mut self) {
        self.in_parts = 0;
    }

    pub(super) fn put(&mut self, name: Digest, bytes: u64, now: Ms) {
        if self.files.insert((now, name), bytes).is_none() {
            self.in_files = self.in_files.saturating_add(bytes);
        }
        self.note();
    }

    /// As the program does it every ten minutes.
    pub(super) fn look(&mut self, state: &RunState, rule: Rule, now: Ms) {
        let due = now / LOOK_MS * LOOK_MS;
        if due <= self.looked_at {
            return;
        }
        self.looked_at = due;
        let old = due.saturating_sub(AGE_MS);
        if self.files.first_key_value().is_none_or(|((at, _), _)| *at > old) {
            return;
        }
        let kept = needed(&[state], rule);
        let gone =
            self.files.extract_if(..=(old, Digest([u8::MAX; 32])), |(_, name), _| !kept.contains(name));
        let bytes: u64 = gone.map(|(_, bytes)| bytes).sum();
        self.in_files = self.in_files.saturating_sub(bytes);
    }

    /// At the end of the run: the bytes of all files, and of those that stay.
    pub(super) fn end(&self, state: &RunState, rule: Rule) -> (u64, u64) {
        let kept = needed(&[state], rule);
        let stay = self.files.iter().filter(|((_, name), _)| kept.contains(name));
        (self.in_files, stay.map(|(_, bytes)| *bytes).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::plan::File;
    use crate::simulate::tests::plan;

    #[test]
    fn what_nobody_needs_goes_at_a_look_after_an_hour() {
        let plan = plan(2, 1);
        let state = RunState::launched(plan.launched(), super::super::plan::moment(0));
        let mut disk = Disk::default();
        disk.put(File::Initial.name(0, 0), 10, 0);
        disk.begin(100);
        disk.finish(File::Update.name(9, 0), 100, 1_000);
        disk.look(&state, plan.retention, AGE_MS);
        assert_eq!((disk.in_files, disk.in_parts), (110, 0), "not an hour old at that look");
        disk.look(&state, plan.retention, AGE_MS + LOOK_MS - 1);
        assert_eq!(disk.in_files, 110, "no look yet");
        disk.look(&state, plan.retention, AGE_MS + LOOK_MS);
        assert_eq!((disk.in_files, disk.most), (10, 110), "the first adapter stays");
        assert_eq!(disk.end(&state, plan.retention), (10, 10));
    }
}
