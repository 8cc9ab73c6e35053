//! A log as several processes write it, and what is said of one that was changed.

use std::fs;

use common::clock::Timestamp;
use common::id::{Digest, RunId};
use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::state_folder::StateFolder;
use crate::state_folder::identity::Identity;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn folder() -> (tempfile::TempDir, StateFolder) {
    let root = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(&root.path().join("state"));
    folder.create().unwrap();
    Identity::create(&folder, "test", NOW).unwrap();
    (root, folder)
}

fn anna() -> Who {
    Who::Auditor(Holder { name: "anna".parse().unwrap(), certificate: Digest([5; 32]) })
}

fn pause(acts: &Acts, succeeds: bool) -> crate::error::Result<()> {
    let act = Act::on(Verb::Pause, &"cardiology".parse().unwrap());
    let failure = || Error::UnknownSite("cardiology".into());
    recorded(acts, &Who::Local { uid: 7 }, &act, NOW, || if succeeds { Ok(()) } else { Err(failure()) })
}

fn damage(acts: &Acts) -> String {
    acts.verify(&[], |_| ()).unwrap_err().to_string()
}

#[test]
fn processes_take_turns_and_every_act_has_its_two_lines() {
    let (_root, folder) = folder();
    let (one, two) = (Acts::open(&folder).unwrap(), Acts::open(&folder).unwrap());
    pause(&one, true).unwrap();
    let first = read_head(one.head().unwrap().as_bytes(), &one.verifier().unwrap()).unwrap();
    pause(&two, false).unwrap_err();
    let refused = Act { run: Some(RunId([1; 8])), ..Act::of(Verb::Stop) };
    one.note(&Draft { who: &anna(), act: &refused, step: Step::Refused, of: None }, Timestamp(1)).unwrap();
    two.note(&Draft { who: &Who::here(), act: &Act::of(Verb::Prune), step: Step::Asked, of: None }, NOW)
        .unwrap();
    let mut seen = Vec::new();
    let state = two.verify(&[first], |record| seen.push(record.clone())).unwrap();
    let steps: Vec<_> = seen.iter().map(|record| (record.step, record.of)).collect();
    let expected = [
        (Step::Asked, None),
        (Step::Done, Some(0)),
        (Step::Asked, None),
        (Step::Failed, Some(2)),
        (Step::Refused, None),
        (Step::Asked, None),
    ];
    assert_eq!(steps, expected);
    assert_eq!(state.open().collect::<Vec<_>>(), [5], "it has no result yet");
    assert_eq!((seen[4].time_ms, seen[4].role, seen[4].who.as_str()), (NOW.0, By::Auditor, "anna"));
    let lines = one.lines(4, 9).unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].as_bytes(), seen[4].to_line());
}

#[test]
fn a_log_that_was_changed_is_named_by_its_line_and_takes_nothing_more() {
    let (_root, folder) = folder();
    let acts = Acts::open(&folder).unwrap();
    for _ in 0..3 {
        pause(&acts, true).unwrap();
    }
    let (path, head) = (acts.path(), folder.acts().join("head"));
    let (good, good_head) = (fs::read_to_string(&path).unwrap(), fs::read(&head).unwrap());
    let lines: Vec<&str> = good.lines().collect();
    let with = |edit: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        edit(&mut lines);
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        let fresh = Acts::open(&folder).unwrap();
        let words = damage(&fresh);
        let refused = pause(&fresh, true).unwrap_err();
        assert!(matches!(refused, Error::ActsDamaged(_)) && refused.is_user_error(), "{refused}");
        words
    };
    let other = |line: &str| line.replace("cardiology", "radiology");
    assert!(with(&|lines| lines[2] = other(&lines[2])).contains("line 4 does not follow"));
    assert!(with(&|lines| lines[5] = other(&lines[5])).contains("line 6"), "nothing that was asked");
    assert!(with(&|lines| lines[1] = lines[1].replace("7", "x")).contains("line 2"));
    assert!(with(&|lines| drop(lines.remove(3))).contains("line 4 has the number 4 in place of 3"));
    assert!(with(&|lines| lines.truncate(4)).contains("it has 4 lines, and a head of 6 was signed: line 5"));
    assert!(with(&|lines| lines.swap(1, 2)).contains("line 2 has the number 2"));
    // Chained anew, as whoever has no key can.
    let chained = with(&|lines| {
        let mut state = State::default();
        for (index, line) in lines.iter_mut().enumerate() {
            let mut record: Record = serde_json::from_str(line).unwrap();
            record.previous = state.previous();
            record.time_ms += u64::from(index > 1);
            *line = String::from_utf8(record.to_line()).unwrap();
            state.take(line.as_bytes()).unwrap();
        }
    });
    assert!(chained.contains("lines 1 to 6 are not those that were signed"), "{chained}");
    fs::write(&path, &good).unwrap();
    fs::remove_file(&head).unwrap();
    assert!(damage(&acts).contains("it is missing"));
    fs::write(&head, b"nonsense").unwrap();
    assert!(damage(&acts).contains("head cannot be used"));
    fs::write(&head, &good_head).unwrap();
    // The machine stopped while a line was written: its act was never begun.
    fs::write(&path, format!("{good}{}", &lines[0][..40])).unwrap();
    pause(&Acts::open(&folder).unwrap(), true).unwrap();
    assert_eq!(acts.verify(&[], |_| ()).unwrap().head().size, 8);
    // And between a line and its head.
    fs::write(&head, &good_head).unwrap();
    assert_eq!(Acts::open(&folder).unwrap().verify(&[], |_| ()).unwrap().head().size, 8);
}

