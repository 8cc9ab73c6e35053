//! What the transport and the kernel counted of what a site sent, beside what its ledger says: the bounds
//! within which the three agree. Pure.
//!
//! Used by `net`, which counts, stored by the site agent's gateway, compared by `site-agent ledger reconcile
//! --wire` and the officer's report. Invariants: what a ledger record says left, and nothing else, is
//! payload; every allowance beyond it is a constant of `limits` with its arithmetic; no sum overflows.

use crate::limits::{
    WIRE_ADDRESS_BYTES_MAX, WIRE_DATAGRAM_BYTES_MAX, WIRE_DATAGRAM_PAYLOAD_BYTES_MIN, WIRE_FAILED_BYTES_MAX,
    WIRE_FRAME_DATAGRAMS_MAX, WIRE_LINE_BYTES_MAX, WIRE_LINE_DATAGRAMS_MAX, WIRE_PADDED_BYTES_MAX,
    WIRE_QUIET_MS_MIN, WIRE_REPEATED_DIVISOR_MIN,
};

/// What the transport counted of one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCount {
    /// UDP datagrams that it sent.
    pub datagrams: u64,
    /// Bytes in them, without the headers of UDP and IP.
    pub bytes: u64,
    /// Calls to the kernel that sent them: several datagrams may go with one.
    pub calls: u64,
    /// UDP datagrams that it received: each may be acknowledged by one.
    pub received: u64,
    /// Packets that it took for lost, and whose content it sent again.
    pub lost_packets: u64,
    /// Bytes in them.
    pub lost_bytes: u64,
    /// Packets that are padded on purpose: probes of the path's size, and answers to challenges.
    pub padded: u64,
}

/// What a process of this program handed to the kernel, over all its UDP sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SentCount {
    /// UDP datagrams.
    pub datagrams: u64,
    /// Bytes in them, without the headers of UDP and IP.
    pub bytes: u64,
    /// Calls that sent them.
    pub calls: u64,
}

/// What the ledger says left by one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Payload {
    /// Frames.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes of the last: the frame that may be recorded and not sent, where the line broke, and with a chunk
    /// those that were on their way with it.
    pub last_bytes: u64,
}

/// How two counts differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// More went out than the ledger and the transport explain.
    #[error("{bytes} bytes were sent, and the ledger's explain at most {at_most}: {} too many", bytes.saturating_sub(*at_most))]
    TooManyBytes {
        /// Counted.
        bytes: u64,
        /// Explained.
        at_most: u64,
    },
    /// More packets went out.
    #[error(
        "{datagrams} datagrams were sent, and the ledger's frames explain at most {at_most}: {} too many",
        datagrams.saturating_sub(*at_most)
    )]
    TooManyDatagrams {
        /// Counted.
        datagrams: u64,
        /// Explained.
        at_most: u64,
    },
    /// The ledger says that more left than was sent.
    #[error("{bytes} bytes were sent, and the ledger says that at least {at_least} left: {} too few", at_least.saturating_sub(*bytes))]
    TooFewBytes {
        /// Counted.
        bytes: u64,
        /// By the ledger.
        at_least: u64,
    },
}

/// Most bytes that a connection sends for this payload.
#[must_use]
pub fn bytes_at_most(payload: &Payload, count: &LineCount) -> u64 {
    [
        payload.bytes,
        payload.bytes / WIRE_REPEATED_DIVISOR_MIN,
        count.lost_bytes,
        count.padded.saturating_mul(WIRE_PADDED_BYTES_MAX),
        count.datagrams.saturating_mul(WIRE_DATAGRAM_BYTES_MAX),
        WIRE_LINE_BYTES_MAX,
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

/// Most datagrams that a connection sends for this payload in `open_ms`.
#[must_use]
pub fn datagrams_at_most(payload: &Payload, count: &LineCount, open_ms: u64) -> u64 {
    let repeated = payload.bytes / WIRE_REPEATED_DIVISOR_MIN;
    [
        payload.bytes.saturating_add(repeated) / WIRE_DATAGRAM_PAYLOAD_BYTES_MIN,
        payload.frames.saturating_mul(WIRE_FRAME_DATAGRAMS_MAX),
        count.received,
        count.lost_packets,
        count.padded,
        open_ms / WIRE_QUIET_MS_MIN,
        WIRE_LINE_DATAGRAMS_MAX,
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

/// The ledger beside the transport's count of one connection, which was open for `open_ms`.
#[must_use]
pub fn compare_line(payload: &Payload, count: &LineCount, open_ms: u64) -> Option<Disagreement> {
    let at_least = payload.bytes.saturating_sub(payload.last_bytes);
    if count.bytes < at_least {
        return Some(Disagreement::TooFewBytes { bytes: count.bytes, at_least });
    }
    let at_most = bytes_at_most(payload, count);
    if count.bytes > at_most {
        return Some(Disagreement::TooManyBytes { bytes: count.bytes, at_most });
    }
    let at_most = datagrams_at_most(payload, count, open_ms);
    (count.datagrams > at_most)
        .then_some(Disagreement::TooManyDatagrams { datagrams: count.datagrams, at_most })
}

/// What a process handed to the kernel beside what its connections counted: handshakes that came to nothing,
/// of `attempts`, and the farewells of `lines` connections.
#[must_use]
pub fn compare_process(
    sent: &SentCount,
    lines_bytes: u64,
    lines: u64,
    attempts: u64,
) -> Option<Disagreement> {
    if sent.bytes < lines_bytes {
        // The two are read one after the other; what is sent between them is not missing.
        return Some(Disagreement::TooFewBytes { bytes: sent.bytes, at_least: lines_bytes })
            .filter(|_| lines_bytes - sent.bytes > lines.saturating_mul(WIRE_LINE_BYTES_MAX));
    }
    let at_most = lines_bytes
        .saturating_add(lines.saturating_mul(WIRE_LINE_BYTES_MAX))
        .saturating_add(attempts.saturating_mul(WIRE_FAILED_BYTES_MAX));
    (sent.bytes > at_most).then_some(Disagreement::TooManyBytes { bytes: sent.bytes, at_most })
}

/// The bytes of packets that the kernel counts for what was handed to it, at least and at most: an IP header
/// of version 4 or 6 and one of UDP for each datagram, or for each call, where it cuts them apart later.
#[must_use]
pub fn packet_bytes(sent: &SentCount) -> (u64, u64) {
    const LEAST: u64 = 20 + 8;
    (
        sent.bytes.saturating_add(sent.calls.saturating_mul(LEAST)),
        sent.bytes.saturating_add(sent.datagrams.saturating_mul(WIRE_ADDRESS_BYTES_MAX)),
    )
}

#[cfg(test)]
mod tests;
