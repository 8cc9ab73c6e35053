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
/// A key's file: a sealed key, and three certificates of a kilobyte beside it.
pub const KEY_FILE_BYTES_MAX: u64 = 16 << 10;
