//! Every bound of this crate and of what its users share: wire protocol, transport, adapter files, ledger,
//! run files. Used by `common` itself, the coordinator and the site agent. Each crate has such a file for
//! its own bounds. Invariants: a constant here is a bound, has its reason or arithmetic beside it, and is
//! named `..._MAX` or `..._MIN`; the assertions at the end hold what relates one bound to another.

/// Control message on a stream, encoded: one `Request` or `Response`.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Raw bytes of an adapter or manifest that follow one control message.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// A whole adapter file: rank 256 on all linears of an 8B model in f32 is about 2.7 GiB.
pub const ADAPTER_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// The JSON header of a safetensors file, refused before it is parsed (JSON amplification).
pub const SAFETENSORS_HEADER_BYTES_MAX: usize = 1024 * 1024;
/// Largest absolute value an adapter weight may have; trained adapters stay below about 10.
pub const ADAPTER_VALUE_MAX: f32 = 1.0e4;
/// Largest Euclidean norm of an adapter, for sites and coordinator alike: a fresh one has about 2 per module
/// (sqrt(rank / 3)), a trained one below 100; 168 modules of rank 256 start at 120.
pub const ADAPTER_NORM_MAX: f64 = 1.0e4;
/// Largest norm of an average that is published: half of [`ADAPTER_NORM_MAX`], so that what a site trains
/// from it has room and is not refused for what others did.
pub const AGGREGATE_NORM_MAX: f64 = ADAPTER_NORM_MAX / 2.0;
/// Largest factor by which one round may grow a tensor's norm. Three rounds of the demo, at twenty times the
/// usual learning rate, grow the whole adapter by 1.3 each.
pub const ADAPTER_GROWTH_MAX: f64 = 10.0;
/// What each element of a tensor counts as, at least, when its growth is measured (root of the mean square):
/// B starts at zero, and reaches 0.04 in the demo's first round.
pub const ADAPTER_TENSOR_RMS_MIN: f64 = 0.1;
/// Records of one site. The largest hospitals have some 10 million visits a year; ten years of them.
pub const RECORDS_MAX: u64 = 100_000_000;
/// Any count that leaves a site (records, tokens): a year of training at 30,000 tokens/s is 9.5e11 tokens.
pub const COUNT_MAX: u64 = 1_000_000_000_000;
/// Bytes of a partial file that wait for an fsync: what a crash may cost in bytes sent again.
pub const UNSYNCED_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Tensors of an adapter: two for each of 7 linears in up to 1,170 layers.
pub const TENSORS_MAX: usize = 16_384;
/// A tensor's name: PEFT's longest in use has 70 characters.
pub const TENSOR_NAME_BYTES_MAX: usize = 256;
/// The passphrase of sealed keys: four times what 256 random bits take in the longest spelling in use.
pub const PASSPHRASE_BYTES_MAX: usize = 1024;
/// A new passphrase: 12 random characters of 64 are 72 bits, before the work of scrypt.
pub const PASSPHRASE_CHARACTERS_MIN: usize = 12;
/// The access list of a passphrase's file: a version, and a tag, rights and a number for each entry. That of
/// a credential of systemd has five.
pub const ACCESS_LIST_BYTES_MAX: usize = 4 + 8 * 32;
/// A run file or a configuration file.
pub const CONFIG_BYTES_MAX: u64 = 256 * 1024;
/// Rounds of one run.
pub const ROUNDS_MAX: u32 = 10_000;
/// A run's name, in characters: it is a heading and a cell of a table.
pub const RUN_NAME_CHARACTERS_MAX: usize = 64;
/// How long a round may be open, in seconds: a week, so that a run ends.
pub const ROUND_DEADLINE_S_MAX: u64 = 7 * 24 * 3600;
/// How long a round waits for the rest once its quorum is in, where the run file does not say: at most ten
/// minutes. A tenth of the deadline where that is less.
pub const GRACE_S_MAX: u64 = 600;
/// How long sites may be given to agree to a run: 30 days, longer than a committee takes to meet.
pub const APPROVAL_DEADLINE_S_MAX: u64 = 30 * 86_400;
/// Held-out questions that two models answer for a report: a page of them, and 10 x 2 x 80 tokens of text.
pub const SAMPLE_QUESTIONS_MAX: usize = 10;
/// Evaluation suites of a run: as many as one comparison has (`evaluation::limits::SUITES_MAX`). Each is
/// named in the manifest with two hashes, 250 bytes.
pub const RUN_SUITES_MAX: usize = 32;
/// Characters of a suite's name, as `evaluation::limits` bounds them.
pub const SUITE_NAME_CHARACTERS_MAX: usize = 48;
/// Updates that a robust rule needs: of two, the median is the mean and nobody is the odd one.
pub const ROBUST_SITES_MIN: usize = 3;
/// How far a round's validation loss may be above the best one, at most: above every loss of a model that
/// still computes, so that it adopts all but those that overflow.
pub const LOSS_INCREASE_NATS_MAX: f64 = 100.0;
/// LoRA rank in a run file: with all linears of an 8B model the file is about 2.7 GiB, below
/// [`ADAPTER_BYTES_MAX`].
pub const ADAPTER_RANK_MAX: usize = 256;
/// Passes over the local records in one round; far above any useful number, so that a round ends.
pub const EPOCHS_MAX: u32 = 1000;
/// Records (or packs) of one forward pass; the site's memory ends far below.
pub const BATCH_SIZE_MAX: usize = 4096;
/// Forward passes of one optimiser step.
pub const GRADIENT_ACCUMULATION_MAX: usize = 4096;
/// Tokens of one record: the longest context of the supported models.
pub const CUTOFF_TOKENS_MAX: usize = 131_072;
/// Tokens of one record: fewer hold no exchange.
pub const CUTOFF_TOKENS_MIN: usize = 8;
/// Peak learning rate. Training diverges far below; this catches a missing exponent.
pub const LEARNING_RATE_MAX: f64 = 1.0;
/// Weight of the penalty for leaving the base model's distribution: far above any useful one; catches a
/// missing decimal point.
pub const KL_WEIGHT_MAX: f64 = 100.0;
/// FedProx' mu: its authors use 0.001 to 1; catches a missing decimal point.
pub const PROXIMAL_MU_MAX: f64 = 100.0;
/// NEFTune's alpha: its authors use 5 to 15.
pub const NEFTUNE_ALPHA_MAX: f64 = 100.0;
/// Share of the local records that is held out: at least half is trained on.
pub const VALIDATION_SHARE_MAX: f64 = 0.5;
/// Optimiser steps that a setting may name; a year of one step every half minute has about as many.
pub const STEPS_MAX: u64 = 1_000_000;
/// Measurements without an improvement before training ends.
pub const PATIENCE_MAX: u64 = 1000;
/// What a loss must fall to be an improvement, in nats per token: ln of a vocabulary of 22,000 is 10.
pub const IMPROVEMENT_NATS_MAX: f64 = 10.0;
/// Half cosines of one schedule.
pub const SCHEDULE_CYCLES_MAX: u32 = 1000;
/// Sites of one consortium. 100 sites x 2.5 MiB of QUIC buffers = 250 MiB at the coordinator.
pub const SITES_MAX: usize = 100;
/// A long poll is answered at the latest after this.
pub const POLL_WAIT_MS_MAX: u32 = 20_000;
/// A request other than a poll must be answered within this.
pub const REQUEST_WAIT_MS_MAX: u64 = 30_000;
/// TLS and QUIC handshake with one of several addresses, so that one that is silent does not keep the others
/// waiting: a few retransmissions on the slowest line.
pub const ADDRESS_MS_MAX: u64 = 3_000;
/// Addresses that are tried in one attempt: four of a coordinator, each by IPv4 and by IPv6. 8 x
/// [`ADDRESS_MS_MAX`] = 24 s.
pub const ADDRESSES_TRIED_MAX: usize = 8;
/// TLS and QUIC handshake.
pub const HANDSHAKE_MS_MAX: u64 = 10_000;
/// A connection on which nothing arrives for so long is dropped; three keep-alives fit into it.
pub const SILENCE_MS_MAX: u64 = 30_000;
/// Handshakes in progress at once at one endpoint; the oldest gives way to the next. While 1,000 a second
/// arrive one has a second to finish, a few round trips to the other side of the earth: 1,024 x some 60 KiB =
/// 60 MiB.
pub const INCOMING_MAX: usize = 1_024;
/// Addresses of members that an endpoint remembers, so that strangers' handshakes give way to theirs: every
/// site, from two addresses.
pub const KNOWN_ADDRESSES_MAX: usize = 2 * SITES_MAX;
/// Connections that may be open at once: every site twice (an old one dying, a new one).
pub const CONNECTIONS_MAX: usize = 2 * SITES_MAX;
/// Streams a site may have open at once: one poll, [`TRANSFERS_IN_FLIGHT_MAX`], one progress report, and
/// room.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 8;
/// Requests with raw bytes, or answered by some, that a site has on their way at once: one that the other end
/// works on, one that has arrived behind it, one that is travelling, one answer that comes back. They are
/// handled one after the other, so that the coordinator holds the bytes of one for each connection: 200
/// connections x 1 MiB of files that are sent, and of updates [`PAYLOADS_IN_FLIGHT_MAX`].
pub const TRANSFERS_IN_FLIGHT_MAX: usize = 4;
/// QUIC flow control, per stream: a chunk and the message before it, so that none waits half sent until the
/// other end has read of it.
pub const STREAM_WINDOW_BYTES_MAX: u32 = (CHUNK_BYTES_MAX + MESSAGE_BYTES_MAX) as u32;
/// QUIC flow control, per connection: 100 sites x 1.5 MiB = 150 MiB of receive buffers at most.
pub const CONNECTION_WINDOW_BYTES_MAX: u32 = 1536 * 1024;
/// Unacknowledged bytes we keep per connection: 100 sites x 1 MiB = 100 MiB.
pub const SEND_WINDOW_BYTES_MAX: u64 = 1024 * 1024;
/// Live connections of one certificate: an old one that has not noticed its death, and a new one.
pub const CONNECTIONS_PER_CERTIFICATE_MAX: usize = 2;
/// Connections of operators and auditors at once, apart from those of sites: 64 people, one command each; 64
/// x 2.5 MiB of QUIC buffers = 160 MiB at most.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;
/// The same of one certificate: a person who watches in some windows and commands in another. The oldest
/// gives way.
pub const ADMIN_CONNECTIONS_PER_CERTIFICATE_MAX: usize = 8;
/// Commands in progress on one of them: ours asks one.
pub const ADMIN_STREAMS_MAX: usize = 4;
/// One on which nothing is asked is let go after this.
pub const ADMIN_IDLE_MS_MAX: u64 = 10_000;
/// Packets kept of one connection attempt before it is accepted; a hybrid ClientHello is about 1.8 KiB.
pub const INCOMING_BUFFER_BYTES_MAX: u64 = 16 * 1024;
/// The same, of all attempts together: 1,024 x 16 KiB.
pub const INCOMING_BUFFER_TOTAL_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Chunk payloads in memory at once, over all connections: 64 x 1 MiB = 64 MiB.
pub const PAYLOADS_IN_FLIGHT_MAX: usize = 64;
/// Enrolments in progress at once. Each is one request; 32 x 64 KiB of memory.
pub const ENROLMENTS_MAX: usize = 32;
/// Connections that wait for enrolment, from the handshake until their request is taken up: the one that has
/// waited longest gives way to the next, so that who says nothing keeps nobody out. 64 x 64 KiB of memory.
pub const JOINS_WAITING_MAX: usize = 64;
/// What requests in progress get when the coordinator is asked to stop. The rest is sent again by its site.
pub const SHUTDOWN_MS_MAX: u64 = 2_000;
/// From one progress report of a site to its next (each one is a ledger record and an fsync).
pub const PROGRESS_INTERVAL_MS_MIN: u64 = 1_000;
/// Losses travel as fixed point, capped here, in nats per token (ln of a 150k vocabulary is 12).
pub const LOSS_NATS_MAX: f64 = 64.0;
/// Fewest own held-out records that a site says a score of: a mean of 20 moves by a twentieth of what any one
/// of them does, and below that an interval says next to nothing.
pub const OWN_SCORES_RECORDS_MIN: u64 = 20;
/// Most of them that are measured: 4,000 records tell a gain of a twentieth of their spread apart from none
/// at three standard errors; 10,000 resamples of them are 40 million draws.
pub const OWN_SCORES_RECORDS_MAX: u64 = 4_000;
/// Points of one request: 4,096 x 32 B = 128 KiB up, 128 KiB + 1 KiB down, and about 0.3 s of one core at
/// the coordinator. A request waits for a place at most 10 s, so it fits in its deadline of 30 s.
pub const OVERLAP_BATCH_POINTS_MAX: usize = 4096;
/// The least a site declares: fewer than 60 records x 17 features cannot be told apart.
pub const OVERLAP_POINTS_MIN: u32 = 1024;
/// The most a site may declare in a run, and so the most it can learn about the held-out set by asking: 1.97
/// M records x 17 features; 1 GiB up and 1 GiB down.
pub const OVERLAP_POINTS_MAX: u32 = 1 << 25;
/// A published set: 20 B and 2^24 entries of 10 B, which are 986,000 held-out records x 17 features.
pub const OVERLAP_SET_BYTES_MAX: u64 = 20 + 10 * (1 << 24);
/// Batches evaluated at once at the coordinator, each on all its cores; more would only wait for each other.
/// Memory: 4 x (0.26 MiB of bytes + 4,096 x 2 points of 160 B) = 6 MiB.
pub const OVERLAP_EVALUATIONS_MAX: usize = 4;
/// A batch that finds no place within this is told to come again.
pub const OVERLAP_WAIT_MS_MAX: u64 = 10_000;
/// Hashes of one proof that a ledger was only extended: a tree of 2^64 records has 64 levels, and the proof
/// one hash a level and one more (RFC 6962, section 2.1.2). 65 x 32 B = 2,080 B.
pub const LEDGER_PROOF_HASHES_MAX: usize = 65;
/// Hashes of the proof that a record is in a ledger: one a level (RFC 6962, section 2.1.1).
pub const PROOF_HASHES_MAX: usize = 64;
/// A file with such a proof: a line of 1,024 B as base64 (1,368), 64 hashes of 45 B with their ends, two
/// short lines, and a signed note of at most 8,192 B: 12,550 B.
pub const PROOF_BYTES_MAX: usize = 16 * 1024;
/// Hashes that a witness is sent at most (C2SP tlog-witness): enough for 2^62 records.
pub const WITNESS_HASHES_MAX: usize = 63;
/// A request to a witness: a short line, 63 hashes of 45 B with their ends, and a signed note of at most
/// 8,192 B: 11,053 B.
pub const WITNESS_REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Steps, each with a hash at most, that the comparison of one receipt with a ledger may take for each of its
/// three ways of looking, from each of its three starts, while it tries which frames were lost: a second of
/// one core in Rust, some ten in Python. Without losses it is one step a frame.
pub const RECEIPT_HASHES_MAX: usize = 2_000_000;
/// One line of the egress ledger; a record is about 400 bytes.
pub const LEDGER_LINE_BYTES_MAX: usize = 1024;
/// Frames in a list of what arrived from a site: nine years of a site that only polls, and 1 GB of memory
/// where it is compared.
pub const ARRIVALS_MAX: u64 = 10_000_000;
/// One line of it: a record has about 150 bytes, the first line 300 and a site's name.
pub const ARRIVALS_LINE_BYTES_MAX: usize = 1024;
/// Earliest time in a ledger: 2026-01-01 UTC, before the first version of this program. An earlier one is
/// a clock that is wrong or a record that is invented.
pub const LEDGER_TIME_MS_MIN: u64 = 1_767_225_600_000;
/// Latest time in a ledger: the end of the year 9999, the last that calendars write in four digits.
pub const LEDGER_TIME_MS_MAX: u64 = 253_402_300_799_999;
/// A site's name: a DNS label (at most 63 bytes) and a folder name, short enough for a column of a table.
pub const SITE_NAME_BYTES_MAX: usize = 32;
/// Entries of a state folder that is taken up again while it is made: about twenty files and folders.
pub const STATE_ENTRIES_MAX: usize = 1000;
/// What a site that hangs up waits until the coordinator has been told: several round trips.
pub const HANG_UP_MS_MAX: u64 = 1_000;
/// How long a site listens for "nothing listens here" (ICMP) after a connection attempt: several round trips.
pub const PROBE_MS_MAX: u64 = 500;
/// A request for the certificate of a site's next key: ours has about 200 bytes.
pub const CERTIFICATE_REQUEST_BYTES_MAX: usize = 512;
/// A member's certificate: ours have about 600 bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 4096;
/// The signature of the operator who launched a run: ECDSA P-256 in DER has at most 72 bytes.
pub const LAUNCH_SIGNATURE_BYTES_MAX: usize = 80;
/// A revocation list: `certs` bounds its entries so that it has 460 KiB at most.
pub const REVOCATIONS_BYTES_MAX: usize = 512 * 1024;
/// Each part of a version that a site may say.
pub const VERSION_PART_MAX: u16 = 1000;
/// One message between the processes of a site, or one line on the admin socket.
pub const LOCAL_MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// A log that would grow beyond this is set aside as `.old`, also while its program runs; so there are at
/// most two of this size.
pub const LOG_BYTES_MAX: u64 = 8 << 20;
/// How long an idle connection is silent before it says that it lives.
pub const KEEP_ALIVE_MS_MAX: u64 = 10_000;

