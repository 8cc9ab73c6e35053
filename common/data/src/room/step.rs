//! How far the room has come. Used by `gather` and `room::inspect`, and by the site agent's progress bar.
//! Plain data.

/// What the room is doing; for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reading and screening; so many records so far.
    Reading {
        /// Records read.
        records: u64,
    },
    /// Reading again to compare texts that look alike; of all records, so many so far.
    Comparing {
        /// Records read again.
        records: u64,
        /// All records.
        total: u64,
    },
    /// Dividing records and computing the manifest.
    Dividing,
}
