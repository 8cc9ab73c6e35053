//! The ledger against crashes, tampering and a full disk.

use std::fs;

use common::ledger::verify;
use proptest::prelude::*;

use super::*;

fn frame(number: u64) -> Frame {
    Frame {
        kind: if number.is_multiple_of(2) { Kind::Chunk } else { Kind::Failed },
        run: Some(RunId([1; 8])),
        round: Some(Round(u32::try_from(number).unwrap())),
        length: if number.is_multiple_of(2) { 100 + number } else { 16 + number },
        digest: Digest::of(&number.to_le_bytes()),
    }
}

fn filled(path: &Path, records: u64) -> LedgerWriter {
    let (mut writer, torn) = LedgerWriter::open(path).unwrap();
    assert_eq!(torn, 0);
    for number in 0..records {
        assert_eq!(writer.append(1_000 + number, &Digest::of(b"peer"), &frame(number)).unwrap(), number);
    }
    writer
}

#[test]
fn records_survive_a_restart_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    let head = filled(&path, 5).head();
    let (mut writer, torn) = LedgerWriter::open(&path).unwrap();
    assert_eq!((torn, writer.head()), (0, head));
    assert_eq!(writer.append(9, &Digest::of(b"peer"), &frame(5)).unwrap(), 5);
    let mut lengths = Vec::new();
    let summary = verify(fs::read(&path).unwrap().as_slice(), |record| lengths.push(record.length)).unwrap();
    assert_eq!(summary.records, 6);
    assert_eq!(summary.bytes, lengths.iter().sum::<u64>());
    assert_eq!(summary.root, writer.head().root);
}

#[test]
fn a_torn_last_line_is_cut_off_at_every_possible_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    drop(filled(&path, 3));
    let whole = fs::read(&path).unwrap();
    let last_line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in last_line + 1..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let (mut writer, torn) = LedgerWriter::open(&path).unwrap();
        assert_eq!(torn, (end - last_line) as u64);
        assert_eq!(writer.append(1_002, &Digest::of(b"peer"), &frame(2)).unwrap(), 2);
        assert_eq!(fs::read(&path).unwrap(), whole, "the same record again, byte for byte");
    }
}

/// A clock that goes back, or says 1970, neither stops the site nor writes a ledger that nobody accepts.
#[test]
fn times_never_go_back_whatever_the_clock_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    let (mut writer, _) = LedgerWriter::open(&path).unwrap();
    let at = LEDGER_TIME_MS_MIN + 5_000;
    for (number, time_ms) in (0..).zip([7, at, at - 1, 0, at + 1, u64::MAX, at]) {
        writer.append(time_ms, &Digest::of(b"peer"), &frame(number)).unwrap();
    }
    drop(writer);
    let mut times = Vec::new();
    verify(fs::read(&path).unwrap().as_slice(), |record| times.push(record.time_ms)).unwrap();
    let end = LEDGER_TIME_MS_MAX;
    assert_eq!(times, [LEDGER_TIME_MS_MIN, at, at, at, at + 1, end, end]);
    assert!(LedgerWriter::open(&path).is_ok());
}

/// The ledger's times stay ahead for as long as the clock was; the bytes of a day do not.
#[test]
fn a_clock_that_ran_ahead_holds_no_bytes_for_longer_than_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    let (mut writer, _) = LedgerWriter::open(&path).unwrap();
    let (now, day) = (LEDGER_TIME_MS_MIN + 5_000, 24 * 3_600_000);
    for (number, time_ms) in [(0, now), (2, now + 90 * day), (4, now)] {
        writer.append(time_ms, &Digest::of(b"peer"), &frame(number)).unwrap();
    }
    let a_day_from = |writer: &mut LedgerWriter, begin: u64| {
        (0..=25).fold(0, |_, hour| writer.update_bytes_of_a_day(begin + hour * 3_600_000))
    };
    assert_eq!(writer.update_bytes_of_a_day(now), 100 + 102 + 104, "a jump makes nothing old");
    assert_eq!(a_day_from(&mut writer, now), 0);
    // The ledger alone says no more than that they left after the jump: a day from the start of the process.
    drop(writer);
    let (mut writer, _) = LedgerWriter::open(&path).unwrap();
    assert_eq!(writer.update_bytes_of_a_day(now + 2 * day), 102 + 104);
    assert_eq!(a_day_from(&mut writer, now + 2 * day), 0);
}

#[test]
fn a_tail_that_no_crash_leaves_is_not_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    drop(filled(&path, 2));
    let whole = fs::read(&path).unwrap();
    let with = |tail: &[u8]| fs::write(&path, [whole.as_slice(), tail].concat()).unwrap();
    with(&[b'x'; 1025]);
    assert!(matches!(LedgerWriter::open(&path), Err(SiteError::Ledger { .. })));
    with(&[b'x'; 1024]);
    assert_eq!(LedgerWriter::open(&path).unwrap().1, 1024);
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn a_ledger_in_use_is_not_opened_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    let _writer = filled(&path, 1);
    assert!(matches!(LedgerWriter::open(&path), Err(SiteError::AlreadyRunning { .. })));
}

