//! Every bound of the federation in one place, with the arithmetic that relates them. Crates use
//! these constants and define none of their own (the model crate, a leaf, keeps its own file).

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
/// Largest Euclidean norm of an adapter: a fresh one has about 2 per module, a trained one below 100.
pub const ADAPTER_NORM_MAX: f64 = 1.0e5;
/// Bytes between two fsyncs of a partial file; what a crash may cost in re-sent bytes.
pub const PARTIAL_SYNC_BYTES: u64 = 8 * 1024 * 1024;
/// A run file or a configuration file.
pub const CONFIG_BYTES_MAX: u64 = 256 * 1024;
/// Rounds of one run.
pub const ROUNDS_MAX: u32 = 10_000;
/// Sites of one consortium. 100 sites x 2.5 MiB of QUIC buffers = 250 MiB at the coordinator.
pub const SITES_MAX: usize = 100;
/// A long poll is answered at the latest after this.
pub const POLL_WAIT_MS_MAX: u32 = 20_000;
/// A request other than a poll must be answered within this.
pub const REQUEST_DEADLINE_MS: u64 = 30_000;
/// TLS and QUIC handshake.
pub const HANDSHAKE_DEADLINE_MS: u64 = 10_000;
/// Keep-alive and idle limits of a connection; three keep-alives fit before it is given up.
pub const KEEP_ALIVE_MS: u64 = 10_000;
/// A silent connection is dropped after this.
pub const IDLE_TIMEOUT_MS: u64 = 30_000;
/// Handshakes in progress at once at one endpoint.
pub const INCOMING_MAX: usize = 256;
/// Connections that may be open at once: every site twice (an old one dying, a new one).
pub const CONNECTIONS_MAX: usize = 2 * SITES_MAX;
/// Streams a site may have open at once: one poll, one transfer, one progress report, and room.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 8;
/// QUIC flow control, per stream.
pub const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// QUIC flow control, per connection: 100 sites x 1.5 MiB = 150 MiB of receive buffers at most.
pub const CONNECTION_WINDOW_BYTES: u32 = 1536 * 1024;
/// Unacknowledged bytes we keep per connection: 100 sites x 1 MiB = 100 MiB.
pub const SEND_WINDOW_BYTES: u64 = 1024 * 1024;
/// UDP buffers asked of the kernel, per socket and direction (it may grant less: net.core.rmem_max). Its
/// usual 208 KiB overflow when 100 sites send at once, and every overflow is a lost packet.
pub const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Live connections of one certificate: an old one that has not noticed its death, and a new one.
pub const CONNECTIONS_PER_CERTIFICATE_MAX: usize = 2;
/// Packets kept of one connection attempt before it is accepted; a hybrid ClientHello is about 1.8 KiB.
pub const INCOMING_BUFFER_BYTES: u64 = 64 * 1024;
/// The same, of all attempts together: 256 x 64 KiB.
pub const INCOMING_BUFFER_TOTAL_BYTES: u64 = 16 * 1024 * 1024;
/// Chunk payloads in memory at once, over all connections: 64 x 1 MiB = 64 MiB.
pub const PAYLOADS_IN_FLIGHT_MAX: usize = 64;
/// Enrolments in progress at once. Each is one request; 32 x 64 KiB of memory.
pub const ENROLMENTS_MAX: usize = 32;
/// What requests in progress get when the coordinator is asked to stop.
pub const SHUTDOWN_GRACE_MS: u64 = 2_000;
/// Progress reports: at most one per this interval (each one is a ledger record and an fsync).
pub const PROGRESS_INTERVAL_MS: u64 = 1_000;
/// Losses travel as fixed point, capped here, in nats per token (ln of a 150k vocabulary is 12).
pub const LOSS_NATS_MAX: f64 = 64.0;
/// Record counts are rounded to this many significant decimal digits before they leave a site.
pub const COUNT_SIGNIFICANT_DIGITS: u32 = 2;
/// One point of the comparison with the held-out set: a compressed element of ristretto255 (RFC 9496).
pub const POINT_BYTES: usize = 32;
/// One proof that points were evaluated with the run's key: two scalars (RFC 9497, section 2.2).
pub const PROOF_BYTES: usize = 64;
/// Points of one request: 4,096 x 32 B = 128 KiB up, 128 KiB + 1 KiB down, and about 0.3 s of one core at the
/// coordinator. A request waits for a place at most 10 s, so it fits in its deadline of 30 s.
pub const OVERLAP_BATCH_POINTS: usize = 4096;
/// Points under one proof: proofs are made and checked on as many cores as there are.
pub const OVERLAP_PROOF_POINTS: usize = 256;
/// The least a site declares: fewer than 60 records x 17 features cannot be told apart.
pub const OVERLAP_POINTS_MIN: u32 = 1024;
/// The most a site may declare in a run, and so the most it can learn about the held-out set by asking: 1.97 M
/// records x 17 features; 1 GiB up and 1 GiB down.
pub const OVERLAP_POINTS_MAX: u32 = 1 << 25;
/// A published set: 20 B and 2^24 entries of 10 B, which are 986,000 held-out records x 17 features.
pub const OVERLAP_SET_BYTES_MAX: u64 = 20 + 10 * (1 << 24);
/// Batches evaluated at once at the coordinator, each on all its cores; more would only wait for each other. Memory:
/// 4 x (0.26 MiB of bytes + 4,096 x 2 points of 160 B) = 6 MiB.
pub const OVERLAP_EVALUATIONS_MAX: usize = 4;
/// A batch that finds no place within this is told to come again.
pub const OVERLAP_WAIT_MS: u64 = 10_000;
/// One message between the processes of a site, or one line on the admin socket.
pub const LOCAL_MESSAGE_BYTES_MAX: usize = 1024 * 1024;

const _: () =
    assert!(POLL_WAIT_MS_MAX as u64 + 5_000 <= REQUEST_DEADLINE_MS, "a full poll fits in a request");
const _: () = assert!(POLL_WAIT_MS_MAX as u64 <= IDLE_TIMEOUT_MS, "a poll does not look like a dead peer");
const _: () =
    assert!(3 * KEEP_ALIVE_MS <= IDLE_TIMEOUT_MS, "three keep-alives before a connection is dropped");
const _: () = assert!(CHUNK_BYTES_MAX <= STREAM_WINDOW_BYTES as usize, "a chunk fits in a stream's window");
const _: () = assert!(
    INCOMING_MAX as u64 * INCOMING_BUFFER_BYTES <= INCOMING_BUFFER_TOTAL_BYTES,
    "every attempt may use its share"
);
const _: () = assert!(CONNECTIONS_MAX >= CONNECTIONS_PER_CERTIFICATE_MAX * SITES_MAX, "every site gets in");
const _: () = assert!(STREAM_WINDOW_BYTES <= CONNECTION_WINDOW_BYTES, "a stream fits in its connection");
const _: () = assert!(MESSAGE_BYTES_MAX <= CHUNK_BYTES_MAX, "control messages are the small ones");
const _: () =
    assert!(OVERLAP_BATCH_POINTS * POINT_BYTES <= CHUNK_BYTES_MAX, "a batch is no larger than a chunk");
const _: () =
    assert!(OVERLAP_WAIT_MS + 10_000 <= REQUEST_DEADLINE_MS, "waiting and evaluating fit in a request");
const _: () = assert!(PARTIAL_SYNC_BYTES >= CHUNK_BYTES_MAX as u64, "at most one fsync a chunk");
