//! Every bound of the coordinator in one place, each with its reason or its arithmetic. Used by every folder
//! of this crate; bounds that sites share are in `common::limits`. Invariant: nothing stands here but bounds.

/// How often a site may change its mind about a run: each time is an event in the journal.
pub const DECISIONS_PER_SITE_MAX: u32 = 8;
/// What `coordinator extend` adds to a round's deadline, in all: as much again as a run file may say, a week.
pub const EXTENSION_MS_MAX: u64 = common::limits::ROUND_DEADLINE_S_MAX * 1000;
/// And at once: a look for deadlines is a second apart, and each is a row of the journal and two lines of the
/// log of acts.
pub const EXTENSION_MS_MIN: u64 = 1_000;
/// Events waiting for the driver; a request that finds the queue full waits. Every site has at most
/// `common::limits::STREAMS_PER_CONNECTION_MAX` requests in progress, most of which raise no event.
pub const DRIVER_QUEUE_EVENTS_MAX: usize = 256;
/// Runs that wait for their turn. Each is prepared and signed, and keeps its first adapter (161 MB with 7B
/// and rank 16) and its terms; officers who hear of a run weeks after it was signed no longer know why.
pub const QUEUED_RUNS_MAX: usize = 16;
/// Between the end of a run and the next one in the queue: every site that is connected waits for news and
/// hears of the end within a second, and only then of the next run.
pub const QUEUE_PAUSE_MS_MIN: u64 = 5_000;
/// The driver looks at the clock at the latest after this, so a deadline is noticed at most a second late.
pub const DRIVER_WAIT_MS_MAX: u64 = 1_000;
/// Attempts at one evaluation: a child that died once may have met a passing shortage of memory.
pub const EVALUATION_ATTEMPTS_MAX: u32 = 2;
/// Attempts at one suite of a run, restarts of `serve` included: each goes on behind the last answer.
pub const SUITE_ATTEMPTS_MAX: u32 = 8;
/// Attempts at an aggregation or a publication. With waits of 1, 2, 4 .. 60 s: about half an hour for an
/// operator to make room on a disk.
pub const EFFECT_ATTEMPTS_MAX: u32 = 36;
/// The wait between two of these attempts doubles up to this.
pub const EFFECT_WAIT_MS_MAX: u64 = 60_000;
/// Different refused updates remembered per (round, site), so that a site that insists cannot grow the
/// journal.
pub const CONFLICTS_PER_UPDATE_MAX: usize = 8;
/// How much of the weight one site may have in a capped average, as a share, at least; see
/// [`WEIGHT_FAIR_SHARES_MAX`]. Two sites together stay below the whole: 2 x 0.4 < 1.
pub const WEIGHT_SHARE_MAX: f64 = 0.4;
/// The same, in fair shares 1/n: twice what each site would have if all were alike. It is the larger one up
/// to four sites (2/4 = 0.5); with two or fewer it is everything.
pub const WEIGHT_FAIR_SHARES_MAX: f64 = 2.0;
/// A site's record count may grow or shrink by this factor from one counted round to the next before the
/// operator is warned: rounding alone moves it by up to 1.1, new records of a run's days by some per cent,
/// and twice the count is at most twice the weight, which [`WEIGHT_FAIR_SHARES_MAX`] calls fair.
pub const RECORDS_JUMP_FACTOR_MAX: u64 = 2;
/// An update whose change of the last adapter is so many times as large (Euclidean norm; against the median
/// of the others) is named: hospitals of 160 to 240 records differ by 1.3, ten times the steps by about 3.
pub const OUTLIER_NORM_FACTOR_MAX: f64 = 5.0;
/// An update whose change points against the others' is named from this cosine down: those of the demo's four
/// hospitals, which know different things, are between -0.07 and 0.08.
pub const OUTLIER_COSINE_MIN: f64 = -0.25;
/// Updates that are compared, at least: of two, nobody can say which is the odd one.
pub const OUTLIER_SITES_MIN: usize = 3;
/// Values of all updates that a thread holds at once while it averages, and of the average that it leaves: 4
/// MiB. With one block's sums and changes in f64 beside them a thread has some 6 MiB, 64 threads 400 MiB.
pub const AGGREGATE_BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Elements of one update in a block: 256 KiB, beyond which longer reads gain nothing.
pub const AGGREGATE_BLOCK_ELEMENTS_MAX: usize = 64 * 1024;
/// The same with many sites: 4 KiB a read, and 1,000 sites still fit in [`AGGREGATE_BLOCK_BYTES_MAX`].
pub const AGGREGATE_BLOCK_ELEMENTS_MIN: usize = 1024;
/// The aggregation error is computed exactly while sites x rank is at most this: 16 sites at rank 16. Each
/// element then costs (256 + 16) / 2 multiplications and additions, nine times what the probes below cost,
/// and never more.
pub const ERROR_EXACT_COLUMNS_MAX: usize = 256;
/// Probes of the aggregation error beyond that, each a sum over every element of every update. One probe of
/// one module of rank 1 errs by half of the squared norm; 16 of them by 13 %, so 6 % of the error itself;
/// over the 168 independent modules of a 0.5B model it is below 1 %. Measured in coordinator/SPEED.md.
pub const ERROR_PROBES_MAX: usize = 16;
/// Published rounds of a run that wait for their aggregation error; of more, the oldest goes without. Their
/// updates stay on the disk so long: with 10 sites of 35 MB 1.4 GB.
pub const ERROR_BACKLOG_MAX: usize = 4;
/// Updates of a vetoed round that are left out one after the other: each is one average and one evaluation
/// of the validation set, beside the run.
pub const LEAVE_ONE_OUT_SITES_MAX: usize = 16;
/// Vetoed rounds of a run whose harm is still to be found; of more, the oldest goes without. Their updates
/// stay on the disk so long.
pub const LEAVE_ONE_OUT_BACKLOG_MAX: usize = 2;
/// A loss that is no number, or larger, counts as this: far above what any bound adopts, and a number that
/// JSON can hold.
pub const LOSS_NATS_MAX: f64 = 1e6;
/// Attempts at one aggregation error: a file that cannot be read now may be in a moment; the other rounds
/// wait.
pub const ERROR_ATTEMPTS_MAX: u32 = 3;
/// Unfinished uploads of one site: the one of this round, and one that it began before it lost its file. With
/// 4 GiB each that is at most 8 GiB a site; the oldest gives way.
pub const PARTS_PER_SITE_MAX: usize = 2;
/// Updates that one site may offer in one round: it always sends the same one again, so a second is an
/// accident.
pub const OFFERS_PER_ROUND_MAX: usize = 8;
/// What uploads leave free on the disk: aggregates of ordinary runs (16 MB at rank 16 of a 0.5B model), and
/// the database, 400,000 frames of 150 B.
pub const DISK_RESERVE_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// What the database keeps for the journal on a full disk: an event takes some 20 KiB with its indices, so
/// 400 events. One is enough to end a run.
pub const DATABASE_RESERVE_BYTES_MIN: u64 = 8 * 1024 * 1024;
/// Times a site may say that it cannot train one round: a journal row each. Honest ones say it once a cause.
pub const FAILURES_PER_ROUND_MAX: u32 = 4;
/// Frames of one site in one day (UTC): progress every second is 86,400, polls 4,320, a 4 GiB update 4,096, a
/// comparison with the held-out set 8,192. A row each: 200,000 x 150 B = 30 MB.
pub const FRAMES_PER_DAY_MAX: u64 = 200_000;
/// How far a site's next sequence number may be ahead of the last one: frames that were lost, or that a
/// coordinator restored from a backup has forgotten: one a second for 11 days.
pub const SEQUENCE_STEP_MAX: u64 = 1_000_000;
/// From one note of a ledger that is refused to the next: a site that insists costs one write a second.
pub const LEDGER_NOTE_MS_MIN: u64 = 1_000;
/// The first sequence number of a count: a site that joined again with the ledger that it had begins far from
/// zero, at two million records a year. 2^40 is beyond any life of a site, and far from where numbers end.
pub const SEQUENCE_FIRST_MAX: u64 = 1 << 40;
/// How far it may be behind: requests overtake each other on `STREAMS_PER_CONNECTION_MAX` streams of two
/// connections, and a few more.
pub const SEQUENCE_BEHIND_MAX: u64 = 64;
/// A job for the evaluation child: it names a few paths and settings.
pub const JOB_BYTES_MAX: u64 = 1024 * 1024;
/// The child's answer. A description of an adapter with 10,000 tensors has about 1.5 MiB.
pub const JOB_ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Test records below which a report draws no interval: it rests on the mean being nearly normal, which 30
/// records are the customary least for.
pub const INTERVAL_RECORDS_MIN: u64 = 30;
/// Departments in a report, by size; the records of the others are one line together. A hospital has some 30.
pub const DEPARTMENTS_MAX: usize = 30;
/// Characters of a department's name in it.
pub const DEPARTMENT_CHARS_MAX: usize = 60;
/// Tokens of one answer to a sample question: two or three sentences. With the default of 3 questions two
/// models choose 480; at one token a second (7B parameters on a few cores) that is eight minutes.
pub const SAMPLE_TOKENS_MAX: usize = 80;
/// Tokens of a sample question with its instructions; a longer one is no sample. It is read once by each
/// model.
pub const SAMPLE_PROMPT_TOKENS_MAX: usize = 512;
/// Records that are tried as sample questions: of those with an answer, hardly one is refused or too long.
pub const SAMPLE_TRIES_MAX: usize = 200;
/// Characters of a sample's question, of its right answer and of each model's answer.
pub const SAMPLE_CHARS_MAX: usize = 1_000;
/// Sample questions end after this, in seconds, with those that are answered: twice the eight minutes above.
pub const SAMPLES_S_MAX: u64 = 900;
/// What is kept of a run's departments and sample questions: 10 questions of four texts of 1,000 characters
/// (4 bytes each, 6 where JSON escapes one) are 240 KiB, 30 departments some 15 KiB.
pub const DETAILS_BYTES_MAX: u64 = 1024 * 1024;
/// What is read of a base model's README.md to find its licence: cards on the hub have some 10 KiB.
pub const CARD_BYTES_MAX: u64 = 1024 * 1024;
/// `export --base-name`: a hub name has at most 96 + 1 + 96 bytes, a path 4,096.
pub const BASE_NAME_BYTES_MAX: usize = 4096;
/// `evaluation_timeout_s` in the configuration: a week.
pub const EVALUATION_S_MAX: u64 = 604_800;
/// `certificate_days` in the configuration: what the certificate profile allows.
pub const CERTIFICATE_DAYS_MAX: u32 = 397;
/// How long certificates of an earlier authority may be taken: none lives longer.
pub const AUTHORITY_OVERLAP_MS_MAX: u64 = CERTIFICATE_DAYS_MAX as u64 * 86_400_000;
/// `ca/predecessors.json`: 4 authorities with two certificates of at most 2 KiB of PEM each.
pub const PREDECESSORS_BYTES_MAX: u64 = 64 * 1024;
/// Between two notes of when an operator or auditor was heard of.
pub const SEEN_MS_MIN: u64 = 60_000;
/// Commands of one operator or auditor in progress, also those of connections that ended: as many as a person
/// has terminals, and few beside the threads that sites' requests share.
pub const COMMANDS_OF_ONE_MAX: usize = 8;
/// Between two looks at the keys, where an earlier authority is about to end: no more than one a second.
pub const KEY_LOOK_MS_MIN: u64 = 1_000;
/// Tries for the lock of the state folder, which a command may have for a moment; [`LOCK_TRY_MS_MIN`] apart,
/// so that a second `serve` is told so after a second.
pub const LOCK_TRIES_MAX: u32 = 10;
/// Between two of them.
pub const LOCK_TRY_MS_MIN: u64 = 100;
/// Orders to the one who keeps the keys that wait for their turn: an operator gives one at a time.
pub const KEY_ORDERS_MAX: usize = 4;
/// New certificates of a site in a day: one is renewed after two thirds of its life, so an honest site asks
/// for two a day at most (a life of one day), and a few more where it loses what it asked for.
/// All are kept, with 1 KiB each: beside the 30 MB of frames that a site may send in a day they are nothing.
pub const CERTIFICATES_PER_DAY_MAX: u32 = 8;
/// After a site has left its connections are closed: time for the answer that it has left.
pub const LEFT_CLOSE_MS_MIN: u64 = 1_000;
/// An invitation's life: longer than any holiday, but a forgotten invitation ends.
pub const INVITATION_MS_MAX: u64 = 30 * 86_400_000;
/// Operators' commands in progress at once.
pub const OPERATORS_MAX: usize = 32;
/// An operator's command must have arrived by then: it is one short line.
pub const COMMAND_READ_MS_MAX: u64 = 10_000;
/// What part of an answer may take to be written: who does not read for so long is gone.
pub const ANSWER_WRITE_MS_MAX: u64 = 10_000;
/// A watcher hears something at the latest after this, so that one that went away is noticed.
pub const WATCH_WAIT_MS_MAX: u64 = 5_000;
/// Between two reports to a watcher: each costs a look at every round and site, and a hundred sites that
/// train change something a hundred times a second.
pub const WATCH_PACE_MS_MIN: u64 = 250;
/// How long a command waits for the next word of the coordinator: twice what one that lives may take.
pub const ANSWER_WAIT_MS_MAX: u64 = 2 * WATCH_WAIT_MS_MAX;
/// Rounds in one line of an answer: with 100 sites of 32 characters a round has at most 100 KiB (updates,
/// weights, outliers and who is missing are at most 250 bytes a site each), a line 1 MiB.
pub const REPORT_LINE_ROUNDS_MAX: usize = 10;
/// Rounds of the run together in the table beside each site alone, the newest: it is one line of an answer,
/// and a row has at most 300 bytes.
pub const SIDE_BY_SIDE_ROUNDS_MAX: usize = 100;
/// `watch` waits so long for a coordinator that went away: it may be restarted, or its machine.
pub const WATCH_GONE_MS_MAX: u64 = 30 * 60 * 1000;
/// Between two attempts to reach it.
pub const WATCH_RETRY_MS_MIN: u64 = 1_000;
/// Warnings in a report; of more, the last of the list.
pub const REPORT_WARNINGS_MAX: usize = 200;
/// How long after it was issued a certificate that counts no more is on the revocation list: no member's
/// lives for more than 397 days, and an entry goes a week after its certificate ended.
pub const LISTED_MS_MAX: u64 = (397 + 7) * 86_400_000;
/// Certificates of our own that were revoked and are listed: each was a theft of the key.
pub const REVOKED_SERVERS_MAX: usize = 32;
/// Certificates of one member that have not long ended: with a life of a day there are 12 in eight days, and
/// a few that were lost.
pub const LISTED_OF_ONE_MAX: usize = 16;
/// Members who had a certificate in the time of [`LISTED_MS_MAX`]: 100 sites, 64 people, and 90 who went.
pub const LISTED_MEMBERS_MAX: usize = 254;
const _: () = assert!(
    2 * (LISTED_MEMBERS_MAX * LISTED_OF_ONE_MAX + REVOKED_SERVERS_MAX) <= certs::limits::REVOKED_MAX,
    "whatever is revoked, a list has room for its serial number and its key"
);
/// The file of those: two arrays of 48 numbers in all, a line each, and two times: 1 KiB, twice over.
pub const REVOKED_SERVER_BYTES_MAX: u64 = 2048 * REVOKED_SERVERS_MAX as u64;
const _: () = assert!(
    certs::limits::REVOCATIONS_BYTES_MAX <= common::limits::REVOCATIONS_BYTES_MAX,
    "a list can be sent"
);
/// Between two looks at our own certificate, of which a third of a year is left when it is renewed.
pub const OWN_CERTIFICATE_LOOK_MS_MAX: u64 = 86_400_000;
/// A site's clock may be so far from ours before it is named: sites say whole minutes, and a message may
/// take some seconds.
pub const CLOCK_AHEAD_S_MAX: u64 = 120;
/// `serve` notes at this interval that it lives.
pub const ALIVE_MS_MIN: u64 = 30_000;
/// The note of it: a number of milliseconds.
pub const ALIVE_BYTES_MAX: u64 = 32;
/// How long a second process (`invite` beside `serve`) waits for the database.
pub const DATABASE_WAIT_MS_MAX: u64 = 5_000;
/// SQLite before 3.51.3 could corrupt a WAL database after a reset.
pub const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// Between the first two attempts at an effect; doubled after each one.
pub const EFFECT_WAIT_MS_MIN: u64 = 1_000;
/// A site without a connection for so long is offline: one that lives comes back within 15 s, the longest
/// wait between two of its attempts, and a few handshakes.
pub const OFFLINE_MS_MIN: u64 = 60_000;
/// Between two attempts to write to the journal, such as on a full disk.
pub const JOURNAL_WAIT_MS_MIN: u64 = 2_000;
/// Between two attempts to accept an operator's connection, after one failed.
pub const ACCEPT_WAIT_MS_MIN: u64 = 100;
/// What a site that finds no place for its comparison is told to wait: an evaluation of 1,024 points takes
/// less.
pub const PLACE_WAIT_MS_MIN: u32 = 2_000;
/// What a site that has sent all that it may in one day is told to wait: 1,440 questions until the next day.
pub const DAY_OVER_WAIT_MS_MIN: u32 = 60_000;
/// What a socket's address has room for: `sun_path` of Linux has 108 bytes, one of them the end.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Between two looks for files that no run needs any more: ten minutes, so that a full disk is not far
/// behind.
pub const PRUNE_INTERVAL_S_MIN: u64 = 600;
/// Beside a running `serve` a file goes only an hour after it was written: the same bytes may just have
/// arrived for another run, and their journal row is seconds behind.
pub const PRUNE_AGE_S_MIN: u64 = 3600;
/// A file that no run names goes when it is a day old: what a launch or an upload that was cut short left.
pub const ORPHAN_AGE_S_MIN: u64 = 24 * 3600;
/// Rounds of which `[retention]` may keep updates or adapters.
pub const RETENTION_ROUNDS_MAX: usize = 1_000_000;
/// The room on the disk that `[retention]` may ask for, in MiB: 1 TiB.
pub const DISK_FREE_MIB_MAX: u64 = 1 << 20;
const _: () = assert!(DATABASE_RESERVE_BYTES_MIN <= DISK_RESERVE_BYTES_MIN, "uploads end before frames do");
const _: () = assert!(
    SEQUENCE_BEHIND_MAX >= 2 * common::limits::STREAMS_PER_CONNECTION_MAX as u64,
    "all requests in progress may overtake each other"
);
const _: () = assert!(
    EFFECT_ATTEMPTS_MAX as u64 * EFFECT_WAIT_MS_MAX >= 30 * 60_000,
    "half an hour of attempts at the longest wait"
);