#[test]
fn the_lock_goes_with_the_writer_though_a_child_has_the_file_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    let writer = filled(&path, 1);
    // What a fork does: a second descriptor of the same open file.
    let inherited = writer.file.try_clone().unwrap();
    drop(writer);
    assert_eq!(LedgerWriter::open(&path).unwrap().0.next_sequence(), 1);
    drop(inherited);
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_numbered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    let mut writer = filled(&path, 2);
    // /dev/full takes no byte; and it cannot be cut to length, so the writer must refuse from then on.
    writer.fill_disk();
    assert!(matches!(writer.append(1, &Digest::of(b"peer"), &frame(2)), Err(SiteError::Io { .. })));
    assert_eq!(writer.next_sequence(), 2);
    assert!(matches!(writer.append(1, &Digest::of(b"peer"), &frame(2)), Err(SiteError::Ledger { .. })));
}

#[test]
fn removed_swapped_and_repeated_lines_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    drop(filled(&path, 4));
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for order in [&[0, 1, 3][..], &[0, 2, 1, 3], &[0, 1, 1, 2, 3], &[1, 2, 3]] {
        let forged: String = order.iter().flat_map(|index| [lines[*index], "\n"]).collect();
        fs::write(&path, forged).unwrap();
        assert!(matches!(LedgerWriter::open(&path), Err(SiteError::Ledger { .. })), "{order:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_changed_byte_is_found_or_changes_the_root(position in 0.0_f64..1.0, mask in 1_u8..=255) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.log");
        let root = filled(&path, 4).head().root;
        let mut bytes = fs::read(&path).unwrap();
        let index = (position * bytes.len() as f64) as usize;
        bytes[index] ^= mask;
        // In all lines but the last the chain finds it; in the last the root differs from the one the
        // coordinator has seen, or the line is not a record any more.
        if let Ok(summary) = verify(bytes.as_slice(), |_| ()) {
            prop_assert_ne!(summary.root, root);
        }
    }
}

#[test]
fn a_runs_data_is_noted_once_and_again_when_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    let note = |run, round, digest| Note {
        kind: Kind::Data,
        run: Some(RunId([run; 8])),
        round: Some(Round(round)),
        digest,
    };
    let (peer, first, second) = (Digest::of(b"peer"), Digest([1; 32]), Digest([2; 32]));
    let (mut writer, _) = LedgerWriter::open(&path).unwrap();
    assert!(writer.note_change(1, &peer, &note(1, 1, first)).unwrap());
    assert!(!writer.note_change(2, &peer, &note(1, 2, first)).unwrap());
    assert!(writer.note_change(3, &peer, &note(2, 1, first)).unwrap());
    drop(writer);
    let (mut writer, _) = LedgerWriter::open(&path).unwrap();
    assert!(!writer.note_change(4, &peer, &note(1, 3, first)).unwrap());
    assert!(writer.note_change(5, &peer, &note(1, 3, second)).unwrap());
    assert!(writer.note_change(6, &peer, &note(1, 4, first)).unwrap());
    let mut notes = Vec::new();
    let summary = verify(fs::read(&path).unwrap().as_slice(), |record| {
        notes.push((record.run.clone().unwrap_or_default(), record.round, record.sha256.clone()));
    })
    .unwrap();
    assert_eq!((summary.records, summary.bytes), (4, 0));
    let note = |run, round, root: Digest| (RunId([run; 8]).to_string(), Some(round), root.to_string());
    assert_eq!(notes, [note(1, 1, first), note(2, 1, first), note(1, 3, second), note(1, 4, first)]);
}

#[test]
fn it_proves_that_it_was_only_extended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    let mut writer = filled(&path, 3);
    let old = writer.head();
    for number in 3..8 {
        writer.append(1, &Digest::of(b"peer"), &frame(number)).unwrap();
        assert!(ledger::extends(&old, &writer.head(), &writer.prove(3).unwrap()), "{number}");
    }
    assert!(writer.prove(8).unwrap().is_empty());
    let other = LedgerHead { root: Digest([1; 32]), ..old };
    assert!(!ledger::extends(&other, &writer.head(), &writer.prove(3).unwrap()));
    // The position in the file is not the writer's.
    writer.append(1, &Digest::of(b"peer"), &frame(8)).unwrap();
    drop(writer);
    assert_eq!(LedgerWriter::open(&path).unwrap().0.next_sequence(), 9);
}
