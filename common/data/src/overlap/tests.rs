//! Published vectors first, then both sides together, then what a hostile side may send.

mod hostile;
mod vectors;

use proptest::prelude::*;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::*;
use crate::dedup::BANDS;

/// A record's features from a number: equal numbers are equal records.
pub(super) fn record(number: u64) -> Option<Features> {
    let mut exact = [0; 32];
    exact[..8].copy_from_slice(&number.to_le_bytes());
    Some(Features::new(&exact, &[number; BANDS]))
}

/// `record(number)` with so many bands of `record(other)`: a near duplicate.
fn near(number: u64, other: u64, bands: usize) -> Option<Features> {
    let (mut features, other) = (record(number)?, record(other)?);
    features.bands[..bands].copy_from_slice(&other.bands[..bands]);
    Some(features)
}

pub(super) fn key(seed: u8) -> EvaluationKey {
    EvaluationKey::from_seed(&[seed; 32], b"run-0001").unwrap()
}

pub(super) fn query(records: &[Option<Features>], seed: u8) -> Query {
    Query::new(records, Zeroizing::new([seed; 32])).unwrap()
}

/// Everything that crosses between the two sides, and the verdict.
fn compare(records: &[Option<Features>], held_out: &[Option<Features>]) -> OverlapResult {
    let (query, key) = (query(records, 1), key(2));
    let set = PublishedSet::from_bytes(&key.publish(held_out).unwrap().to_bytes()).unwrap();
    let mut hits = Vec::new();
    for first in (0..query.points()).step_by(BATCH_POINTS) {
        let blinded = query.blinded(first).unwrap();
        let answer = key.evaluate(&Batch::parse(&blinded).unwrap(), &[first as u8; 32]).unwrap();
        hits.extend(query.hits(first, &blinded, &answer, &key.public_key(), &set).unwrap());
    }
    let verdict = query.result(hits).unwrap();
    assert_eq!(OverlapResult::from_bytes(&verdict.to_bytes()).unwrap(), verdict);
    verdict
}

#[test]
fn what_is_close_to_the_held_out_set_is_found_and_nothing_else() {
    let held_out: Vec<Option<Features>> = (1000..1010).map(record).collect();
    let mut records: Vec<Option<Features>> = (0..300).map(record).collect();
    records[3] = record(1004);
    records[40] = near(40, 1001, 3);
    records[41] = near(41, 1001, 2);
    records[42] = None;
    let excluded = compare(&records, &held_out).exclude(&records);
    let dropped: Vec<usize> = (0..300).filter(|index| excluded.exclude[*index]).collect();
    assert_eq!(dropped, [3, 40], "2 of 16 bands are not enough, and what has no words is like nothing");
    assert_eq!((excluded.too_close, excluded.not_compared), (2, 0));
}

#[test]
fn a_reworded_question_is_close_and_its_answer_does_not_matter() {
    let ask = |question: &str, answer: &str| {
        let line = serde_json::json!({ "instruction": question, "input": "", "output": answer });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.jsonl");
        std::fs::write(&path, format!("{line}\n")).unwrap();
        Features::of_all(
            &crate::read::read_all(&[path], &crate::read::ReadOptions::default()).unwrap().records,
        )
    };
    let long = "患者男性六十五岁，反复咳嗽咳痰十年，加重伴气促三天，既往有高血压病史，长期口服氨氯地平，请问目前应当首先考虑什么诊断，需要完善哪些检查";
    let held_out = ask(long, "慢性阻塞性肺疾病急性加重");
    let close = [
        ask(long, "另一个答案"),
        ask(&long.replace('，', " , "), "x"),
        ask(&long.replace("十年", "八年"), "x"),
    ];
    let far = [ask("老年人高血压一般如何治疗？", "x"), ask("咳嗽咳痰怎么办", "x")];
    let records: Vec<_> = close.into_iter().chain(far).flatten().collect();
    let excluded = compare(&records, &held_out);
    assert_eq!(excluded.exclude(&records).exclude, [true, true, true, false, false]);
}

#[test]
fn several_batches_and_a_last_one_of_padding_alone() {
    // 17 x 300 distinct features are 5,100 points: one whole batch, one with features and padding.
    let records: Vec<Option<Features>> = (0..300).map(record).collect();
    assert_eq!((query(&records, 1).features(), query(&records, 1).points()), (5100, 8192));
    // Half of the records say the same: 2,550 features, still 4,096 points.
    let doubled: Vec<Option<Features>> = (0..300).map(|number| record(number / 2)).collect();
    assert_eq!((query(&doubled, 1).features(), query(&doubled, 1).points()), (2550, 4096));
    let excluded = compare(&records, &[record(299)]).exclude(&records);
    assert_eq!(excluded.too_close, 1);
    assert!(excluded.exclude[299]);
}