/// Bytes of a datagram beside the bytes of frames in it: a short header of 17 (its connection id has 12), the
/// tag of 16, a stream frame's header of at most 15, and 32 for what goes along, such as acknowledgements.
pub const WIRE_DATAGRAM_BYTES_MAX: u64 = 80;
/// Of a datagram that is full, whatever the path carries (1,200 bytes at least).
pub const WIRE_DATAGRAM_PAYLOAD_BYTES_MIN: u64 = 1_200 - WIRE_DATAGRAM_BYTES_MAX;
/// A datagram that is padded on purpose: the largest that quinn tries.
pub const WIRE_PADDED_BYTES_MAX: u64 = 1_452;
/// One in so many bytes may be sent again without being counted as lost: a probe after a timeout repeats.
pub const WIRE_REPEATED_DIVISOR_MIN: u64 = 16;
/// A connection's handshake and farewell: two first flights of 1,200 padded bytes after a Retry, a
/// certificate with its CA (at most 2 x 4 KiB) and its proof, each repeated at most once or twice.
pub const WIRE_LINE_BYTES_MAX: u64 = 16 << 10;
/// The same in datagrams, with acknowledgements.
pub const WIRE_LINE_DATAGRAMS_MAX: u64 = 64;
/// Datagrams of a frame beside the full ones: its last, what opens and ends its stream, window updates.
pub const WIRE_FRAME_DATAGRAMS_MAX: u64 = 4;
/// A quiet connection says every [`KEEP_ALIVE_MS_MAX`] that it lives, and repeats it once.
pub const WIRE_QUIET_MS_MIN: u64 = KEEP_ALIVE_MS_MAX / 2;
/// An attempt to connect that came to nothing: at each of [`ADDRESSES_TRIED_MAX`] addresses first flights of
/// 2 x 1,200 bytes at 0, 1 and 3 seconds, or at one until [`HANDSHAKE_MS_MAX`], at 7 too.
pub const WIRE_FAILED_BYTES_MAX: u64 = ADDRESSES_TRIED_MAX as u64 * 4 * 2 * 1_200;
/// Headers of IP (version 6) and UDP.
pub const WIRE_ADDRESS_BYTES_MAX: u64 = 40 + 8;

