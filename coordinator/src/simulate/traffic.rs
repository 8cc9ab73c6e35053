//! Bytes on the wire: each message of the protocol as the codec writes it, and what QUIC adds around it. Used
//! by `world`. Invariant: a message's length is that of its real encoding, not an estimate; what QUIC adds is
//! one, measured (`tests/it/simulated.rs` holds it to a real run).

use common::id::{Digest, Round, RunId};
use common::limits::{CHUNK_BYTES_MAX, KEEP_ALIVE_MS_MAX, POLL_WAIT_MS_MAX};
use common::wire::frame;
use common::wire::message::{
    Envelope, LedgerHead, PROTOCOL_VERSION, Receipt, ReceiptBody, Request, Response, RoundKey, Work,
};
use common::wire::numbers::{LossMilli, RoundedCount};
use serde::Serialize;

use super::plan::Plan;

/// Bytes of frames in a full datagram, on a path of 1,452 bytes.
const DATAGRAM_PAYLOAD: u64 = 1_452 - DATAGRAM_HEAD;
/// What a datagram has around them: 32 to 36 were measured.
const DATAGRAM_HEAD: u64 = 34;
/// An acknowledgement that goes alone, one for each so many datagrams.
const ACKNOWLEDGEMENT: u64 = 44;
const ACKNOWLEDGED: u64 = 5;
/// A handshake with certificates, the first probes of the path, and a farewell: from the site, and to it.
const HANDSHAKE_UP: u64 = 12_900;
const HANDSHAKE_DOWN: u64 = 8_500;

/// Bytes of a question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Exchange {
    up: u64,
    down: u64,
}

/// What went over a site's line. `Serialize` is what `--json` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Messages from the site.
    pub messages: u64,
    /// Their bytes, as the site's ledger has them.
    pub message_bytes_up: u64,
    /// Bytes of the answers.
    pub message_bytes_down: u64,
    /// Bytes in UDP datagrams from the site.
    pub up_bytes: u64,
    /// Bytes in UDP datagrams to it.
    pub down_bytes: u64,
}

impl Traffic {
    /// What several sites have together.
    pub(super) fn add(&mut self, other: &Self) {
        let plus = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        plus(&mut self.messages, other.messages);
        plus(&mut self.message_bytes_up, other.message_bytes_up);
        plus(&mut self.message_bytes_down, other.message_bytes_down);
        plus(&mut self.up_bytes, other.up_bytes);
        plus(&mut self.down_bytes, other.down_bytes);
    }

    fn exchange(&mut self, times: u64, exchange: Exchange) {
        let on_wire = |bytes: u64, answered: u64| {
            let acknowledged = answered.div_ceil(DATAGRAM_PAYLOAD) / ACKNOWLEDGED * ACKNOWLEDGEMENT;
            bytes + bytes.div_ceil(DATAGRAM_PAYLOAD) * DATAGRAM_HEAD + acknowledged
        };
        let Exchange { up, down } = exchange;
        self.messages = self.messages.saturating_add(times);
        let plus = |sum: &mut u64, each: u64| *sum = sum.saturating_add(times.saturating_mul(each));
        plus(&mut self.message_bytes_up, up);
        plus(&mut self.message_bytes_down, down);
        plus(&mut self.up_bytes, on_wire(up, down));
        plus(&mut self.down_bytes, on_wire(down, up));
    }

    /// A connection is open for so long and says now and then that it lives.
    pub(super) fn kept_alive(&mut self, ms: u64) {
        let bytes = ms / KEEP_ALIVE_MS_MAX * ACKNOWLEDGEMENT;
        self.up_bytes = self.up_bytes.saturating_add(bytes);
        self.down_bytes = self.down_bytes.saturating_add(bytes);
    }

    /// So many bytes of an update were not sent after all.
    pub(super) fn not_sent(&mut self, bytes: u64) {
        self.message_bytes_up = self.message_bytes_up.saturating_sub(bytes);
        self.up_bytes = self.up_bytes.saturating_sub(bytes);
    }
}

