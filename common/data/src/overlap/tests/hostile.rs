//! Each thing that a cheating or broken other side may send is refused under its own name.

use super::*;

/// The order of the group plus one, and other encodings that are not canonical scalars or points.
const NOT_POINTS: [[u8; 32]; 3] = [
    // The identity.
    [0; 32],
    // All ones: beyond the field's prime.
    [0xFF; 32],
    // 1: negative or not on the curve (RFC 9496, appendix A.3 lists 00..01-like encodings as invalid).
    {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    },
];

struct Exchange {
    query: Query,
    key: EvaluationKey,
    set: PublishedSet,
    blinded: Vec<u8>,
    answer: Vec<u8>,
}

fn exchange() -> Exchange {
    let (query, key) = (query(&(0..20).map(record).collect::<Vec<_>>(), 1), key(2));
    let set = key.publish(&[record(3)]).unwrap();
    let blinded = query.blinded(0).unwrap();
    let answer = key.evaluate(&Batch::parse(&blinded).unwrap(), &[7; 32]).unwrap();
    Exchange { query, key, set, blinded, answer }
}

impl Exchange {
    fn hits(&self, answer: &[u8]) -> Result<Vec<bool>, OverlapError> {
        self.query.hits(0, &self.blinded, answer, &self.key.public_key(), &self.set)
    }
}

#[test]
fn the_honest_answer_passes() {
    let exchange = exchange();
    assert_eq!(exchange.hits(&exchange.answer).unwrap().iter().filter(|hit| **hit).count(), 17);
}

#[test]
fn another_key_is_found_out() {
    let exchange = exchange();
    let other = key(3);
    let answer = other.evaluate(&Batch::parse(&exchange.blinded).unwrap(), &[7; 32]).unwrap();
    assert_eq!(exchange.hits(&answer), Err(OverlapError::Proof { first: 0, last: 255 }));
    // The right key in the first three groups does not excuse another one in the last.
    let mut mixed = exchange.answer.clone();
    mixed[3 * 8192..4 * 8192].copy_from_slice(&answer[3 * 8192..4 * 8192]);
    let end = mixed.len();
    mixed[end - PROOF_BYTES..].copy_from_slice(&answer[end - PROOF_BYTES..]);
    assert_eq!(exchange.hits(&mixed), Err(OverlapError::Proof { first: 768, last: 1023 }));
}

#[test]
fn one_changed_point_or_proof_is_found_out() {
    let exchange = exchange();
    let mut swapped = exchange.answer.clone();
    swapped[..2 * POINT_BYTES].rotate_left(POINT_BYTES);
    assert_eq!(exchange.hits(&swapped), Err(OverlapError::Proof { first: 0, last: 255 }));
    let mut foreign = exchange.answer.clone();
    foreign[300 * POINT_BYTES..301 * POINT_BYTES].copy_from_slice(&any_point(1));
    assert_eq!(exchange.hits(&foreign), Err(OverlapError::Proof { first: 256, last: 511 }));
    let mut proofs = exchange.answer.clone();
    proofs[1024 * POINT_BYTES..1026 * POINT_BYTES + PROOF_BYTES].rotate_left(PROOF_BYTES);
    assert_eq!(exchange.hits(&proofs), Err(OverlapError::Proof { first: 0, last: 255 }));
    let mut zero = exchange.answer.clone();
    zero[1024 * POINT_BYTES..1024 * POINT_BYTES + PROOF_BYTES].fill(0);
    assert_eq!(exchange.hits(&zero), Err(OverlapError::ProofFormat { first: 0 }));
}

#[test]
fn what_is_no_point_is_named_on_both_sides() {
    let exchange = exchange();
    for wrong in NOT_POINTS {
        let mut blinded = exchange.blinded.clone();
        blinded[5 * POINT_BYTES..6 * POINT_BYTES].copy_from_slice(&wrong);
        assert_eq!(Batch::parse(&blinded).err(), Some(OverlapError::Point { index: 5 }), "{wrong:?}");
        let mut answer = exchange.answer.clone();
        answer[5 * POINT_BYTES..6 * POINT_BYTES].copy_from_slice(&wrong);
        assert_eq!(exchange.hits(&answer), Err(OverlapError::Point { index: 5 }), "{wrong:?}");
        assert_eq!(PublicKey::from_bytes(wrong), Err(OverlapError::PublicKey), "{wrong:?}");
    }
    assert!(PublicKey::from_bytes(any_point(1)).is_ok());
}

#[test]
fn wrong_lengths_and_counts_are_named() {
    let exchange = exchange();
    let whole = exchange.answer.len();
    assert_eq!(whole, answer_bytes(1024));
    for length in [0, 1, whole - PROOF_BYTES, whole - 1] {
        let wrong = Err(OverlapError::Length { expected: whole, found: length });
        assert_eq!(exchange.hits(&exchange.answer[..length]), wrong);
    }
    for length in [0, 31, 33, POINT_BYTES * 4097] {
        let parsed = Batch::parse(&any_point(1).repeat(4097)[..length]);
        assert!(
            matches!(parsed.err(), Some(OverlapError::Length { found, .. }) if found == length),
            "{length}"
        );
    }
    assert_eq!(Batch::parse(&any_point(1).repeat(4096)).unwrap().points(), 4096);
    for first in [1, 1024, 4096, u32::MAX] {
        assert_eq!(exchange.query.blinded(first).err(), Some(OverlapError::Offset { first }));
    }
    let query = query(&[record(1)], 1);
    assert_eq!(query.result(vec![true; 16]), Err(OverlapError::Length { expected: 17, found: 16 }));
}

#[test]
fn damaged_sets_are_refused() {
    let file = exchange().set.to_bytes();
    let refused = |bytes: &[u8]| matches!(PublishedSet::from_bytes(bytes), Err(OverlapError::File { .. }));
    assert_eq!(PublishedSet::from_bytes(&file).unwrap().to_bytes(), file);
    assert!((0..file.len()).all(|length| refused(&file[..length])), "every shorter file");
    assert!(refused(&[&file[..], &[0]].concat()), "a longer one");
    let changed = |at: usize, to: &[u8]| {
        let mut bytes = file.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    assert!(refused(&changed(0, b"C")), "another kind of file");
    assert!(refused(&changed(16, &u32::MAX.to_le_bytes())), "a count that would take 40 GiB");
    assert!(refused(&changed(16, &16_u32.to_le_bytes())), "a count too small");
    let mut twice = file.clone();
    twice.copy_within(20..30, 30);
    assert!(refused(&twice), "an entry twice");
    let mut swapped = file.clone();
    swapped[20..40].rotate_left(10);
    assert!(refused(&swapped), "entries out of order");
}

#[test]
fn damaged_query_and_verdict_files_are_refused() {
    let query = query(&[record(1), record(2)], 1);
    let file = query.to_bytes();
    assert!((0..file.len()).all(|length| Query::from_bytes(&file[..length]).is_err()));
    let verdict = query.result(vec![false; 34]).unwrap().to_bytes();
    assert!((0..verdict.len()).all(|length| OverlapResult::from_bytes(&verdict[..length]).is_err()));
    let mut flag = verdict.clone();
    if let Some(last) = flag.last_mut() {
        *last = 2;
    }
    assert!(OverlapResult::from_bytes(&flag).is_err(), "a flag is 0 or 1");
}
