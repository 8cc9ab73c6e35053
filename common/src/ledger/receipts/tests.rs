//! Receipts as a coordinator makes them, of ledgers whose frames arrived, were lost, or are no longer there.

use super::super::line_digest;
use super::super::tests::{chained, record};
use super::*;

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

fn fit(receipts: u64, frames_lost: u64) -> Compared {
    Compared { receipts, frames_lost, ..Compared::default() }
}

#[test]
fn receipts_of_everything_that_arrived_fit_and_lost_frames_are_counted() {
    let records = ledger();
    let cases: [(&[u64], u64); 5] = [(&[], 0), (&[1], 1), (&[2, 3], 2), (&[3, 10, 12], 3), (&[5, 6], 2)];
    for (lost, frames_lost) in cases {
        let mut receipts = both(&records, lost);
        receipts.reverse();
        assert_eq!(compare(&records, &receipts, &[]), fit(2, frames_lost), "{lost:?}");
    }
    // The coordinator began to count anew between the two.
    let later = ReceiptBody { first_sequence: 9, ..receipt(&records[9..], 2, &[]) };
    let receipts = [receipt(&records, 1, &[]), later];
    assert_eq!(compare(&records, &receipts, &[]), fit(2, 0));
    assert_eq!(compare(&records, &[], &[]), Compared::default());
}

/// The attack of the review: the last 8 of 17 lines cut off, and a ledger begun anew.
#[test]
fn a_ledger_that_was_cut_or_begun_anew_lacks_what_was_acknowledged() {
    let records = ledger();
    let receipts = both(&records, &[]);
    let cut = &records[..records.len() - 8];
    let missing =
        |found: Compared| matches!(found.unfit.last(), Some(ReceiptError::Missing { last: 15 | 7, .. }));
    assert!(missing(compare(cut, &receipts, &[])) && missing(compare(&[], &receipts, &[])));
    assert_eq!(compare(cut, &receipts[..1], &[]), fit(1, 0), "what is left fits");
    // A commit of another round at the same number.
    let mut other = records.clone();
    other[7].round = Some(9);
    assert!(missing(compare(&other, &receipts, &[])));
}

