//! Receipts as a coordinator makes them, of ledgers whose frames arrived, were lost, or are no longer there.

use super::super::line_digest;
use super::super::tests::{chained, record};
use super::*;
use crate::wire::message::RoundKey;

/// Frames of two rounds: hello, polls, an update in three chunks, commit.
fn ledger() -> Vec<Record> {
    let kinds = [Kind::Hello, Kind::Poll, Kind::Poll, Kind::Offer, Kind::Chunk, Kind::Chunk, Kind::Commit];
    let again = [Kind::Join].into_iter().chain(kinds).chain([Kind::Data]).chain(kinds);
    let mut round = 1;
    let of = |(number, kind): (u64, Kind)| {
        if kind == Kind::Data {
            round += 1;
        }
        let length = if kind == Kind::Data { 0 } else { 50 + number };
        let known = record(kind, number, length);
        Record { round: known.round.map(|_| round), ..known }
    };
    let lines = chained((0..).zip(again).map(of).collect());
    lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// The coordinator's receipt for the commit of a round, if these records were lost.
fn receipt(records: &[Record], round: u32, lost: &[u64]) -> ReceiptBody {
    let key = RoundKey { run: "0102030405060708".parse().unwrap(), round: Round(round) };
    let mut body = ReceiptBody {
        site: Digest([1; 32]),
        key,
        digest: Digest([2; 32]),
        bytes: 1,
        first_sequence: 1,
        last_sequence: 0,
        received_bytes: 0,
        running_hash: Digest([0; 32]),
    };
    for record in records.iter().filter(|record| !matches!(record.kind, Kind::Join | Kind::Data)) {
        if lost.contains(&record.sequence) {
            continue;
        }
        let digest: Digest = record.sha256.parse().unwrap();
        body.received_bytes += record.length;
        body.running_hash = Digest::of(&[body.running_hash.0, digest.0].concat());
        body.last_sequence = record.sequence;
        if record.kind == Kind::Commit && record.round == Some(round) {
            break;
        }
    }
    body
}

fn both(records: &[Record], lost: &[u64]) -> [ReceiptBody; 2] {
    [1, 2].map(|round| receipt(records, round, lost))
}

#[test]
fn receipts_of_everything_that_arrived_fit_and_lost_frames_are_counted() {
    let records = ledger();
    let cases: [(&[u64], u64); 5] = [(&[], 0), (&[1], 1), (&[2, 3], 2), (&[3, 10, 12], 3), (&[5, 6], 2)];
    for (lost, frames_lost) in cases {
        let mut receipts = both(&records, lost);
        receipts.reverse();
        assert_eq!(compare(&records, &receipts), Ok(Compared { receipts: 2, frames_lost }), "{lost:?}");
    }
    // The coordinator began to count anew between the two.
    let later = ReceiptBody { first_sequence: 9, ..receipt(&records[9..], 2, &[]) };
    let receipts = [receipt(&records, 1, &[]), later];
    assert_eq!(compare(&records, &receipts), Ok(Compared { receipts: 2, frames_lost: 0 }));
    assert_eq!(compare(&records, &[]), Ok(Compared::default()));
}

/// The attack of the review: the last 8 of 17 lines cut off, and a ledger begun anew.
#[test]
fn a_ledger_that_was_cut_or_begun_anew_lacks_what_was_acknowledged() {
    let records = ledger();
    let receipts = both(&records, &[]);
    let cut = &records[..records.len() - 8];
    let missing = |found: Result<Compared, ReceiptError>| matches!(found, Err(ReceiptError::Missing { .. }));
    assert!(missing(compare(cut, &receipts)) && missing(compare(&[], &receipts)));
    assert!(compare(cut, &receipts[..1]).is_ok(), "what is left fits");
    // A commit of another round at the same number.
    let mut other = records.clone();
    other[7].round = Some(9);
    assert!(missing(compare(&other, &receipts)));
}

#[test]
fn a_record_that_was_changed_removed_or_moved_is_found_though_the_chain_holds() {
    let records = ledger();
    let receipts = both(&records, &[2]);
    let differs =
        |records: &[Record]| matches!(compare(records, &receipts), Err(ReceiptError::Differs { .. }));
    let mut digest = records.clone();
    digest[12].sha256 = line_digest(b"another chunk").to_string();
    let mut shorter = records.clone();
    shorter[5].length -= 1;
    let mut moved = records.clone();
    let (first, second) = (moved[5].sha256.clone(), moved[6].sha256.clone());
    (moved[5].sha256, moved[6].sha256) = (second, first);
    assert!(differs(&digest) && differs(&shorter) && differs(&moved));
    // A frame that left and is called a note.
    let mut hidden = records.clone();
    hidden[13].kind = Kind::Data;
    assert!(differs(&hidden));
}

#[test]
fn a_search_without_end_is_given_up() {
    let mut records: Vec<Record> = (0..400).map(|number| record(Kind::Poll, number, 10)).collect();
    records.push(record(Kind::Commit, 400, 50));
    let lost: Vec<u64> = (100..200).collect();
    let receipt = receipt(&records, 1, &lost);
    let body = ReceiptBody { first_sequence: 0, running_hash: Digest([9; 32]), ..receipt };
    assert!(matches!(compare(&records, &[body]), Err(ReceiptError::TooManyLost { last: 400, .. })));
}
