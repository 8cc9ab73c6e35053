//! Ledger and counts of a small, invented history.

use common::id::Digest;
use common::wire::message::LedgerHead;

use super::*;
use crate::gateway::store::memory::Epoch;

fn record(sequence: u64, kind: Kind, length: u64) -> Record {
    let zeros = || Digest([0; 32]).to_string();
    Record {
        sequence,
        time_ms: 1,
        peer: zeros(),
        run: None,
        round: None,
        kind,
        length,
        sha256: zeros(),
        previous: zeros(),
    }
}

fn line(id: i64, first: u64, counted: u64, bytes: u64) -> Line {
    let count = LineCount { datagrams: 10, bytes, calls: 10, received: 10, ..LineCount::default() };
    Line { id, life: 1, opened_ms: 1000, counted_ms: 2000, first, counted, is_over: true, count }
}

fn life(bytes: u64) -> Life {
    let sent = SentCount { datagrams: 22, bytes, calls: 22 };
    Life { id: 1, first: 1, sent, attempts: 2, kernel: Some((100, 125)), ..Life::default() }
}

fn history() -> (Vec<Record>, Meters) {
    let mut records = vec![record(0, Kind::Join, 700)];
    records.extend((1..5).map(|number| record(number, Kind::Poll, 100)));
    records.push(record(5, Kind::Data, 0));
    records.push(record(6, Kind::Chunk, 50_000));
    records.push(record(7, Kind::Poll, 100));
    let lines = vec![line(1, 1, 3, 4_000), line(2, 4, 7, 53_000)];
    (records, Meters { lines, lives: vec![life(57_500)] })
}

#[test]
fn what_agrees_is_summed_and_what_was_not_counted_is_said() {
    let (records, meters) = history();
    let counted = meters.compare(&records, false);
    assert_eq!(counted.faults, Vec::<String>::new());
    assert_eq!(counted.before, Frames { frames: 1, bytes: 700 }, "the request to join");
    assert_eq!(counted.ledger, Frames { frames: 4, bytes: 50_300 });
    assert_eq!(counted.not_counted, Frames { frames: 2, bytes: 200 }, "records 3 and 7");
    assert_eq!((counted.lines, counted.bytes), (2, 57_000));
    assert_eq!(counted.processes.bytes_beside_lines, 500);
    assert_eq!((counted.processes.kernel, counted.processes.by_others), (Some(25), Some(3)));
    assert_eq!(meters.since(2).processes, 0);
    assert_eq!(meters.since(1).sent.bytes, 57_500);
}

#[test]
fn bytes_that_the_ledger_lacks_are_named_with_their_line_and_size() {
    let (mut records, meters) = history();
    records[6].length -= 40_000;
    let counted = meters.compare(&records, false);
    assert_eq!(counted.faults.len(), 1, "{:?}", counted.faults);
    let fault = &counted.faults[0];
    assert!(fault.contains("(from record 4)") && fault.contains("too many"), "{fault}");
    records.truncate(5);
    let faults = meters.compare(&records, false).faults;
    assert!(faults[0].contains("was counted at 7 records, and the ledger has 5"), "{faults:?}");
}

#[test]
fn somebody_else_in_the_namespace_is_a_fault_where_the_agent_should_be_alone() {
    let (records, mut meters) = history();
    let faults = meters.compare(&records, true).faults;
    assert!(faults[0].contains("3 are somebody else's"), "{faults:?}");
    meters.lives[0].kernel = Some((100, 110));
    let faults = meters.compare(&records, false).faults;
    assert!(faults[0].contains("the kernel counted 10 datagrams"), "{faults:?}");
    meters.lives[0].kernel = None;
    let counted = meters.compare(&records, true);
    assert_eq!((counted.faults.len(), counted.processes.kernel), (0, None), "it does not say");
}

#[test]
fn a_process_that_sent_beside_its_connections_is_named() {
    let (records, mut meters) = history();
    meters.lives = vec![life(10 << 20)];
    let faults = meters.compare(&records, false).faults;
    assert!(faults[0].contains("beside its connections"), "{faults:?}");
}

#[test]
fn what_was_counted_before_another_ledger_was_accepted_is_no_fault() {
    let root = tempfile::tempdir().unwrap();
    let mut store = Store::open(&root.path().join("site.db")).unwrap();
    let begin = |store: &mut Store, now_ms| {
        let id = store.begin_life(0, None, now_ms).unwrap();
        let sent = SentCount { datagrams: 900, bytes: 10 << 20, calls: 900 };
        store.count_life(&Life { id, sent, attempts: 1, ..Life::default() }).unwrap();
        store.begin_line(id, 0, now_ms).unwrap();
    };
    begin(&mut store, 1000);
    let head = LedgerHead { size: 0, root: Digest([0; 32]) };
    store.record_epoch(&Epoch { at_ms: 2000, head, set_aside: Vec::new(), signature: None }).unwrap();
    let counted = Meters::read(&store).unwrap().compare(&[], false);
    assert_eq!((counted.faults, counted.processes.count), (Vec::new(), 0));
    begin(&mut store, 3000);
    let counted = Meters::read(&store).unwrap().compare(&[], false);
    assert!(counted.faults[0].contains("beside its connections"), "{:?}", counted.faults);
}
