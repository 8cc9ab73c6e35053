//! The bounds at their edges.

use proptest::prelude::*;

use super::*;

fn chunk_of_a_mebibyte() -> (Payload, LineCount) {
    let bytes = (1 << 20) + 60;
    let payload = Payload { frames: 4, bytes: bytes + 3 * 50, last_bytes: 50 };
    let datagrams = bytes / 1370 + 40;
    let count = LineCount {
        datagrams,
        bytes: payload.bytes + datagrams * 45 + 6000,
        calls: datagrams / 8,
        received: datagrams / 2,
        ..LineCount::default()
    };
    (payload, count)
}

#[test]
fn an_honest_line_agrees_and_what_is_hidden_beside_it_does_not() {
    let (payload, count) = chunk_of_a_mebibyte();
    assert_eq!(compare_line(&payload, &count, 2000), None);
    let hidden = LineCount { bytes: count.bytes + (1 << 20), datagrams: count.datagrams + 770, ..count };
    assert!(matches!(
        compare_line(&payload, &hidden, 2000),
        Some(Disagreement::TooManyBytes { bytes, at_most }) if bytes - at_most > 700_000
    ));
    // In many small packets, whose headers alone explain their bytes.
    let small = LineCount { bytes: count.bytes + 60_000 * 30, datagrams: count.datagrams + 60_000, ..count };
    assert!(matches!(
        compare_line(&payload, &small, 2000),
        Some(Disagreement::TooManyDatagrams { datagrams, at_most }) if datagrams - at_most > 50_000
    ));
}

#[test]
fn a_ledger_of_more_than_was_sent_is_named_and_a_last_frame_that_broke_is_not() {
    let payload = Payload { frames: 2, bytes: 3000, last_bytes: 1000 };
    let count = |bytes| LineCount { bytes, datagrams: 4, ..LineCount::default() };
    assert_eq!(compare_line(&payload, &count(2000), 0), None);
    assert_eq!(
        compare_line(&payload, &count(1999), 0),
        Some(Disagreement::TooFewBytes { bytes: 1999, at_least: 2000 })
    );
    assert!(Disagreement::TooFewBytes { bytes: 1999, at_least: 2000 }.to_string().ends_with("1 too few"));
}

#[test]
fn lost_and_padded_packets_explain_their_bytes_and_no_more() {
    let payload = Payload { frames: 1, bytes: 1 << 20, last_bytes: 1 << 20 };
    let at = |lost_bytes, padded| {
        bytes_at_most(&payload, &LineCount { lost_bytes, padded, ..LineCount::default() })
    };
    assert_eq!(at(1000, 0) - at(0, 0), 1000);
    assert_eq!(at(0, 2) - at(0, 0), 2 * 1452);
}

#[test]
fn a_process_sends_handshakes_beside_its_lines_and_not_megabytes() {
    let sent = |bytes| SentCount { bytes, datagrams: 10, calls: 10 };
    assert_eq!(compare_process(&sent(5000), 4000, 1, 0), None);
    assert_eq!(compare_process(&sent(3900), 4000, 1, 0), None, "read one after the other");
    let many = Some(Disagreement::TooManyBytes { bytes: 1 << 20, at_most: 4000 + (16 << 10) });
    assert_eq!(compare_process(&sent(1 << 20), 4000, 1, 0), many);
    assert_eq!(compare_process(&sent(1 << 20), 4000, 1, 20), None, "twenty handshakes that came to nothing");
    assert!(compare_process(&sent(0), 1 << 20, 1, 0).is_some());
}

#[test]
fn packets_have_a_header_for_each_call_at_least_and_each_datagram_at_most() {
    let sent = SentCount { bytes: 10_000, datagrams: 8, calls: 2 };
    assert_eq!(packet_bytes(&sent), (10_000 + 2 * 28, 10_000 + 8 * 48));
}

proptest! {
    #[test]
    fn nothing_overflows(numbers in proptest::array::uniform12(proptest::num::u64::ANY)) {
        let [frames, bytes, last_bytes, datagrams, sent, calls, received, lost_packets, lost_bytes, padded, ms, n] = numbers;
        let payload = Payload { frames, bytes, last_bytes };
        let count = LineCount { datagrams, bytes: sent, calls, received, lost_packets, lost_bytes, padded };
        let found = compare_line(&payload, &count, ms);
        prop_assert_eq!(found.is_none(), found.map(|found| found.to_string()).is_none());
        let process = SentCount { datagrams, bytes, calls };
        let _ = compare_process(&process, sent, n, ms);
        let (least, most) = packet_bytes(&SentCount { calls: calls.min(datagrams), ..process });
        prop_assert!(least <= most);
    }
}