/// A line of the log of acts: two digests of 64, names of 32, and words: at most 600 B.
pub const ACT_LINE_BYTES_MAX: usize = 1024;
/// Lines of it: an operator who does a hundred acts a day writes 200, so 13 years; 450 MB, which are read in
/// some seconds. A log that is full is set aside and another begun by `coordinator acts accept`.
pub const ACTS_MAX: u64 = 1_000_000;
/// Lines that one holder of a certificate may have written in a day (UTC), two an act.
pub const ACT_LINES_PER_DAY_MAX: u32 = 500;
/// Lines that all of them together may have written, their enrolments included, whatever names they make: who
/// does nothing but ask fills the log in 123 days.
pub const ACT_LINES_FROM_AFAR_PER_DAY_MAX: u32 = 8_000;
/// The last lines of a log are for users of the machine: 5,000 acts, in which there is time to look.
pub const ACTS_LOCAL_MIN: u64 = 10_000;
/// What the log keeps on a full disk for revocations and stops (and `prune`, which makes room): 100 lines,
/// each with its head.
pub const ACT_RESERVE_BYTES_MIN: usize = 64 * 1024;
/// Tries to get the log, which another holds while it writes a line (milliseconds), or reads all of it
/// before its first one (some seconds at [`ACTS_MAX`]): 5 s with the wait below.
/// Whoever reads only does not hold it.
pub const ACT_LOCK_TRIES_MAX: u32 = 250;
/// Between two of them.
pub const ACT_LOCK_WAIT_MS_MIN: u64 = 20;
/// Lines that `coordinator acts show` shows at most.
pub const ACTS_SHOWN_MAX: u64 = 10_000;
/// Lines of the log between two whose place is remembered: 2,000 places of 8 B at [`ACTS_MAX`].
pub const ACT_INDEX_LINES_MIN: u64 = 500;
/// Lines of it in one answer: 500 x 1 KiB, with what JSON escapes, stay below a message's 1 MiB.
pub const ACT_LINES_PER_ANSWER_MAX: usize = 500;
/// Coordinators that one person commands from afar.
pub const CONTEXTS_MAX: usize = 64;
/// The file of them: 64 x 600 B.
pub const CONTEXTS_BYTES_MAX: u64 = 64 * 1024;
/// A key or a certificate of a context, as PEM: ours have about 1 KiB.
pub const CONTEXT_PEM_BYTES_MAX: u64 = 16 * 1024;
/// The line of an invitation: an address list of 4 x 260, a name, token and pin.
pub const INVITATION_BYTES_MAX: usize = 2048;
/// `coordinator` warns when the certificate of a context ends within this: two weeks.
pub const PERSON_WARN_S_MAX: u64 = 14 * 86_400;
/// Operators and auditors who are not revoked: a row and a few connections each.
pub const HOLDERS_MAX: usize = 64;
/// Names that were ever given to operators and auditors, who keep them for ever: 64 who change each year for
/// 60 years, at 150 B.
pub const HOLDER_NAMES_MAX: usize = 4_096;
/// Words that a coordinator says while it works, before it is believed no more: 2 h at [`WATCH_WAIT_MS_MAX`].
pub const WORKING_ANSWERS_MAX: u32 = 1_440;