#[test]
fn a_record_that_was_changed_removed_or_moved_is_found_though_the_chain_holds() {
    let records = ledger();
    let receipts = both(&records, &[2]);
    let differs = |records: &[Record]| {
        matches!(compare(records, &receipts, &[]).unfit[..], [ReceiptError::Differs { .. }, ..])
    };
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

/// A ledger whose coordinator's disk was full for hours, or whose day was over: of the frames before a new
/// connection those of a stretch were not counted, and those before and behind it were.
#[test]
fn a_thousand_uncounted_frames_in_a_row_are_found_where_a_new_connection_follows_each() {
    let kinds = |number: u64| if number.is_multiple_of(2) { Kind::Poll } else { Kind::Hello };
    let mut records: Vec<Record> = (0..2400).map(|number| record(kinds(number), number, 50)).collect();
    records.push(record(Kind::Commit, 2400, 50));
    let lost: Vec<u64> = (200..2200).step_by(2).collect();
    let first = ReceiptBody { first_sequence: 0, ..receipt(&records, 1, &lost) };
    assert_eq!(compare(&records, &[first], &[]), fit(1, 1000));
}

/// A coordinator that once signed what is not so: the officer sets that receipt aside by name, and the later
/// ones are compared, whether it went on counting from the truth or from its word.
#[test]
fn a_false_receipt_is_named_alone_and_can_be_set_aside() {
    let records = ledger();
    let [first, second] = both(&records, &[]);
    let false_one = ReceiptBody { running_hash: Digest([9; 32]), ..first };
    let mut lie = false_one.running_hash.0;
    for record in records.iter().filter(|record| record.sequence > 7 && record.kind != Kind::Data) {
        let digest: Digest = record.sha256.parse().unwrap();
        lie = Digest::of(&[lie, digest.0].concat()).0;
    }
    for later in [second, ReceiptBody { running_hash: Digest(lie), ..second }] {
        let found = compare(&records, &[later, false_one], &[]);
        let keys: Vec<RoundKey> = found.unfit.iter().map(ReceiptError::key).collect();
        assert_eq!((found.receipts, keys), (1, vec![false_one.key]));
        assert_eq!(compare(&records, &[later], &[false_one]), fit(1, 0));
    }
    // What was set aside hides nothing that came behind it.
    let mut changed = records.clone();
    changed[12].sha256 = line_digest(b"another chunk").to_string();
    assert_eq!(compare(&changed, &[second], &[false_one]).unfit.len(), 1);
}

/// An upload whose line broke six times: each time the last one to four of the chunks that were on their way
/// were lost. They have one size, so that of other sets of as many there are more than anybody can try.
#[test]
fn chunks_that_were_on_their_way_together_are_lost_from_the_end() {
    let mut kinds = vec![Kind::Hello, Kind::Offer];
    let mut lost = Vec::new();
    for breaks in 0..9 {
        kinds.extend([Kind::Chunk; 6]);
        let end = kinds.len() as u64;
        lost.extend(end - 1 - breaks % 4..end);
        kinds.extend([Kind::Hello, Kind::Offer, Kind::Chunk]);
    }
    kinds.push(Kind::Commit);
    let length = |kind| if kind == Kind::Chunk { 1 << 20 } else { 50 };
    let records: Vec<Record> =
        (0..).zip(kinds).map(|(number, kind)| record(kind, number, length(kind))).collect();
    let of = |lost: &[u64]| ReceiptBody { first_sequence: 0, ..receipt(&records, 1, lost) };
    assert_eq!(compare(&records, &[of(&lost)], &[]), fit(1, lost.len() as u64));
    // One in their middle alone: no honest coordinator counts so, but nobody is accused of it either.
    let middle = of(&[5]);
    assert_eq!(compare(&records, &[middle], &[]), fit(1, 1));
}

/// Chunks that were sent one after another, by sites and to coordinators of before several were on their way:
/// of three hundred lines each lost its last one, and those before it arrived.
#[test]
fn single_chunks_that_were_lost_are_found_though_others_stand_right_before_them() {
    let mut kinds = Vec::new();
    let mut lost = Vec::new();
    for _ in 0..300 {
        kinds.extend([Kind::Hello, Kind::Offer, Kind::Chunk, Kind::Chunk, Kind::Chunk]);
        lost.push(kinds.len() as u64 - 1);
    }
    kinds.extend([Kind::Hello, Kind::Commit]);
    let records: Vec<Record> = (0..).zip(kinds).map(|(number, kind)| record(kind, number, 1 << 20)).collect();
    let of = |lost: &[u64]| ReceiptBody { first_sequence: 0, ..receipt(&records, 1, lost) };
    assert_eq!(compare(&records, &[of(&lost)], &[]), fit(1, 300));
}

#[test]
fn a_search_without_end_is_given_up_and_accuses_nobody() {
    let mut records: Vec<Record> = (0..400).map(|number| record(Kind::Poll, number, 10)).collect();
    records.push(record(Kind::Commit, 400, 50));
    let lost: Vec<u64> = (100..200).collect();
    let receipt = receipt(&records, 1, &lost);
    let body = ReceiptBody { first_sequence: 0, running_hash: Digest([9; 32]), ..receipt };
    let found = compare(&records, &[body], &[]);
    let uncompared = vec![Uncompared { key: body.key, last: 400 }];
    assert_eq!(found, Compared { uncompared, ..Compared::default() });
    // The next one is compared from there on.
    records.push(record(Kind::Commit, 401, 50));
    let digest: Digest = records[401].sha256.parse().unwrap();
    let next = ReceiptBody {
        last_sequence: 401,
        received_bytes: body.received_bytes + 50,
        running_hash: Digest::of(&[body.running_hash.0, digest.0].concat()),
        ..body
    };
    assert_eq!(compare(&records, &[body, next], &[]).receipts, 1);
}
