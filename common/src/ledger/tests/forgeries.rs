//! Broken ledgers by the hundred, each with the name of what was done to it: what the chain shows, and what
//! only the grammar does, because the forger made the chain anew. Used by `agreement`.

use super::super::grammar::{self, shape};
use super::super::{Kind, Record};
use super::{KINDS, chained, file, record};
use crate::limits::{LEDGER_LINE_BYTES_MAX, LEDGER_TIME_MS_MAX};

/// A ledger and what was done to it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// One record of each kind.
pub(super) fn genuine() -> Vec<Record> {
    (0..).zip(KINDS).map(|(number, kind)| record(kind, number, shape(kind).shortest)).collect()
}

/// Everything that both verifiers must refuse.
pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    values(&mut cases);
    relabelled(&mut cases);
    order(&mut cases);
    spelling(&mut cases);
    tails(&mut cases);
    cases
}

/// What an intact ledger may end with: nothing, or a line that a crash cut off.
pub(super) fn intact() -> Vec<Case> {
    let whole = file(&chained(genuine()));
    let with_tail = |torn: usize| Case {
        name: format!("a tail of {torn} bytes"),
        bytes: [whole.clone(), vec![b'x'; torn]].concat(),
    };
    let empty = Case { name: "empty".into(), bytes: Vec::new() };
    [0, 1, 500, LEDGER_LINE_BYTES_MAX].map(with_tail).into_iter().chain([empty]).collect()
}

/// One value of one record is another one; the chain is made anew.
fn values(cases: &mut Vec<Case>) {
    let text = |text: &str| text.to_owned();
    for (at, kind) in KINDS.into_iter().enumerate() {
        let mut forge = |what: &str, change: &dyn Fn(&mut Record)| {
            let mut records = genuine();
            change(&mut records[at]);
            cases.push(Case { name: format!("{kind:?}: {what}"), bytes: file(&chained(records)) });
        };
        forge("peer is a name", &|record| record.peer = text("the coordinator"));
        forge("peer in capitals", &|record| record.peer = record.peer.to_uppercase());
        forge("hash with a digit too few", &|record| record.sha256.truncate(63));
        forge("hash is text", &|record| record.sha256 = "p".repeat(64));
        forge("run given or taken", &|record| {
            record.run = record.run.is_none().then(|| text("0102030405060708"));
        });
        forge("round given or taken", &|record| record.round = record.round.is_none().then_some(1));
        forge("run is text", &|record| record.run = Some(text("run number 00001")));
        forge("time of 2020", &|record| record.time_ms = 1_577_836_800_000);
        forge("time after 9999", &|record| record.time_ms = LEDGER_TIME_MS_MAX + 1);
        forge("longer than its kind", &|record| record.length = shape(kind).longest + 1);
        forge("as long as nothing is", &|record| record.length = u64::MAX);
        if let Some(short) = shape(kind).shortest.checked_sub(1) {
            forge("shorter than its kind", &|record| record.length = short);
        }
        if at > 0 {
            forge("time goes back", &|record| record.time_ms -= 1001);
        }
        forge("number too high", &|record| record.sequence += 1);
        forge("number without end", &|record| record.sequence = u64::MAX);
    }
}

/// A record of one kind is called another one, wherever the grammar can tell them apart.
fn relabelled(cases: &mut Vec<Case>) {
    for (at, from) in KINDS.into_iter().enumerate() {
        for to in KINDS {
            let mut records = genuine();
            // A whole megabyte, as the review's chunks had.
            if from == Kind::Chunk {
                records[at].length = shape(from).longest;
            }
            records[at].kind = to;
            if grammar::verify(&records[at]).is_err() {
                let name = format!("{from:?} called {to:?}");
                cases.push(Case { name, bytes: file(&chained(records)) });
            }
        }
    }
}

/// Lines are removed, exchanged, repeated or changed as they are.
fn order(cases: &mut Vec<Case>) {
    let lines = chained(genuine());
    let mut push = |name: String, lines: &[Vec<u8>]| cases.push(Case { name, bytes: file(lines) });
    for at in 0..lines.len() {
        if at + 1 < lines.len() {
            let mut removed = lines.clone();
            removed.remove(at);
            push(format!("line {at} removed"), &removed);
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            push(format!("line {at} exchanged with the next"), &swapped);
            let mut changed = lines.clone();
            // In `previous`, and so in the chain.
            let digit = changed[at].len() - 10;
            changed[at][digit] = if changed[at][digit] == b'0' { b'1' } else { b'0' };
            push(format!("a digit of line {at} changed"), &changed);
        }
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at].clone());
        push(format!("line {at} twice"), &doubled);
    }
    let half: Vec<Record> = genuine().into_iter().step_by(2).collect();
    push("half of the records, chained anew".into(), &chained(half));
}

/// The last line says the same in another spelling, or says what JSON allows and the grammar does not.
fn spelling(cases: &mut Vec<Case>) {
    let lines = chained(genuine());
    let (last, before) = lines.split_last().unwrap();
    let last = String::from_utf8(last.clone()).unwrap();
    let sequence = format!("{{\"sequence\":{},", KINDS.len() - 1);
    let number = |number: &str| last.replacen(&sequence, &format!("{{\"sequence\":{number},"), 1);
    let round = |text: &str| last.replacen("\"round\":1,", &format!("\"round\":{text},"), 1);
    let kind = |text: &str| last.replacen("\"data\"", text, 1);
    let mut spellings: Vec<String> =
        ["012", "+12", "12.0", "12e0", "-12", "null", "\"12\"", "18446744073709551628"].map(number).into();
    spellings.extend(["01", "-0", "1.0", "\"1\"", "4294967296", "true", "NULL"].map(round));
    spellings.extend(["\"Data\"", "\"d\\u0061ta\"", "\"data2\"", "null", "\"\""].map(kind));
    spellings.extend([
        last.replacen('{', "{ ", 1),
        last.replacen(',', ", ", 1),
        format!(" {last}"),
        format!("{last} "),
        format!("{last}\r"),
        format!("{last}\0"),
        format!("\u{feff}{last}"),
        format!("{last}{last}"),
        format!("{last}\n"),
        format!("\n{last}"),
        format!("{last}{}", " ".repeat(LEDGER_LINE_BYTES_MAX)),
        last.replacen('}', ",\"note\":\"\"}", 1),
        last.replacen('{', "{\"sequence\":12,", 1),
        last.replacen("\"length\":0,", "", 1),
        last.replacen("\"kind\":\"data\",\"length\":0", "\"length\":0,\"kind\":\"data\"", 1),
        last.replacen("\"previous\"", "\"Previous\"", 1),
        last[..last.len() - 1].to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
    ]);
    for (number, spelled) in spellings.into_iter().enumerate() {
        assert_ne!(spelled, last, "spelling {number} changes nothing");
        let mut lines = before.to_vec();
        lines.push(spelled.into_bytes());
        cases.push(Case { name: format!("spelling {number}"), bytes: file(&lines) });
    }
}

/// More behind the last line than a crash leaves, and what is no ledger at all.
fn tails(cases: &mut Vec<Case>) {
    let whole = file(&chained(genuine()));
    for torn in [LEDGER_LINE_BYTES_MAX + 1, 5000, 1 << 20] {
        let bytes = [whole.clone(), vec![b'x'; torn]].concat();
        cases.push(Case { name: format!("a tail of {torn} bytes"), bytes });
    }
    cases.push(Case { name: "text".into(), bytes: b"no ledger\n".to_vec() });
    cases.push(Case { name: "not UTF-8".into(), bytes: [whole, vec![0xff, b'\n']].concat() });
}