/// Between two marks of how much the database holds, while its journal grows: a mark costs two syncs of the
/// disk, and a copy of the database is older than a second.
pub const MARK_MS_MIN: u64 = 1_000;

/// Sites of a simulated run (`coordinator simulate`): ten times what is talked about for a consortium.
pub const SIMULATED_SITES_MAX: usize = 10_000;
/// Sites x rounds x simulations of one command: 1,000 x 50 x 20. A site in a round is some 15 steps and 200
/// bytes: 200 MB, beside what each simulation keeps.
pub const SIMULATED_VISITS_MAX: u64 = 1_000_000;
/// The same where nobody said how many simulations: some seconds up to 1,000 sites, a minute at 10,000.
pub const SIMULATED_VISITS_UNASKED_MAX: u64 = 250_000;
/// Simulations of one command: percentiles of more say nothing new, and each keeps some hundred bytes a
/// round.
pub const SIMULATED_RUNS_MAX: u64 = 10_000;
/// Simulations of one command where nobody said: enough for a 5th and a 95th percentile.
pub const SIMULATED_RUNS_UNASKED_MAX: u64 = 21;
/// And at least: a median of three.
pub const SIMULATED_RUNS_UNASKED_MIN: u64 = 3;
/// What happens in one simulation, at most: 50 times what [`SIMULATED_VISITS_MAX`] needs of an honest plan.
pub const SIMULATED_STEPS_MAX: u64 = 50 * SIMULATED_VISITS_MAX;
/// A simulated site reconnects at the latest so long after it could: as the site agent does
/// (`tests/it/simulated.rs` compares the two).
pub const SITE_BACKOFF_MS_MAX: u64 = 15_000;
/// Its pause after it heard that its round is over: the same.
pub const SITE_PAUSE_MS_MIN: u64 = 1_000;
/// Its progress messages in a round: the same.
pub const SITE_PROGRESS_MESSAGES_MAX: u64 = 50;
/// Smallest number that a simulation takes of what cannot be 0 (MB, Mbit/s, MB/s, seconds): a kilobyte.
pub const SIMULATED_NUMBER_MIN: f64 = 0.001;
/// Largest speed, in Mbit/s or MB/s: a thousand lines of a gigabit.
pub const SIMULATED_SPEED_MAX: f64 = 1e6;
/// Largest spread of trainings, as the standard deviation of the logarithm: one site of forty then trains 400
/// times as long as the median.
pub const SIMULATED_SPREAD_MAX: f64 = 3.0;
/// Longest round trip: a minute.
pub const SIMULATED_ROUND_TRIP_MS_MAX: u64 = 60_000;

