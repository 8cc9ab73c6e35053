//! The file's one spelling, and each way in which a ledger and what arrived may not agree.

use super::super::tests::record;
use super::*;

fn site() -> SiteId {
    "cardiology".parse().unwrap()
}

fn arrived(record: &Record) -> Arrived {
    Arrived {
        sequence: record.sequence,
        kind: record.kind,
        length: record.length,
        sha256: record.sha256.parse().unwrap(),
    }
}

/// A note and five frames.
fn ledger() -> Vec<Record> {
    let kinds = [Kind::Join, Kind::Hello, Kind::Data, Kind::Ready, Kind::Chunk, Kind::Poll, Kind::Poll];
    let of = |(sequence, kind): (usize, &Kind)| {
        record(*kind, sequence as u64, if kind.is_note() { 0 } else { 50 + sequence as u64 })
    };
    kinds.iter().enumerate().map(of).collect()
}

fn head(records: &[Record]) -> LedgerHead {
    let mut tree = Tree::default();
    records.iter().for_each(|record| tree.append(&record.to_line().unwrap()));
    LedgerHead { size: tree.size(), root: tree.root() }
}

fn arrivals(records: &[Record], frames: &[usize]) -> Arrivals {
    let frames: Vec<Arrived> = frames.iter().map(|index| arrived(&records[*index])).collect();
    let heading = Heading {
        site: site(),
        receipt_key: Digest([5; 32]),
        at_ms: 1_800_000_000_000,
        taken: Some(head(&records[..5])),
        frames: frames.len() as u64,
    };
    Arrivals { heading, frames, statement: Vec::new(), signature: [7; 64] }
}

fn written(arrivals: &Arrivals) -> (Vec<u8>, Vec<u8>) {
    let mut writer = ArrivalsWriter::begin(Vec::new(), &arrivals.heading).unwrap();
    arrivals.frames.iter().for_each(|frame| writer.frame(frame).unwrap());
    let statement = writer.statement();
    (writer.finish(&arrivals.signature).unwrap(), statement)
}

#[test]
fn a_file_reads_back_and_every_other_spelling_is_refused_or_signs_something_else() {
    let ledger = ledger();
    let made = arrivals(&ledger, &[1, 3, 4, 5]);
    let (bytes, statement) = written(&made);
    let read = Arrivals::read(bytes.as_slice()).unwrap();
    assert_eq!((&read.heading, &read.frames, read.signature), (&made.heading, &made.frames, made.signature));
    assert_eq!(read.statement, statement);
    assert!(statement.starts_with(ARRIVALS_CONTEXT) && statement.len() == ARRIVALS_CONTEXT.len() + 32);
    for index in 0..bytes.len() {
        for bit in [1, 0x20] {
            let mut odd = bytes.clone();
            odd[index] ^= bit;
            let is_seen = match Arrivals::read(odd.as_slice()) {
                Err(_) => true,
                Ok(odd) => odd.statement != statement || odd.signature != made.signature,
            };
            assert!(is_seen, "byte {index}");
        }
        assert!(Arrivals::read(&bytes[..index]).is_err(), "cut after {index}");
    }
    let more = [&bytes[..], b"\n"].concat();
    assert!(matches!(Arrivals::read(more.as_slice()), Err(ArrivalsError::Malformed { line: 7 })));
    let endless = [&b"{"[..], &vec![b' '; 2 * ARRIVALS_LINE_BYTES_MAX]].concat();
    assert!(matches!(Arrivals::read(endless.as_slice()), Err(ArrivalsError::Malformed { line: 1 })));
    let many = Heading { frames: ARRIVALS_MAX + 1, ..made.heading };
    let many = [serde_json::to_vec(&many).unwrap(), b"\n".to_vec()].concat();
    assert!(matches!(Arrivals::read(many.as_slice()), Err(ArrivalsError::TooMany)));
}

#[test]
fn what_was_lost_on_the_way_is_no_fault_and_what_the_ledger_lacks_is_one() {
    let ledger = ledger();
    let good = reconcile(&ledger, &arrivals(&ledger, &[1, 3, 5]));
    assert_eq!(good.faults, []);
    assert_eq!(good.same, KindTotal { frames: 3, bytes: 51 + 53 + 55 });
    let chunk = KindTotal { frames: 1, bytes: 54 };
    assert_eq!(good.not_arrived, BTreeMap::from([(Kind::Chunk, chunk)]));
    assert_eq!(good.outside, 1, "the newest poll");

    // A ledger that was cut, and one from which a line was taken (and the rest numbered anew).
    let cut = reconcile(&ledger[..4], &arrivals(&ledger, &[1, 3, 4, 5]));
    let extra = |index: usize| Fault::Extra(arrived(&ledger[index]));
    assert_eq!(cut.faults, [extra(4), extra(5), Fault::OtherLedger { size: 5 }]);
    let mut hidden: Vec<Record> = ledger.clone();
    hidden.remove(4);
    hidden.iter_mut().enumerate().for_each(|(index, record)| record.sequence = index as u64);
    let found = reconcile(&hidden, &arrivals(&ledger, &[1, 3, 4, 5]));
    let altered = |index: usize| Fault::Altered(arrived(&ledger[index]));
    assert_eq!(found.faults, [altered(4), altered(5), Fault::OtherLedger { size: 5 }]);

    // A length, a hash or a kind that is not the record's; a note that nobody can have received; a number
    // twice.
    for change in [
        |frame: &mut Arrived| frame.length += 1,
        |frame: &mut Arrived| frame.sha256 = Digest([0; 32]),
        |frame: &mut Arrived| frame.kind = Kind::Fetch,
    ] {
        let mut odd = arrivals(&ledger, &[1, 3, 5]);
        change(&mut odd.frames[1]);
        assert_eq!(reconcile(&ledger, &odd).faults, [Fault::Altered(odd.frames[1])]);
    }
    assert_eq!(reconcile(&ledger, &arrivals(&ledger, &[1, 2, 3])).faults, [altered(2)]);
    let twice = arrivals(&ledger, &[1, 3, 3]);
    assert_eq!(reconcile(&ledger, &twice).faults, [Fault::Twice(arrived(&ledger[3]))]);
    let nothing = reconcile(&ledger, &arrivals(&ledger, &[]));
    assert_eq!((nothing.faults.len(), nothing.outside, nothing.same.frames), (0, 5, 0));
}
