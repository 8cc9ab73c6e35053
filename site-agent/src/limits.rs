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
/// What is told of a dead child's last error: a sentence, with room.
pub const LAST_WORDS_BYTES_MAX: usize = 1024;
/// First wait after a failure, before it doubles.
pub const BACKOFF_MS_MIN: u64 = 250;
/// Longest wait between two attempts: a restarted coordinator has every site back within this.
pub const BACKOFF_MS_MAX: u64 = 15_000;
/// Longest wait between two questions that a person at the coordinator has to answer first (it does not take
/// our ledger, or was restored): each is at most three records of 400 bytes, so 350 KB a day.
pub const PERSON_WAIT_MS_MAX: u64 = 300_000;
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
/// Rounds that the worker is told to stop and remembers: while it trains, so many orders as wait for it, one
/// that waits to wait, and that of its own round.
pub const STOPS_MAX: usize = ORDERS_MAX + 2;
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
/// What is shown of a worker's words while it looks at records and model: a sentence for each of a few
/// hundred refused records, and room.
pub const VALIDATION_BYTES_MAX: u64 = 256 << 10;
/// Its answer: a number of 64 bits in digits, 20, and room.
pub const VALIDATION_ANSWER_BYTES_MAX: u64 = 32;
/// What a hostile worker of the attack suite is told: a few hundred paths.
pub const ATTACK_GROUND_BYTES_MAX: u64 = 1 << 20;
/// What it may say of its attacks: a hundred lines of a few hundred bytes, with the names of what was let
/// through.
pub const ATTACK_SAID_BYTES_MAX: u64 = 1 << 20;
/// One attack, or a worker with all of its attacks, takes milliseconds; what takes this long is held up.
pub const ATTACK_S_MAX: u64 = 10;
/// How often an update is checked while it is exchanged, at most.
pub const ATTACK_SWAPS_MAX: u32 = 500;
/// And for how long.
pub const ATTACK_SWAP_MS_MAX: u64 = 1500;
/// How long a flood of words is listened to: thousands of them.
pub const ATTACK_FLOOD_MS_MAX: u64 = 300;
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
/// Between two requests for this site's next certificate: of one that is renewed after two thirds of its
/// life, even a life of a day leaves eight hours, which is eight attempts.
pub const RENEWAL_PAUSE_MS_MIN: u64 = 3_600_000;
/// Between two questions for a revocation list on one line: of one that is asked for when it is a day old and
/// holds for seven, 144 are left.
pub const REVOCATIONS_PAUSE_MS_MIN: u64 = 3_600_000;
/// Keys of this site that are remembered: a run goes on with the roster of its launch. With a life of 30 days
/// these are more than three years.
pub const OWN_KEYS_MAX: u32 = 64;
/// A file with a key, the privacy officer's or that for the heads of the ledger: a line or two.
pub const KEY_BYTES_MAX: u64 = 4096;
/// An invitation: 13 bytes of scheme, four addresses of at most 259 with commas, a name of 32, token and pin
/// of 43 each, three strokes: 1,173; the rest is for blanks around it.
pub const INVITATION_BYTES_MAX: usize = 2048;
/// A data manifest that is compared with another; one is about 2 KB.
pub const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Progress messages of one round: one for each fiftieth of it, whoever asks for more. At 21 bits each these
/// are 131 bytes a round; a person who watches sees every second percent.
pub const PROGRESS_MESSAGES_MAX: u32 = 50;
/// Optimiser steps of a round of which progress is told: 1,000 passes over 100,000 records one by one.
pub const PROGRESS_STEPS_MAX: u32 = 100_000_000;
/// How far the told loss moves between two progress messages, in thousandths of a nat per token. The mean of
/// a healthy step differs from the one before by less; where training falls from 12 to 2 at its start, the
/// told loss is behind for 20 messages. 2 x 500 + 1 values are just below 10 bits.
pub const LOSS_CHANGE_MILLI_MAX: u32 = 500;
/// Training speed that is told, in tokens a second: a hundred times one large GPU on an 8B model.
pub const TOKENS_PER_S_MAX: u32 = 10_000_000;
/// From one poll to the next when the first was answered at once with nothing new; doubles up to
/// [`PAUSE_MS_MAX`]. An honest coordinator holds a poll for 20 s.
pub const POLL_INTERVAL_MS_MIN: u64 = 1_000;
/// First pause after a refusal; doubles.
pub const PAUSE_MS_MIN: u64 = 1_000;
/// Longest pause after honest refusals in a row: a full disk that was cleared is noticed within this.
pub const PAUSE_MS_MAX: u64 = 15_000;
/// Longest pause after odd answers in a row (what no honest coordinator says): a quarter of an hour, 96
/// attempts a day.
pub const ODD_PAUSE_MS_MAX: u64 = 900_000;
/// A run's manifest: 100 sites, 10,000 tensors of 100 bytes. The coordinator may announce what it wants.
pub const RUN_MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Bytes of one update that leave in a day, as a multiple of its size: once, and twice again.
pub const SENT_TIMES_MAX: u64 = 3;
/// What a small update may cost in any case: a coordinator that is killed 50 times in a test gets it 50
/// times.
pub const SENT_BYTES_MIN: u64 = 16 << 20;
/// What `updates_per_day_max` of the policy counts over, in milliseconds.
pub const UPDATES_PERIOD_MS_MIN: u64 = 24 * 3600 * 1000;
/// After this the count of sent bytes starts afresh: a coordinator restored from a backup gets its update.
pub const SENT_PERIOD_MS_MIN: u64 = 24 * 3600 * 1000;
/// Attempts at one chunk on lines that break, before the site asks what it should do: 30 s of trying.
pub const CHUNK_ATTEMPTS_MAX: u32 = 8;
/// How often the coordinator may have one round begun at a site: a crash or a lost line is one beginning.
pub const ROUND_STARTS_MAX: u32 = 200;
/// How long a site measures a run's result on records of its own, in seconds: 4,000 records with two models
/// are 2.2 a second. It then says that the measurement failed.
pub const OWN_SCORES_S_MAX: u64 = 3_600;
/// How long a site works on one round, in seconds: as long as a coordinator may keep it open.
pub const ROUND_S_MAX: u64 = common::limits::ROUND_DEADLINE_S_MAX;
/// How long after this site first heard of it a run may give it work, in milliseconds: the 30 days that sites
/// may have to agree, and 90 days.
pub const RUN_AGE_MS_MAX: u64 = (30 + 90) * 24 * 3600 * 1000;
/// Manifests that stay in the inbox as evidence of what was agreed: 100 MiB at most.
pub const RUNS_KEPT_MAX: usize = 100;
/// The room on the disk that `[retention]` may ask for, in MiB: 1 TiB.
pub const DISK_FREE_MIB_MAX: u64 = 1 << 20;
/// Faults of a ledger that are named one by one; the others are counted.
pub const FAULTS_SHOWN_MAX: usize = 100;
/// The share of the disk that `[retention]` may give to what replays need, in MiB: 1 TiB.
pub const REPLAY_MIB_MAX: u64 = 1 << 20;
/// For how long it may, in days: ten years.
pub const REPLAY_DAYS_MAX: u32 = 3660;
/// For how many days frames may be kept in escrow: ten years.
pub const ESCROW_DAYS_MAX: u32 = 3660;
/// The share of the disk that they may have, in MiB: 1 TiB.
pub const ESCROW_MIB_MAX: u64 = 1 << 20;
/// A sealed frame: a chunk or points of 1 MiB, a message before it, 16 bytes for each 64 KiB and a header of
/// 200.
pub const ESCROW_ENTRY_BYTES_MAX: u64 = 2 << 20;
/// What sealing adds to a frame, at most: a header and a nonce of 200 bytes, and the head of the entry; and
/// 16 bytes for each piece of `ESCROW_PIECE_BYTES_MAX`, the last of them begun.
pub const ESCROW_ADDED_BYTES_MAX: u64 = 256;
/// Bytes that are sealed with one tag: the age format's.
pub const ESCROW_PIECE_BYTES_MAX: u64 = 64 << 10;
/// Room that the disk has beside a frame before it is noted: its record, and what file systems round up.
pub const ESCROW_SPARE_BYTES_MIN: u64 = 64 << 10;
/// Places in an update from which a coordinator may want it sent on, beside whole numbers of chunks: each is
/// where its own disk or process broke in the middle of one.
pub const ODD_OFFSETS_MAX: usize = 64;
/// Replays whose outcome is remembered: 100 bytes each.
pub const REPLAYS_MAX: usize = 1000;
/// Between two looks for what replays need no more: it is kept for days.
pub const REPLAY_TIDY_MS_MIN: u64 = 3600 * 1000;
/// How many adapters a round writes at this site at most, at the same time: the global one, the checkpoint
/// (adapter and two moments) and the one that replaces it, the raw update, the one that leaves.
pub const ADAPTERS_A_ROUND_MAX: u64 = 9;
/// How long a gateway waits on a full disk before it tries again to start.
pub const DISK_WAIT_MS_MAX: u64 = 15_000;
/// Sent updates that stay in the outbox while their run lasts; beyond, the oldest acknowledged one goes.
pub const OUTBOX_BYTES_MAX: u64 = 16 << 30;
/// How often a worker may ask for a comparison in one round: once, and once for each attempt at the round.
pub const BLINDINGS_MAX: u32 = 1 + TRAINING_ATTEMPTS_MAX;
/// One line of a child's log; the rest of a longer one is cut off.
pub const LOG_LINE_BYTES_MAX: usize = 4096;
/// What is still read of a dead child's log pipe, which a process it left behind may hold open.
pub const LOG_DRAIN_MS_MAX: u64 = 500;
/// From one progress line to the next where there is no terminal: a training of an hour is 720 lines.
pub const PROGRESS_LINE_MS_MIN: u64 = 5_000;
/// From one request to stop to the next that counts: a terminal, a service manager and `timeout` may each
/// send their own signal, and mean one.
pub const STOP_AGAIN_MS_MIN: u64 = 1_000;