/// Memory that measuring an export takes beside both models: activations of 2,048 tokens, 64 rows of logits
/// of each (2 * 39 MB of 152,000 values), and one tensor while it is read (a table of 152,000 * 896 in f32 is
/// 545 MB, but one of the models is there in part then).
pub const MEASURING_SPARE_BYTES_MIN: u64 = 512 * 1024 * 1024;

/// Records of `export --measure`: a test set of a consortium has some hundreds.
pub const MEASURED_RECORDS_MAX: usize = 2_000;
/// Their tokens: both models compute each with two operations a weight, so that a million of a 7B model are
/// 2.8e16 operations, a night (16 hours) at 500 billion a second.
pub const MEASURED_TOKENS_MAX: usize = 1_000_000;

/// Characters of one answer in a release's fields: ten pages.
pub const RELEASE_FIELD_CHARS_MAX: usize = 20_000;
/// The file of all fields: 50 answers of which a few are long, in 4 B a character, and what each is for.
pub const RELEASE_FIELDS_BYTES_MAX: u64 = 1024 * 1024;
/// `facts.json` and `evaluation.json` of a release: 10,000 rounds of 100 sites at 200 B are more, and are
/// refused; 500 rounds of 100 sites are not.
pub const RELEASE_JSON_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The terms of a run: 16,384 tensors at 200 B, 100 members, and two signatures.
pub const RELEASE_TERMS_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// A statement, a certificate and a signature, in hexadecimal digits.
pub const RELEASE_SIGNATURE_BYTES_MAX: u64 = 16 * 1024;
/// People who sign one release.
pub const RELEASE_SIGNERS_MAX: usize = 16;
/// Runs that one goes on from, one after the other: a run a week for a year, and as many again.
pub const RELEASE_ANCESTORS_MAX: usize = 104;
/// Graded questions: of 30 without a harm, less than 9.5 % of cases are harmful (1 - 0.05^(1/30)); of fewer
/// the bound says nothing.
pub const RELEASE_GRADED_QUESTIONS_MIN: usize = 30;
/// Graders: the agreement of one with nobody is not known.
pub const RELEASE_GRADERS_MIN: usize = 2;
/// Files of a release: a dozen, and a signature a person.
pub const RELEASE_FILES_MAX: usize = 64;
/// The largest of them: an adapter of 4 GiB and its header.
pub const RELEASE_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024 + 16 * 1024 * 1024;
