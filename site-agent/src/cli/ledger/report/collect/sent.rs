//! What left, by run, round and kind, from the ledger's records alone. Used by `collect`. Pure. Invariants:
//! a note is no frame; the sums of the shown and of the others make the ledger's.

use std::collections::BTreeMap;

use common::ledger::{Kind, Record};

use crate::cli::ledger::report::facts::{Newest, OfKind, Peer, RoundOfRun, Sum};
use crate::cli::table;

/// Sums by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct ByKind(BTreeMap<Kind, Sum>);

impl ByKind {
    fn add(&mut self, record: &Record) {
        add(self.0.entry(record.kind).or_default(), record);
    }

    pub(super) fn rows(&self) -> Vec<OfKind> {
        let row =
            |(kind, sum): (&Kind, &Sum)| OfKind { kind: kind.word(), frames: sum.frames, bytes: sum.bytes };
        self.0.iter().map(row).collect()
    }

    pub(super) fn sum(&self) -> Sum {
        self.0.values().fold(Sum::default(), |sum, one| Sum {
            frames: sum.frames + one.frames,
            bytes: sum.bytes.saturating_add(one.bytes),
        })
    }

    pub(super) fn update_bytes(&self) -> u64 {
        self.0.get(&Kind::Chunk).map_or(0, |sum| sum.bytes)
    }
}

fn add(sum: &mut Sum, record: &Record) {
    sum.frames += 1;
    sum.bytes = sum.bytes.saturating_add(record.length);
}

/// What left in one run.
#[derive(Clone, Debug, Default)]
pub(super) struct OfRun {
    pub(super) all: ByKind,
    rounds: BTreeMap<Option<u32>, ByKind>,
    /// When the ledger first names it, in a note or in a frame.
    pub(super) named_ms: u64,
    pub(super) first_ms: Option<u64>,
    pub(super) last_ms: Option<u64>,
}

impl OfRun {
    /// The newest rounds with their frames.
    pub(super) fn rounds(&self, most: usize) -> Newest<RoundOfRun> {
        let row = |(round, kinds): (&Option<u32>, &ByKind)| RoundOfRun {
            round: *round,
            kinds: kinds.rows(),
            update: None,
        };
        Newest::last_of(self.rounds.iter().map(row).collect(), most)
    }

    fn add(&mut self, record: &Record) {
        self.all.add(record);
        self.rounds.entry(record.round).or_default().add(record);
        self.first_ms.get_or_insert(record.time_ms);
        self.last_ms = Some(record.time_ms);
    }
}

/// Everything that left.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub(super) all: ByKind,
    pub(super) beside: ByKind,
    runs: BTreeMap<String, OfRun>,
    /// Runs in the order in which the ledger first names them, notes included.
    order: Vec<String>,
    peers: BTreeMap<String, Sum>,
}

impl Sent {
    pub(super) fn of(records: &[Record]) -> Self {
        let mut sent = Self::default();
        for record in records {
            if let Some(run) = &record.run
                && !sent.runs.contains_key(run)
            {
                let named_ms = record.time_ms;
                sent.runs.insert(run.clone(), OfRun { named_ms, ..OfRun::default() });
                sent.order.push(run.clone());
            }
            if record.is_note() {
                continue;
            }
            sent.all.add(record);
            add(sent.peers.entry(record.peer.clone()).or_default(), record);
            match record.run.as_ref().and_then(|run| sent.runs.get_mut(run)) {
                Some(run) => run.add(record),
                None => sent.beside.add(record),
            }
        }
        sent
    }

    /// Every run that the ledger names, the oldest first.
    pub(super) fn order(&self) -> &[String] {
        &self.order
    }

    pub(super) fn of_run(&self, run: &str) -> OfRun {
        self.runs.get(run).cloned().unwrap_or_default()
    }

    pub(super) fn peers(&self) -> Vec<Peer> {
        let peer = |(authority, sum): (&String, &Sum)| Peer {
            authority: authority.clone(),
            frames: sum.frames,
            bytes: sum.bytes,
        };
        self.peers.iter().map(peer).collect()
    }
}

/// First and last time of a run.
pub(super) fn times(run: &OfRun) -> [Option<String>; 2] {
    [run.first_ms, run.last_ms].map(|time| time.map(table::utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: Option<&str>, round: Option<u32>, kind: Kind, length: u64) -> Record {
        Record {
            sequence: 0,
            time_ms: 1_800_000_000_000,
            peer: "p".into(),
            run: run.map(str::to_owned),
            round,
            kind,
            length,
            sha256: String::new(),
            previous: String::new(),
        }
    }

    #[test]
    fn sums_are_of_run_round_and_kind_and_notes_are_no_frames() {
        let records = [
            record(None, None, Kind::Join, 300),
            record(Some("b"), None, Kind::Approval, 0),
            record(Some("b"), None, Kind::Decide, 50),
            record(Some("b"), Some(1), Kind::Data, 0),
            record(Some("b"), Some(1), Kind::Chunk, 5_000),
            record(Some("b"), Some(1), Kind::Chunk, 6_000),
            record(Some("b"), Some(2), Kind::Chunk, 7_000),
            record(Some("a"), None, Kind::Refusal, 0),
            record(None, None, Kind::Poll, 9),
        ];
        let sent = Sent::of(&records);
        assert_eq!(sent.order(), ["b", "a"]);
        assert_eq!(sent.all.sum(), Sum { frames: 6, bytes: 18_359 });
        assert_eq!(sent.beside.sum(), Sum { frames: 2, bytes: 309 });
        let run = sent.of_run("b");
        assert_eq!((run.all.sum().frames, run.all.update_bytes()), (4, 18_000));
        let rounds = run.rounds(2);
        assert_eq!(rounds.left_out, 1);
        let chunks = |frames, bytes| vec![OfKind { kind: "chunk", frames, bytes }];
        let shown: Vec<_> = rounds.shown.into_iter().map(|row| (row.round, row.kinds)).collect();
        assert_eq!(shown, [(Some(1), chunks(2, 11_000)), (Some(2), chunks(1, 7_000))]);
        assert_eq!(sent.of_run("a").all.sum(), Sum::default());
        assert_eq!(sent.peers().len(), 1);
    }
}
