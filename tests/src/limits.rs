//! Every bound of the harness, the demo, the data generator and the benchmark. Used by `consortium`,
//! `process`, `relay`, `canary`, `demo`, `make-demo-data` and `overhead-bench`. Invariant: a constant here is
//! a bound and ends in `_MAX` or `_MIN`.

/// A process of ours opens its sockets well within a minute, also on a busy machine.
pub const START_S_MAX: u64 = 60;
/// A one-shot command: enrolment, the longest, is one handshake and one transaction.
pub const COMMAND_S_MAX: u64 = 120;
/// From SIGTERM to SIGKILL.
pub const STOP_S_MAX: u64 = 5;
/// One round of the demo. Nobody waits longer on a laptop; a real deployment does not use the demo.
pub const ROUND_S_MAX: u64 = 3 * 3600;
/// A run of the benchmark: some rounds of a few seconds each, also of 100 rounds on a slow disk.
pub const BENCH_RUN_S_MAX: u64 = 1800;
/// Writing the demo's adapter as a PEFT folder: the copy of one file.
pub const EXPORT_S_MAX: u64 = 300;
/// A ledger holds some thousand records; both verifiers need well under a second.
pub const VERIFY_S_MAX: u64 = 60;
/// `site-agent status` reads one database.
pub const STATUS_S_MAX: u64 = 60;
/// Clients of one relay at a time; a test never has more sites than this.
/// The one that was quiet longest gives way to the next.
pub const RELAY_CLIENTS_MAX: usize = 256;
/// What waits on a relay's long or narrow line in one direction: a second of 16 Mbit/s, as in a small router.
pub const LINE_BYTES_MAX: usize = 2 << 20;
/// What a search for planted strings looks for; shorter ones would be found by chance.
pub const NEEDLE_BYTES_MIN: usize = 8;
/// Draws for one department of the demo's records; more of them mean that its questions are exhausted.
pub const DRAWS_MAX: usize = 100_000;
/// Between two looks whether a child ended.
pub const PROCESS_POLL_MS_MIN: u64 = 5;
/// Between two looks whether a process of ours has started.
pub const READY_POLL_MS_MIN: u64 = 20;
/// Between two questions for a run's status: each starts a process, which takes some 10 ms.
pub const STATUS_POLL_MS_MIN: u64 = 150;
/// Between two looks of a relay thread whether it should end.
pub const RELAY_WAKE_MS_MIN: u64 = 20;
