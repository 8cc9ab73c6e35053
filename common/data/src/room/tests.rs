//! The whole way, on files: what is handed out is what the manifest says, and nothing else.

use std::path::Path;

use super::*;
use crate::DataError;
use crate::dedup::{DuplicatePolicy, MatchKind};
use crate::hash::{content_hash, hex, leaf_hash, merkle_root};
use crate::record::Record;
use crate::screen::waiver::{SignedWaiver, Waiver, WaiverTerms, dataset_digest};
use crate::screen::{self, Mode};
use crate::split::{Assignment, Scheme, SchemeChoice, Side, SplitOptions};

fn write(folder: &Path, name: &str, lines: &[String]) -> RoomFile {
    let path = folder.join(name);
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    RoomFile { path, side: None }
}

fn line(question: &str, answer: &str) -> String {
    serde_json::json!({ "instruction": question, "output": answer }).to_string()
}

/// A question unlike all others: 24 characters that follow from the number.
fn unlike(number: u32) -> String {
    (0..24u32)
        .filter_map(|place| {
            char::from_u32(0x4E00 + (number * 131 + place * 977 + place * place * number) % 6000)
        })
        .collect()
}

fn look(files: &[RoomFile], options: &RoomOptions) -> (Inspection, Vec<Record>) {
    let inspection = inspect(files, options, &mut |_| ()).unwrap();
    let mut trained = Vec::new();
    inspection.each_trained(files, options, |record| trained.push(record)).unwrap();
    assert_eq!(trained.len(), inspection.trained());
    (inspection, trained)
}

/// Divided by the number of records.
fn auto() -> RoomOptions {
    let split = SplitOptions { scheme: SchemeChoice::Auto, ..SplitOptions::default() };
    RoomOptions { split, ..RoomOptions::default() }
}

const PHONE: &str = "13812345678";

#[test]
fn every_record_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let question = "我父亲今年六十八岁患高血压十余年一直服用硝苯地平缓释片最近一周早晨起床时头晕";
    let file = write(
        folder.path(),
        "a.jsonl",
        &[
            line(question, "建议监测血压。"),
            line(&format!("{question}。"), "建议监测血压"),
            line(question, "请到医院就诊。"),
            line(&format!("手机{PHONE}，孩子发烧怎么办"), "多喝水。"),
            line("孩子发烧怎么办", ""),
            line("胃痛三天需要做胃镜吗", "可以先做幽门螺杆菌检查。"),
        ],
    );
    let (found, trained) = look(&[file], &auto());
    let outcomes: Vec<RecordOutcome> = found.records.iter().map(|inspected| inspected.outcome).collect();
    assert_eq!(
        outcomes,
        [
            RecordOutcome::Train,
            RecordOutcome::Train,
            RecordOutcome::Train,
            RecordOutcome::Block,
            RecordOutcome::Refuse,
            RecordOutcome::Train
        ]
    );
    assert!(found.records[1].is_dropped && found.records[1].assignment.is_none());
    let like: Vec<_> = found.records.iter().filter_map(|inspected| inspected.duplicate_of).collect();
    assert_eq!((like[0].record, like[0].kind), (0, MatchKind::SameRecord));
    assert_eq!((like[1].record, like[1].kind), (0, MatchKind::SameQuestion));
    assert_eq!(found.scheme, Scheme::LeaveOneOut);
    assert_eq!(found.records[0].assignment, found.records[2].assignment);
    let finding = &found.records[3].findings[0];
    assert_eq!((finding.field.as_str(), finding.end - finding.start), ("instruction", PHONE.len()));
    let counts = &found.manifest.counts;
    assert_eq!((counts.read, counts.blocked, counts.duplicates_dropped, counts.left_out), (6, 1, 1, 0));
    assert_eq!(counts.refused.values().sum::<u64>(), 1);
    assert_eq!(counts.sides[&Side::Train], 3);
    assert_eq!(trained.len(), 3);
    // Nothing of a record is in what is written.
    let written = String::from_utf8(found.manifest.to_bytes().unwrap()).unwrap();
    assert!(!written.contains(PHONE) && !written.contains("硝苯地平") && written.is_ascii());
}

