//! Every bound of what the command lines share. Used by this crate. Invariant: nothing stands here but
//! bounds.

/// From one progress line to the next where there is no terminal: an evaluation of an hour is 720 lines.
pub const PROGRESS_LINE_MS_MIN: u64 = 5_000;
/// What is read of an answer typed at a terminal: a site's name or `yes`, with room.
pub const ANSWER_BYTES_MAX: u64 = 256;
/// What is read of one log file, from its end: as much as our programs let one grow to.
pub const LOG_READ_BYTES_MAX: u64 = common::limits::LOG_BYTES_MAX;
/// Lines that `logs` shows at most: two files of 8 MiB hold some 160,000 lines of 100 bytes.
pub const LOG_LINES_MAX: usize = 200_000;
/// From one look at a log that is followed to the next.
pub const LOG_LOOK_MS_MIN: u64 = 250;
/// One look reads at most this of each log; the rest is read by the next ones.
pub const LOG_LOOK_BYTES_MAX: u64 = 1 << 20;
/// A key's file, a witness' too: a sealed key, and three certificates of a kilobyte beside it.
pub const KEY_FILE_BYTES_MAX: u64 = 16 << 10;
/// Keys of one log that a witness is told: one at a time, and those that were lost.
pub(crate) const WITNESS_KEYS_MAX: usize = 4;
/// Logs that one witness knows: the coordinator's, and each site's of a large consortium.
pub(crate) const WITNESS_LOGS_MAX: usize = 256;
/// What it remembers of one: 4 keys of at most 320 B, and a note of at most 8,192 B, escaped.
pub(crate) const WITNESS_MEMORY_BYTES_MAX: u64 = 32 << 10;
/// Pairs of heads that it keeps of one log as evidence of two histories, and as many that were not shown to
/// follow: one is enough, and each has at most 25 KB; of 256 logs 256 x 2 x 4 x 25 KB = 51 MB.
pub(crate) const WITNESS_EVIDENCE_MAX: usize = 4;
/// How often it looks whether another command is done: 100 x 50 ms.
pub(crate) const WITNESS_LOCK_TRIES_MAX: u32 = 100;
/// From one look to the next.
pub(crate) const WITNESS_LOCK_WAIT_MS_MIN: u64 = 50;
/// Witnesses that one command asks for: as many as a note has lines besides the log's own.
pub(crate) const WITNESSES_ASKED_MAX: usize = certs::limits::NOTE_SIGNATURES_MAX - 1;
/// Witnesses whose heads are kept beside a log: the same.
pub(crate) const WITNESSES_KEPT_MAX: usize = WITNESSES_ASKED_MAX;
/// The file of those: 15 notes of at most 8,192 B, escaped, and 15 keys.
pub(crate) const COSIGNED_BYTES_MAX: u64 = 256 << 10;
/// How far the clock of a witness may be ahead where the age of its cosignature counts.
pub(crate) const WITNESS_AHEAD_S_MAX: u64 = 600;