#[test]
fn a_record_that_was_not_compared_is_left_out() {
    let verdict = compare(&[record(1), record(2)], &[record(2)]);
    let excluded = verdict.exclude(&[record(1), record(7), record(2)]);
    assert_eq!(excluded.exclude, [false, true, true]);
    assert_eq!((excluded.too_close, excluded.not_compared), (1, 1));
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_no_common_point() {
    let records: Vec<Option<Features>> = (0..20).map(record).collect();
    let first = query(&records, 1).blinded(0).unwrap();
    assert_eq!(Query::from_bytes(&query(&records, 1).to_bytes()).unwrap().blinded(0).unwrap(), first);
    let other_seed = query(&records, 2).blinded(0).unwrap();
    // One record more: every blinding factor is another, also those of the features that stayed.
    let other_records = query(&(0..21).map(record).collect::<Vec<_>>(), 1).blinded(0).unwrap();
    let points: std::collections::HashSet<&[u8]> = [&first, &other_seed, &other_records]
        .into_iter()
        .flat_map(|bytes| bytes.chunks(POINT_BYTES))
        .collect();
    assert_eq!(points.len(), 3 * 1024, "no point ever repeats");
}

#[test]
fn points_of_one_feature_look_like_any_others() {
    // Bits of all encodings, over a query in which one text stands a thousand times and one with distinct
    // texts: each bit but the three that an encoding fixes (lowest: sign; two highest: below the field's
    // prime) is even.
    for records in [vec![record(5); 200], (0..60).map(record).collect()] {
        let query = query(&records, 3);
        let bytes = query.blinded(0).unwrap();
        assert_eq!(bytes.len(), 1024 * POINT_BYTES);
        for bit in 1..254 {
            let ones = bytes.chunks(POINT_BYTES).filter(|point| point[bit / 8] >> (bit % 8) & 1 == 1).count();
            // 1,024 coins: sd 16; six of them are passed once in 5e8.
            assert!((512 - 96..=512 + 96).contains(&ones), "bit {bit}: {ones} of 1024");
        }
    }
}

#[test]
fn every_run_has_a_key_of_its_own_and_sets_have_nothing_in_common() {
    let held_out: Vec<Option<Features>> = (0..50).map(record).collect();
    let one = EvaluationKey::from_seed(&[9; 32], b"run-0001").unwrap();
    let two = EvaluationKey::from_seed(&[9; 32], b"run-0002").unwrap();
    assert_ne!(one.public_key(), two.public_key());
    let (one, two) = (one.publish(&held_out).unwrap().to_bytes(), two.publish(&held_out).unwrap().to_bytes());
    let entries =
        |bytes: &[u8]| bytes[20..].chunks(10).map(<[u8]>::to_vec).collect::<std::collections::HashSet<_>>();
    assert_eq!(entries(&one).len(), 50 * 17);
    assert!(entries(&one).is_disjoint(&entries(&two)));
}

#[test]
fn the_padded_count_is_a_power_of_two_within_its_bounds() {
    for (features, points) in [(0, 1024), (1, 1024), (1024, 1024), (1025, 2048), (340_000, 524_288)] {
        assert_eq!(padded(features).unwrap(), points);
        assert!(is_padded(points));
    }
    assert_eq!(padded((1 << 25) + 1), Err(OverlapError::TooMany { features: (1 << 25) + 1 }));
    for wrong in [0, 1, 512, 1025, 1 << 26, u32::MAX] {
        assert!(!is_padded(wrong), "{wrong}");
    }
    assert_eq!(batch_points(1024, 0), Some(1024));
    assert_eq!(batch_points(8192, 4096), Some(4096));
    for (points, first) in [(8192, 8192), (8192, 1), (1024, 4096)] {
        assert_eq!(batch_points(points, first), None);
    }
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?} {:?}", query(&[record(1)], 0xAB), key(0xCD));
    for secret in ["171", "205", "ab", "cd"] {
        assert!(!shown.replace(&format!("{:?}", key(0xCD).public_key()), "").contains(secret), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn the_rule_is_applied_as_if_both_sides_had_met(
        ours in proptest::collection::vec(0_u64..40, 0..30),
        theirs in proptest::collection::vec(0_u64..40, 0..30),
        mixed in proptest::collection::vec((0_u64..40, 0_u64..40, 0_usize..=16), 0..10),
    ) {
        let mut records: Vec<Option<Features>> = ours.iter().map(|number| record(*number)).collect();
        records.extend(mixed.iter().map(|(number, other, bands)| near(*number, *other, *bands)));
        let held_out: Vec<Option<Features>> = theirs.iter().map(|number| record(*number)).collect();
        let known: std::collections::HashSet<[u8; 32]> = held_out.iter().flatten().flat_map(Features::keys).collect();
        let expected: Vec<bool> = records.iter().flatten().map(|record| {
            let bands = record.bands.iter().filter(|band| known.contains(*band)).count();
            known.contains(&record.exact) || bands >= crate::limits::OVERLAP_BAND_HITS_MIN
        }).collect();
        prop_assert_eq!(compare(&records, &held_out).exclude(&records).exclude, expected);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), magic in 0_usize..4) {
        let magic: &[u8] = [b"".as_slice(), b"consilium ovl 1\n", b"consilium ovq 1\n", b"consilium ovv 1\n"][magic];
        let bytes = [magic, &bytes].concat();
        if let Ok(set) = PublishedSet::from_bytes(&bytes) {
            prop_assert_eq!(set.to_bytes(), bytes.clone());
        }
        if let Ok(query) = Query::from_bytes(&bytes) {
            prop_assert!(query.to_bytes().as_slice() == bytes.as_slice());
        }
        if let Ok(verdict) = OverlapResult::from_bytes(&bytes) {
            prop_assert_eq!(verdict.to_bytes(), bytes.clone());
        }
        let _ = Batch::parse(&bytes);
    }
}

/// A point that is valid and nobody's.
pub(super) fn any_point(seed: u8) -> [u8; POINT_BYTES] {
    use sha2::Digest as _;
    let seed: [u8; 32] = Sha256::digest([seed]).into();
    EvaluationKey::from_seed(&seed, b"a point.").unwrap().public_key().to_bytes()
}