#[test]
fn the_root_is_over_exactly_what_is_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> =
        (0..60).map(|number| line(&unlike(number), &format!("电话{PHONE}，答{number}"))).collect();
    let file = write(folder.path(), "a.jsonl", &lines);
    for mode in [Mode::Report, Mode::Mask] {
        let options = RoomOptions {
            screen: screen::Options { mode, ..screen::Options::default() },
            ..RoomOptions::default()
        };
        let (found, trained) = look(std::slice::from_ref(&file), &options);
        let is_masked = trained.iter().all(|record| !record.messages()[1].1.contains(PHONE));
        assert_eq!(is_masked, mode == Mode::Mask);
        let mut leaves: Vec<[u8; 32]> =
            trained.iter().map(|record| leaf_hash(&[&[0][..], &content_hash(record)].concat())).collect();
        leaves.sort_unstable();
        assert_eq!(found.manifest.root, hex(&merkle_root(&leaves)));
        assert_eq!((found.manifest.records, found.trained()), (60, 60));
    }
    // In block mode nothing is left: an empty tree, and nothing to train on.
    let (found, _) = look(&[file], &RoomOptions::default());
    assert_eq!((found.manifest.records, found.manifest.counts.blocked), (0, 60));
}

#[test]
fn order_of_files_and_threads_change_nothing_in_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..700).map(|number| line(&unlike(number), "答。")).collect();
    let files = [
        write(folder.path(), "a.jsonl", &lines[..300]),
        write(folder.path(), "b.jsonl", &lines[300..500]),
        write(folder.path(), "c.jsonl", &lines[500..]),
    ];
    let options = auto();
    let expected = look(&files, &options).0.manifest;
    assert_eq!(expected.scheme, Scheme::Holdout([70, 15, 15]));
    assert_eq!(expected.counts.sides.values().copied().collect::<Vec<_>>(), [490, 105, 105]);
    let turned: Vec<RoomFile> = files.iter().rev().cloned().collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let again = pool.install(|| look(&turned, &options).0.manifest);
    assert_eq!(again.to_bytes().unwrap(), expected.to_bytes().unwrap());
    assert_eq!(expected.differences(&again), [] as [&str; 0]);
    let mut other = options;
    other.split.scheme = SchemeChoice::None;
    let (all, trained) = look(&files, &other);
    assert_eq!(trained.len(), 700);
    assert!(all.manifest.self_test.passed(), "{:?}", all.manifest.self_test);
    assert_eq!(expected.differences(&all.manifest), ["root", "configuration", "scheme", "counts"]);
}

#[test]
fn what_leaks_into_a_given_test_file_is_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let train = write(
        folder.path(),
        "train.jsonl",
        &[line(&unlike(1), "甲"), line(&unlike(1), "甲"), line(&unlike(2), "乙"), line(&unlike(3), "丙")],
    );
    let mut test = write(folder.path(), "test.jsonl", &[line(&format!("{}吗", unlike(2)), "丁")]);
    test.side = Some(Side::Test);
    let (found, trained) = look(&[train, test], &RoomOptions::default());
    assert_eq!(found.scheme, Scheme::Given);
    let assignment: Vec<Option<Assignment>> =
        found.records.iter().map(|inspected| inspected.assignment).collect();
    let side = |side| Some(Assignment::Side(side));
    assert_eq!(
        assignment,
        [side(Side::Train), None, Some(Assignment::LeftOut), side(Side::Train), side(Side::Test)]
    );
    assert_eq!((trained.len(), found.manifest.counts.left_out, found.manifest.records), (2, 1, 3));
}

#[test]
fn policies_about_duplicates() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(
        folder.path(),
        "a.jsonl",
        &[
            line(&unlike(1), "甲"),
            line(&unlike(1), "甲"),
            line(&format!("{}吗", unlike(1)), "乙"),
            line(&unlike(2), "甲"),
        ],
    );
    for (policy, trained, listed) in [
        (DuplicatePolicy::Ignore, 4, 0),
        (DuplicatePolicy::Keep, 4, 2),
        (DuplicatePolicy::DropCopies, 3, 2),
        (DuplicatePolicy::DropNear, 2, 2),
    ] {
        let options = RoomOptions { duplicates: policy, ..RoomOptions::default() };
        let (found, _) = look(std::slice::from_ref(&file), &options);
        assert_eq!(
            (found.trained(), found.manifest.counts.duplicates.values().sum::<u64>()),
            (trained, listed)
        );
    }
}

