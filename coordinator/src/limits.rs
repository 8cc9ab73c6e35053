//! Every bound of the coordinator in one place, each with its reason or its arithmetic. Used by every folder
//! of this crate; bounds that sites share are in `common::limits`. Invariant: nothing stands here but bounds.

/// Events waiting for the driver; a request that finds the queue full waits. Every site has at most
/// `common::limits::STREAMS_PER_CONNECTION_MAX` requests in progress, most of which raise no event.
pub const DRIVER_QUEUE_EVENTS_MAX: usize = 256;
/// The driver looks at the clock at the latest after this, so a deadline is noticed at most a second late.
pub const DRIVER_WAIT_MS_MAX: u64 = 1_000;
/// Attempts at one evaluation: a child that died once may have met a passing shortage of memory.
pub const EVALUATION_ATTEMPTS_MAX: u32 = 2;
/// Attempts at an aggregation or a publication. With waits of 1, 2, 4 .. 60 s: about half an hour for an
/// operator to make room on a disk.
pub const EFFECT_ATTEMPTS_MAX: u32 = 36;
/// The wait between two of these attempts doubles up to this.
pub const EFFECT_WAIT_MS_MAX: u64 = 60_000;
/// Different refused updates remembered per (round, site), so that a site that insists cannot grow the
/// journal.
pub const CONFLICTS_PER_UPDATE_MAX: usize = 8;
/// A job for the evaluation child: it names a few paths and settings.
pub const JOB_BYTES_MAX: u64 = 1024 * 1024;
/// The child's answer. A description of an adapter with 10,000 tensors has about 1.5 MiB.
pub const JOB_ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// `evaluation_timeout_s` in the configuration: a week.
pub const EVALUATION_S_MAX: u64 = 604_800;
/// `certificate_days` in the configuration: what the certificate profile allows.
pub const CERTIFICATE_DAYS_MAX: u32 = 397;
/// An invitation's life: longer than any holiday, but a forgotten invitation ends.
pub const INVITATION_MS_MAX: u64 = 30 * 86_400_000;
/// Operators' commands in progress at once.
pub const OPERATORS_MAX: usize = 32;
/// An operator's command must have arrived by then: it is one short line.
pub const COMMAND_READ_MS_MAX: u64 = 10_000;
/// A watcher hears something at the latest after this, so that one that went away is noticed.
pub const WATCH_WAIT_MS_MAX: u64 = 5_000;
/// How long a second process (`invite` beside `serve`) waits for the database.
pub const DATABASE_WAIT_MS_MAX: u64 = 5_000;
/// SQLite before 3.51.3 could corrupt a WAL database after a reset.
pub const SQLITE_VERSION_MIN: i32 = 3_051_003;

const _: () = assert!(
    EFFECT_ATTEMPTS_MAX as u64 * EFFECT_WAIT_MS_MAX >= 30 * 60_000,
    "half an hour of attempts at the longest wait"
);