/// The exchanges of a run.
#[derive(Debug, Clone)]
pub(super) struct Exchanges {
    hello: [Exchange; 3],
    poll: Exchange,
    train: Exchange,
    ready: Exchange,
    progress: Exchange,
    offer: Exchange,
    commit: Exchange,
}

/// A number as large as those of a run under way, for messages whose length depends on it.
const TYPICAL: u64 = 1_000;

fn length<T: Serialize>(message: &T) -> u64 {
    // None of these is too long.
    frame::to_bytes(message).map_or(0, |bytes| bytes.len() as u64)
}

fn exchange(request: Request, response: &Response) -> Exchange {
    let up = length(&Envelope { sequence: TYPICAL, request });
    Exchange { up, down: length(response) }
}

impl Exchanges {
    pub(super) fn of(plan: &Plan) -> Self {
        let (digest, root) = (Digest([0; 32]), Digest([0; 32]));
        let key = RoundKey { run: RunId([0; 8]), round: Round(1) };
        let (records, loss) = (RoundedCount::of(TYPICAL), LossMilli::of(1.0));
        let ledger = LedgerHead { size: TYPICAL, root };
        let condition =
            Request::Condition { version: [0, 1, 0], clock_minutes: u32::MAX / 100, disk_low: false };
        let body = ReceiptBody {
            site: digest,
            key,
            digest,
            bytes: plan.update_bytes,
            first_sequence: 0,
            last_sequence: TYPICAL,
            received_bytes: plan.update_bytes,
            running_hash: digest,
        };
        let bytes = plan.update_bytes;
        let train = Work::Train {
            key,
            manifest: digest,
            manifest_bytes: u32::try_from(plan.manifest_bytes).unwrap_or(u32::MAX),
            adapter: digest,
            adapter_bytes: bytes,
        };
        let poll = Request::Poll { wait_ms: POLL_WAIT_MS_MAX };
        Self {
            hello: [
                exchange(
                    Request::Hello { protocol: PROTOCOL_VERSION, ledger },
                    &Response::Welcome { protocol: PROTOCOL_VERSION },
                ),
                exchange(Request::Revocations { known: 1 }, &Response::Noted),
                exchange(condition, &Response::Noted),
            ],
            poll: exchange(poll.clone(), &Response::Work(Work::Nothing)),
            train: exchange(poll, &Response::Work(train)),
            ready: exchange(Request::Ready { key, base_fingerprint: digest, records }, &Response::Noted),
            progress: exchange(
                Request::Progress { key, step: 50, total_steps: 100, loss, tokens_per_s: 1_000 },
                &Response::Noted,
            ),
            offer: exchange(
                Request::Offer { key, digest, bytes, records, tokens: records, loss },
                &Response::Continue { next_offset: 0 },
            ),
            commit: exchange(
                Request::Commit { key, digest },
                &Response::Receipt(Receipt { body, signature: [0; 64] }),
            ),
        }
    }

    /// A connection begins.
    pub(super) fn connects(&self, traffic: &mut Traffic) {
        let handshake = Traffic { up_bytes: HANDSHAKE_UP, down_bytes: HANDSHAKE_DOWN, ..Traffic::default() };
        traffic.add(&handshake);
        self.hello.iter().for_each(|hello| traffic.exchange(1, *hello));
    }

    /// A site waits for so long until it is handed a round, or hears nothing of one.
    pub(super) fn polls(&self, traffic: &mut Traffic, waited_ms: u64, is_handed: bool) {
        traffic.exchange(waited_ms / u64::from(POLL_WAIT_MS_MAX), self.poll);
        traffic.exchange(1, if is_handed { self.train } else { self.poll });
    }