#[test]
fn a_file_that_changed_after_the_inspection_is_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "a.jsonl", &[line("头痛怎么办", "休息"), line("咳嗽怎么办", "喝水")]);
    let files = [file];
    let options = RoomOptions::default();
    let (found, _) = look(&files, &options);
    for lines in [
        vec![line("头痛怎么办", "休眠"), line("咳嗽怎么办", "喝水")],
        vec![line("头痛怎么办", "休息")],
        vec![line("头痛怎么办", "休息"), line("咳嗽怎么办", "喝水"), line("发热怎么办", "降温")],
    ] {
        write(folder.path(), "a.jsonl", &lines);
        let error = found.each_trained(&files, &options, |_| ()).unwrap_err();
        assert!(matches!(error, DataError::Changed { .. }), "{error}");
    }
}

/// Made and checked like the officer's, with a signature that is no secret: the real one is tested in
/// `site-agent`.
fn accepting(kinds: &[screen::Kind], records: &[[u8; 32]]) -> screen::waiver::Accepted {
    let terms = WaiverTerms {
        kinds: kinds.iter().copied().collect(),
        findings: [].into(),
        reason: "why",
        issued: "2026-01-01",
        expires: "2026-12-31",
    };
    let waiver = Waiver::new(&dataset_digest(records), terms, &[7; 32]).unwrap();
    let signed = SignedWaiver { waiver, signature: "00".to_owned() };
    signed.verify(&[7; 32], crate::Date { year: 2026, month: 6, day: 1 }, &|_, _| true).unwrap()
}

#[test]
fn a_waiver_lets_its_kinds_pass_for_its_dataset_only() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = line(&format!("手机{PHONE}，孩子发烧怎么办"), "多喝水，注意休息。");
    let file = write(folder.path(), "a.jsonl", &[blocked, line("胃痛三天需要做胃镜吗", "可以先做检查。")]);
    let records = crate::read::read_all(&[&file.path], &crate::read::ReadOptions::default()).unwrap().records;
    let hashes: Vec<[u8; 32]> = records.iter().map(content_hash).collect();
    let files = [file];
    let with = |accepted| RoomOptions {
        screen: screen::Options { accepted, ..screen::Options::default() },
        ..RoomOptions::default()
    };
    let (without, trained) = look(&files, &with(None));
    assert_eq!((without.records[0].outcome, trained.len()), (RecordOutcome::Block, 1));
    let (found, trained) = look(&files, &with(Some(accepting(&[screen::Kind::MobilePhone], &hashes))));
    assert_eq!((found.records[0].outcome, trained.len()), (RecordOutcome::Train, 2));
    assert_eq!(found.records[0].findings.len(), 1, "what was found is still reported");
    assert_ne!(found.manifest.configuration_sha256, without.manifest.configuration_sha256);
    let (other, _) = look(&files, &with(Some(accepting(&[screen::Kind::Date], &hashes))));
    assert_eq!(other.records[0].outcome, RecordOutcome::Block);
    let options = with(Some(accepting(&[screen::Kind::MobilePhone], &hashes[..1])));
    let error = inspect(&files, &options, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("another dataset"), "{error}");
}

#[test]
fn what_does_not_fit_the_model_is_refused_as_it_would_be_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> =
        (0..4).map(|number| line(&format!("{}{PHONE}", unlike(number)), &format!("答{number}"))).collect();
    let file = write(folder.path(), "a.jsonl", &lines);
    // The question is put to the masked record, so no telephone number is in it.
    let fit = Fit::new(|record| {
        assert!(!record.messages()[0].1.contains(PHONE));
        if record.messages()[1].1 == "答2" { Err(crate::Refusal::Template) } else { Ok(()) }
    });
    let screen = screen::Options { mode: Mode::Mask, ..screen::Options::default() };
    let options = RoomOptions { fit, screen, ..RoomOptions::default() };
    let (found, trained) = look(&[file], &options);
    assert_eq!((found.records[2].outcome, trained.len()), (RecordOutcome::Refuse, 3));
    assert_eq!(found.manifest.counts.refused, [(crate::Refusal::Template, 1)].into());
}
