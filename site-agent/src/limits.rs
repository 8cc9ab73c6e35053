//! Every bound of the site agent in one place, with its reason. Used by all rooms of this crate; bounds that
//! both sides of the wire share are in `common::limits`. Invariant: nothing waits, grows or repeats without
//! one of these.

/// Messages that may wait for a process of this site, in either direction. A worker says at most one a
/// second; what a process that is down loses, both sides repeat.
pub const PIPE_MESSAGES_MAX: usize = 64;
/// A child that does not take a message for this long hangs, and is killed.
pub const PIPE_WRITE_MS_MAX: u64 = 30_000;
/// How long a child may take to end after SIGTERM before it is killed; both children are safe to kill at any
/// moment.
pub const CHILD_STOP_MS_MAX: u64 = 5_000;
/// A child that lived this long was healthy; its death starts the count of deaths afresh.
pub const CHILD_HEALTHY_MS_MIN: u64 = 30_000;
/// Deaths in a row, each within the healthy time, after which the agent ends: about 15 seconds of trying.
pub const CHILD_DEATHS_MAX: u32 = 8;
/// What is read of the end of a dead child's log to find its last error: a sentence, with room.
pub const LAST_WORDS_BYTES_MAX: u64 = 4096;
/// A log that is larger at start is set aside as `.old`; so there are at most two of this size and what one
/// run adds.
pub const LOG_BYTES_MAX: u64 = 8 << 20;
/// First wait after a failure, before it doubles.
pub const BACKOFF_MS_MIN: u64 = 250;
/// Longest wait between two attempts: a restarted coordinator has every site back within this.
pub const BACKOFF_MS_MAX: u64 = 15_000;
/// Shortest wait after the coordinator answered that it is busy, whatever it asked for.
pub const BUSY_MS_MIN: u32 = 50;
/// Longest wait after that answer: a coordinator cannot send a site to sleep for days.
pub const BUSY_MS_MAX: u32 = 60_000;
/// How long a statement waits for another process that holds the site's database (`status` beside the
/// gateway).
pub const DATABASE_BUSY_MS_MAX: u64 = 5_000;
/// Orders that may wait in the worker: the gateway has one round in hand and may repeat itself after a
/// restart.
pub const ORDERS_MAX: usize = 16;
/// The longest record that is encoded in full when a site's data is validated; longer than any run's cutoff.
pub const CUTOFF_TOKENS_MAX: usize = 131_072;
/// Rounds whose metrics are kept: a row has about 250 bytes, so 100 rounds of 10,000 steps are 250 MB at
/// most.
pub const METRICS_FILES_MAX: usize = 100;
/// Seconds between two checkpoints, at most: what a crash may cost.
pub const CHECKPOINT_INTERVAL_S_MAX: u64 = 3600;
/// A checkpoint: the adapter, its two moments and the best adapter so far, each as large as an adapter may
/// be, and as much again for the rest.
pub const CHECKPOINT_BYTES_MAX: u64 = 5 * common::limits::ADAPTER_BYTES_MAX;
/// What the worker notes about a raw update: three digests and three numbers, about 400 bytes.
pub const FACTS_BYTES_MAX: u64 = 4096;
/// Mantissa bits of an update's values that may leave: all that an f32 has.
pub const UPDATE_MANTISSA_BITS_MAX: u32 = 23;
/// And at least: sign, exponent and one more bit.
pub const UPDATE_MANTISSA_BITS_MIN: u32 = 1;
/// How often the training of one round may be started, at most.
pub const TRAINING_ATTEMPTS_MAX: u32 = 100;
/// After a request to stop, `site-agent train`'s child has this long for the step it is in and its
/// checkpoint.
pub const TRAINING_STOP_MS_MAX: u64 = 120_000;
/// A child that has said how it ended has this long to be gone.
pub const TRAINING_EXIT_MS_MAX: u64 = 10_000;
/// A file with a privacy officer's key: a line or two.
pub const KEY_BYTES_MAX: u64 = 4096;
/// An invitation: 13 bytes of scheme, an address of at most 259, a name of 32, token and pin of 43 each,
/// three strokes; twice that and blanks around it.
pub const INVITATION_BYTES_MAX: usize = 1024;
/// A data manifest that is compared with another; one is about 2 KB.
pub const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// GPUs that NVIDIA's kernel driver numbers at most (its NV_MAX_DEVICES).
pub const GPUS_MAX: usize = 32;

const _: () = assert!(BACKOFF_MS_MIN <= BACKOFF_MS_MAX && BUSY_MS_MIN <= BUSY_MS_MAX, "waits are ranges");
const _: () = assert!(
    BUSY_MS_MAX as u64 >= common::limits::POLL_WAIT_MS_MAX as u64,
    "a busy coordinator may ask for at least a poll's length"
);