#[test]
fn a_damaged_log_is_set_aside_by_a_person_and_the_next_one_says_so() {
    let (_root, folder) = folder();
    let acts = Acts::open(&folder).unwrap();
    pause(&acts, true).unwrap();
    assert!(acts.accept(&Who::here(), NOW).unwrap_err().to_string().contains("intact"));
    let bytes = fs::read(acts.path()).unwrap();
    fs::write(acts.path(), &bytes[1..]).unwrap();
    let serving = Acts::open(&folder).unwrap();
    pause(&serving, true).unwrap_err();
    let aside = acts.accept(&Who::here(), NOW).unwrap();
    assert_eq!(fs::read(aside).unwrap(), &bytes[1..]);
    // A process that had the damaged one goes on with the new one.
    pause(&serving, true).unwrap();
    let mut seen = Vec::new();
    acts.verify(&[], |record| seen.push((record.verb, record.sha256))).unwrap();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0], (Verb::AcceptActs, Some(Digest::of(&bytes[1..]))));
}

#[test]
fn the_last_room_is_for_who_is_there_and_for_revocations() {
    let draft = |who, verb, step, see: &dyn Fn(&Draft<'_>) -> u64| {
        see(&Draft { who, act: &Act::of(verb), step, of: None })
    };
    let room = |who, step| draft(who, Verb::Stop, step, &|draft| log::room(draft));
    let (here, anna) = (Who::here(), anna());
    assert!(room(&anna, Step::Refused) < room(&here, Step::Asked));
    assert_eq!(room(&anna, Step::Done), room(&here, Step::Asked), "what was begun gets its result");
    let urgent = |verb, step| draft(&here, verb, step, &|draft| log::is_urgent(draft).into()) == 1;
    assert!(urgent(Verb::RevokeOperator, Step::Asked) && urgent(Verb::Revoke, Step::Done));
    assert!(!urgent(Verb::Stop, Step::Refused) && !urgent(Verb::Launch, Step::Asked));
}

#[test]
fn heads_and_readings_wait_for_nobody_who_holds_the_log() {
    let (_root, folder) = folder();
    let acts = Acts::open(&folder).unwrap();
    pause(&acts, true).unwrap();
    let held = fs::File::options().write(true).open(folder.acts().join("lock")).unwrap();
    held.lock().unwrap();
    let head = read_head(acts.head().unwrap().as_bytes(), &acts.verifier().unwrap()).unwrap();
    assert_eq!((head.size, acts.lines(0, 9).unwrap().len()), (2, 2));
    held.unlock().unwrap();
    // And whoever reads all of it keeps nobody from writing.
    let mut has_written = false;
    acts.verify(&[], |_| {
        if !std::mem::replace(&mut has_written, true) {
            pause(&Acts::open(&folder).unwrap(), true).unwrap();
        }
    })
    .unwrap();
    assert_eq!(acts.verify(&[], |_| ()).unwrap().head().size, 4);
}

#[test]
fn the_name_of_the_log_is_no_sites_and_its_key_signs_nothing_else_so() {
    let (_root, folder) = folder();
    let acts = Acts::open(&folder).unwrap();
    pause(&acts, true).unwrap();
    let keys = crate::state_folder::identity::receipt_key(&folder).unwrap();
    let name = log_name(&keys.public_key().unwrap());
    assert!(name.starts_with("consilium/") && name.ends_with("/coordinator/acts"), "{name}");
    let note = acts.head().unwrap();
    let other =
        certs::VerifierKey::new("consilium/x/coordinator/acts", *keys.public_key().unwrap().as_bytes());
    assert!(read_head(note.as_bytes(), &other.unwrap()).is_err());
    assert!(keys.sign(note.as_bytes()).is_err(), "no receipt begins like a head");
}

fn record() -> impl Strategy<Value = Record> {
    let verb = prop_oneof![Just(Verb::Launch), Just(Verb::AcceptLedger), Just(Verb::RevokeOperator)];
    let asker = prop_oneof![
        any::<u32>().prop_map(|uid| (By::Local, uid.to_string(), None)),
        ("[a-z]{1,32}", any::<[u8; 32]>()).prop_map(|(name, hash)| (By::Operator, name, Some(Digest(hash)))),
    ];
    let ids = (
        proptest::option::of(any::<[u8; 8]>().prop_map(RunId)),
        proptest::option::of("[a-z]{1,32}".prop_map(|name| name.parse().unwrap())),
        proptest::option::of(any::<[u8; 32]>().prop_map(Digest)),
    );
    (0..u64::MAX, any::<u64>(), asker, verb, ids).prop_map(|(sequence, time_ms, asker, verb, ids)| Record {
        sequence,
        time_ms,
        step: Step::Asked,
        role: asker.0,
        who: asker.1,
        certificate: asker.2,
        verb,
        run: ids.0,
        name: ids.1,
        sha256: ids.2,
        of: None,
        previous: Digest([0; 32]),
    })
}

proptest! {
    #[test]
    fn a_record_has_one_line_of_bounded_length(record in record(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let line = record.to_line();
        prop_assert!(line.len() < crate::limits::ACT_LINE_BYTES_MAX);
        prop_assert_eq!(&serde_json::from_slice::<Record>(&line).unwrap(), &record);
        prop_assert_eq!(record.fault(), None);
        // Whatever one byte is changed to: it is no line, or another record.
        let mut changed = line.clone();
        *at.get_mut(&mut changed) = with;
        if changed != line && let Ok(other) = serde_json::from_slice::<Record>(&changed) {
            prop_assert!(other != record || other.to_line() != changed);
        }
    }

    #[test]
    fn no_bytes_make_the_check_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&mut bytes.as_slice(), State::default(), &[], |_| ()).unwrap();
    }
}
