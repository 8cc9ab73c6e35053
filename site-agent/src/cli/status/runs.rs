//! What left this site, run by run, from the ledger. Used by `cli::status`. Invariant: a run's numbers are of
//! that run alone; together with what belongs to no run they make the ledger's totals.

use std::collections::BTreeMap;

use common::ledger::{Kind, Record};
use serde_json::{Value, json};

use super::super::table;
use crate::gateway::store::Update;

/// Runs that the table shows, the newest; JSON has all.
const SHOWN: usize = 5;

/// What left in one run, or in none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    /// Of the bytes: of adapter updates.
    pub(super) update_bytes: u64,
    first_ms: u64,
    last_ms: u64,
}

impl Sent {
    fn add(&mut self, record: &Record) {
        if self.frames == 0 {
            self.first_ms = record.time_ms;
        }
        self.last_ms = record.time_ms;
        self.frames += 1;
        self.bytes += record.length;
        if record.kind == Kind::Chunk {
            self.update_bytes += record.length;
        }
    }
}

/// The ledger's frames by run, in the order in which the runs began here, and what belongs to no run.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) runs: Vec<(String, Sent)>,
    pub(super) beside: Sent,
}

impl Runs {
    pub(super) fn of(records: &[Record]) -> Self {
        let mut found = Self::default();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        // A note of data is no frame: nothing left with it.
        for record in records.iter().filter(|record| !record.is_note()) {
            let sent = match record.run.as_deref() {
                None => &mut found.beside,
                Some(run) => {
                    let place = *places.entry(run).or_insert(found.runs.len());
                    if place == found.runs.len() {
                        found.runs.push((run.to_owned(), Sent::default()));
                    }
                    &mut found.runs[place].1
                }
            };
            sent.add(record);
        }
        found
    }

    /// A table of the newest runs, and a line of what belongs to none.
    pub(super) fn render(&self, updates: &[Update]) -> String {
        let head = ["run", "rounds", "frames", "bytes", "of these, updates", "last sent"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for (run, sent) in self.runs.iter().rev().take(SHOWN) {
            rows.push(row(run, &rounds(updates, run).to_string(), sent));
        }
        if self.runs.len() > SHOWN {
            let mut earlier = Sent::default();
            for (_, sent) in &self.runs[..self.runs.len() - SHOWN] {
                earlier.frames += sent.frames;
                earlier.bytes += sent.bytes;
                earlier.update_bytes += sent.update_bytes;
                earlier.last_ms = earlier.last_ms.max(sent.last_ms);
            }
            rows.push(row(&format!("{} earlier runs", self.runs.len() - SHOWN), "", &earlier));
        }
        rows.push(row("beside runs", "", &self.beside));
        table::render(&rows)
    }

    pub(super) fn as_json(&self, updates: &[Update]) -> Value {
        let run = |(run, sent): &(String, Sent)| {
            json!({
                "run": run,
                "rounds_done": rounds(updates, run),
                "frames": sent.frames,
                "bytes": sent.bytes,
                "update_bytes": sent.update_bytes,
                "first_sent": table::utc(sent.first_ms),
                "last_sent": table::utc(sent.last_ms),
            })
        };
        self.runs.iter().map(run).collect()
    }
}

fn row(name: &str, rounds: &str, sent: &Sent) -> Vec<String> {
    let last = if sent.frames == 0 { "-".to_owned() } else { table::utc(sent.last_ms) };
    vec![
        name.to_owned(),
        rounds.to_owned(),
        sent.frames.to_string(),
        sent.bytes.to_string(),
        sent.update_bytes.to_string(),
        last,
    ]
}

/// Rounds of a run that the coordinator acknowledged.
fn rounds(updates: &[Update], run: &str) -> usize {
    updates.iter().filter(|update| update.receipt.is_some() && update.key.run.to_string() == run).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: Option<&str>, kind: Kind, length: u64, time_ms: u64) -> Record {
        Record {
            sequence: 0,
            time_ms,
            peer: String::new(),
            run: run.map(str::to_owned),
            round: None,
            kind,
            length,
            sha256: String::new(),
            previous: String::new(),
        }
    }

    #[test]
    fn a_runs_bytes_are_its_own_and_all_make_the_total() {
        let records = [
            record(None, Kind::Join, 100, 1_000),
            record(Some("b"), Kind::Chunk, 5_000, 2_000),
            record(Some("b"), Kind::Data, 0, 2_500),
            record(Some("a"), Kind::Chunk, 7_000, 3_000),
            record(Some("b"), Kind::Commit, 60, 4_000),
            record(None, Kind::Hello, 50, 5_000),
        ];
        let found = Runs::of(&records);
        let bytes: Vec<_> =
            found.runs.iter().map(|(run, sent)| (run.as_str(), sent.bytes, sent.update_bytes)).collect();
        assert_eq!(bytes, [("b", 5_060, 5_000), ("a", 7_000, 7_000)]);
        assert_eq!((found.beside.frames, found.beside.bytes), (2, 150));
        let text = found.render(&[]);
        assert!(text.contains("b            0       2       5060"), "{text}");
        assert!(text.contains("1970-01-01T00:00:04Z"), "{text}");
        assert_eq!(found.as_json(&[])[1]["bytes"], 7_000);
    }

    #[test]
    fn many_runs_are_summed_up() {
        let names: Vec<String> = (0..20).map(|run| format!("{run:016x}")).collect();
        let records: Vec<Record> = names
            .iter()
            .map(|run| record(Some(run), Kind::Chunk, 1_000_000_000, 1_700_000_000_000))
            .collect();
        let text = Runs::of(&records).render(&[]);
        assert!(text.contains("15 earlier runs") && text.contains("15000000000"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        assert_eq!(text.lines().count(), 1 + SHOWN + 2);
    }
}