const _: () = assert!(BACKOFF_MS_MIN <= BACKOFF_MS_MAX && BUSY_MS_MIN <= BUSY_MS_MAX, "waits are ranges");
const _: () = assert!(
    BUSY_MS_MAX as u64 >= common::limits::POLL_WAIT_MS_MAX as u64,
    "a busy coordinator may ask for at least a poll's length"
);
const _: () = assert!(PAUSE_MS_MIN <= PAUSE_MS_MAX && PAUSE_MS_MAX <= ODD_PAUSE_MS_MAX, "pauses grow");
const _: () = assert!(LOG_LINE_BYTES_MAX as u64 <= common::limits::LOG_BYTES_MAX, "a line fits in a log");
const _: () = assert!(CHUNK_ATTEMPTS_MAX >= 1 && ROUND_STARTS_MAX >= TRAINING_ATTEMPTS_MAX, "attempts fit");

/// Places that a data report keeps for each kind of identifier: 31 kinds of 1,000 names of 60 bytes are 2 MB.
pub const FINDING_PLACES_MAX: usize = 1_000;
/// How often the gateway looks whether this site has withdrawn from the run that its worker trains for, in
/// milliseconds; before each frame it looks in any case.
pub const CONSENT_LOOK_MS_MAX: u64 = 2_000;
/// How long a poll lasts, in milliseconds, while an officer is expected to decide: so long until the
/// coordinator hears of a decision.
pub const PROPOSAL_POLL_MS_MAX: u32 = 5_000;
/// How long that is after a proposal came, in seconds: an hour of polls of 5 s is 720 ledger records.
pub const PROPOSAL_WATCH_S_MAX: u64 = 3600;
/// Operators that a policy may list: more people than work at a consortium.
pub const POLICY_OPERATORS_MAX: usize = 32;
/// Base models that a policy may list: 100 fingerprints of 67 bytes fit in agent.toml.
pub const POLICY_BASES_MAX: usize = 100;
/// A request for the officer's signature: a manifest of at most a MiB as a JSON string, where each of its
/// quotes is two bytes, and 4 KiB around it.
pub const REQUEST_BYTES_MAX: u64 = 2 * RUN_MANIFEST_BYTES_MAX + 4096;
/// An answer to one: a signature, a key, three digests and a name, about 500 bytes.
pub const ANSWER_BYTES_MAX: u64 = 4096;
/// Runs that this site hears of in 24 hours, at most: a manifest of 1 MiB, a database row and, where they are
/// declined, a ledger note each. A consortium launches a few a week; the manifests of the newest
/// [`RUNS_KEPT_MAX`] stay.
pub const RUNS_A_DAY_MAX: u32 = 100;
/// Runs in an officer's report of all runs, the newest: with [`REPORT_ROUNDS_MAX`] rounds of at most 8 kinds
/// each these are 1,600 rows of a table, 40 printed pages. What left in the others is summed up.
pub const REPORT_RUNS_MAX: usize = 20;
/// Rounds of each run in that report, the newest; the run's sums are of all.
pub const REPORT_ROUNDS_MAX: usize = 10;
/// Rounds in the report of one run: 8 kinds each are 1,600 rows, too.
pub const REPORT_ROUNDS_OF_ONE_MAX: usize = 200;
/// Decisions, notes and keys in each list of a report, the newest: a policy that changes twice a week fills
/// it in a year.
pub const REPORT_NOTES_MAX: usize = 100;
/// What the frame of a chunk has beside the bytes of the update, at most: as `common/LEDGER.md` has it.
pub const CHUNK_FRAME_BYTES_MAX: u64 = 60;
/// From one question to the next while this site waits for the hours of its policy, in milliseconds: 14 hours
/// are 840 records of 400 bytes, and what is asked meanwhile is answered within a minute.
pub const HOURS_LOOK_MS_MAX: u64 = 60_000;
/// Methods that a policy may list: each once.
pub const POLICY_METHODS_MAX: usize = 10;
/// Connections whose counts are kept, the newest: 110 bytes each, so 2 MB. A line that is lost every hour has
/// two years of them.
pub const LINES_KEPT_MAX: u32 = 20_000;
/// The same of processes that had them.
pub const LIVES_KEPT_MAX: u32 = 5_000;
/// Tries to read what a connection and what its process sent while nothing is sent between the two: each is
/// some microseconds, a datagram about ten.
pub const COUNT_TRIES_MAX: u32 = 64;
/// From one durable count of what was sent to the next: what a power cut may cost. A process that is killed
/// loses what it sent since its last frame was answered.
pub const COUNT_INTERVAL_MS_MAX: u64 = 60_000;
/// A line of /proc/self/net/snmp has some 200 bytes, and the file 2 KB.
pub const KERNEL_COUNTERS_BYTES_MAX: usize = 16 << 10;
/// What `nft -j list counters` prints: 200 bytes for each counter of this machine's rules.
pub const NFT_COUNTERS_BYTES_MAX: u64 = 4 << 20;
/// Files and folders beneath the folder of a page that `evaluate --html` writes: looked through for a state
/// folder in well under a second; 30 pages have 30.
pub const PAGE_FOLDER_ENTRIES_MAX: usize = 10_000;
/// Years that a site may let its records be old without a warning: a textbook's age at most.
pub const RECORD_YEARS_MAX: u16 = 200;
/// Records of each part whose loss `data check --base-loss` measures: the Kolmogorov-Smirnov distance of
/// two parts of 300 is seen from 0.14 on in one of 100; 900 records of 200 tokens are ten minutes at 0.5B
/// on two cores.
pub const BASE_LOSS_RECORDS_MAX: usize = 300;
/// Sequences of one forward pass where a site measures for itself; what `batch_size` is by default, so that
/// it takes less memory than a training step.
pub const EVALUATION_BATCH_MAX: usize = 8;
/// Independent patients or records below which nothing is said of whether a training helps: of n that all
/// changed for the better a bootstrap's interval excludes 0, by chance in 2 of 2^n cases: 3 % of 6.
pub const DRAWN_MIN: u64 = 6;
/// A question to `site-agent ask` on standard input: as large as a request to `site-agent serve`.
pub const QUESTION_BYTES_MAX: u64 = endpoint::limits::BODY_BYTES_MAX as u64;
/// A file of feedback: 20,000 rated answers of 3 KB, which is more than people rate until the next round.
pub const FEEDBACK_BYTES_MAX: u64 = 64 << 20;
/// Files of a folder of documents that are not read and named one by one; the others are counted. A screen
/// has 24 lines.
pub const LEFT_OUT_SHOWN_MAX: usize = 10;