const _: () =
    assert!(POLL_WAIT_MS_MAX as u64 + 5_000 <= REQUEST_WAIT_MS_MAX, "a full poll fits in a request");
const _: () = assert!(POLL_WAIT_MS_MAX as u64 <= SILENCE_MS_MAX, "a poll does not look like a dead peer");
const _: () = assert!(
    CHUNK_BYTES_MAX + MESSAGE_BYTES_MAX <= STREAM_WINDOW_BYTES_MAX as usize,
    "a chunk fits in a stream's window"
);
const _: () = assert!(
    2 * TRANSFERS_IN_FLIGHT_MAX <= STREAMS_PER_CONNECTION_MAX as usize,
    "a poll and a report find a stream beside transfers"
);
const _: () = assert!(
    INCOMING_MAX as u64 * INCOMING_BUFFER_BYTES_MAX <= INCOMING_BUFFER_TOTAL_BYTES_MAX,
    "every attempt may use its share"
);
const _: () = assert!(CONNECTIONS_MAX >= CONNECTIONS_PER_CERTIFICATE_MAX * SITES_MAX, "every site gets in");
const _: () =
    assert!(STREAM_WINDOW_BYTES_MAX <= CONNECTION_WINDOW_BYTES_MAX, "a stream fits in its connection");
const _: () = assert!(MESSAGE_BYTES_MAX <= CHUNK_BYTES_MAX, "control messages are the small ones");
const _: () = assert!(REVOCATIONS_BYTES_MAX <= CHUNK_BYTES_MAX, "a list is one answer");
const _: () =
    assert!(OVERLAP_WAIT_MS_MAX + 10_000 <= REQUEST_WAIT_MS_MAX, "waiting and evaluating fit in a request");
const _: () = assert!(AGGREGATE_NORM_MAX < ADAPTER_NORM_MAX, "an update may be larger than what it began as");
const _: () = assert!(RECORDS_MAX <= COUNT_MAX, "a record count is a count");
const _: () = assert!(UNSYNCED_BYTES_MAX >= CHUNK_BYTES_MAX as u64, "at most one fsync a chunk");
const _: () =
    assert!(3 * KEEP_ALIVE_MS_MAX <= SILENCE_MS_MAX, "three keep-alives before a connection is dropped");

/// The name of a revision in the Hugging Face hub's cache: a commit has 40 characters.
pub const HUB_REVISION_CHARACTERS_MAX: usize = 100;