    /// A site fetches a file of so many bytes.
    pub(super) fn fetches(&self, traffic: &mut Traffic, bytes: u64) {
        let each = |offset: u64, length: u64| {
            let request = Request::Fetch { digest: Digest([0; 32]), offset };
            let length32 = u32::try_from(length).unwrap_or(u32::MAX);
            let plain = exchange(request, &Response::Blob { offset, length: length32, total: bytes });
            Exchange { down: plain.down + length, ..plain }
        };
        pieces(bytes, each).into_iter().for_each(|(times, exchange)| traffic.exchange(times, exchange));
    }

    /// A site says that it begins to train, and how it goes, so often.
    pub(super) fn trains(&self, traffic: &mut Traffic, messages: u64) {
        traffic.exchange(1, self.ready);
        traffic.exchange(messages, self.progress);
    }

    /// A site sends its update.
    pub(super) fn sends(&self, traffic: &mut Traffic, bytes: u64) {
        let each = |offset: u64, length: u64| {
            let length32 = u32::try_from(length).unwrap_or(u32::MAX);
            let request = Request::Chunk { digest: Digest([0; 32]), offset, length: length32 };
            let plain = exchange(request, &Response::Continue { next_offset: offset + length });
            Exchange { up: plain.up + length, ..plain }
        };
        traffic.exchange(1, self.offer);
        pieces(bytes, each).into_iter().for_each(|(times, exchange)| traffic.exchange(times, exchange));
    }

    /// A site asks for its receipt.
    pub(super) fn commits(&self, traffic: &mut Traffic) {
        traffic.exchange(1, self.commit);
    }
}

/// A file in pieces: the full ones, each as its middle one, and the last.
fn pieces(bytes: u64, each: impl Fn(u64, u64) -> Exchange) -> [(u64, Exchange); 2] {
    let piece = CHUNK_BYTES_MAX as u64;
    let (full, rest) = (bytes / piece, bytes % piece);
    [(full, each(bytes / 2, piece)), (u64::from(rest > 0), each(full * piece, rest))]
}

/// How much a transfer of so many bytes takes of a line, with what is around them.
pub(super) fn on_line(bytes: u64) -> u64 {
    bytes.saturating_add(bytes.div_ceil(DATAGRAM_PAYLOAD).saturating_mul(DATAGRAM_HEAD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::tests::plan;

    #[test]
    fn a_file_in_pieces_has_all_of_its_bytes() {
        let exchanges = Exchanges::of(&plan(2, 1));
        let piece = CHUNK_BYTES_MAX as u64;
        for (bytes, messages) in [(1, 1), (piece, 1), (piece + 1, 2), (10 * piece, 10)] {
            let mut down = Traffic::default();
            exchanges.fetches(&mut down, bytes);
            assert_eq!(down.messages, messages, "{bytes}");
            let around = down.message_bytes_down - bytes;
            assert!((1..=64 * messages).contains(&around), "{around} bytes around {bytes}");
            let mut up = Traffic::default();
            exchanges.sends(&mut up, bytes);
            // And the offer.
            assert_eq!(up.messages, messages + 1);
            assert!((1..=160 + 64 * messages).contains(&(up.message_bytes_up - bytes)));
            assert!(up.up_bytes > up.message_bytes_up);
        }
    }

    #[test]
    fn what_quic_adds_to_a_large_file_is_a_few_per_cent() {
        let mut traffic = Traffic::default();
        Exchanges::of(&plan(2, 1)).sends(&mut traffic, 100_000_000);
        let around = traffic.up_bytes as f64 / 100_000_000.0;
        assert!((1.02..1.05).contains(&around), "{around}");
        assert!(on_line(100_000_000) <= traffic.up_bytes);
    }

    #[test]
    fn numbers_beyond_any_run_saturate() {
        let exchanges = Exchanges::of(&plan(2, 1));
        let mut traffic = Traffic::default();
        for _ in 0..3 {
            exchanges.sends(&mut traffic, u64::MAX);
            exchanges.polls(&mut traffic, u64::MAX, false);
            traffic.kept_alive(u64::MAX);
        }
        assert_eq!(traffic.up_bytes, u64::MAX);
    }
}
