//! The ledger beside what the gateway counted on the wire: line by line, process by process. Used by
//! `reconcile --wire` and by the officer's report. Invariants: what was not counted is said and not guessed;
//! a disagreement is named with its size.

mod firewall;

use common::counts::{LineCount, Payload, SentCount, bytes_at_most, compare_line, compare_process};
use common::ledger::{Kind, Record};
use common::limits::TRANSFERS_IN_FLIGHT_MAX;
use serde::Serialize;

use crate::cli::table;
use crate::error::SiteError;
use crate::gateway::store::Store;
use crate::gateway::store::lines::{Life, Line};
use crate::limits::FAULTS_SHOWN_MAX;

pub(super) use self::firewall::{Firewall, read_counters};

/// Frames and bytes of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Frames {
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

/// What was counted, and how far it agrees.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Counted {
    /// Connections that were counted.
    pub(super) lines: u64,
    /// Of these, ended by a crash or a stop: counted until the last frame that was answered.
    pub(super) lines_cut_short: u64,
    /// By the ledger, on these connections.
    pub(super) ledger: Frames,
    /// The largest share of it that the transport may have sent.
    pub(super) bytes_at_most: u64,
    /// By the transport.
    pub(super) datagrams: u64,
    pub(super) bytes: u64,
    pub(super) lost_bytes: u64,
    /// In the ledger, behind the last count of its connection.
    pub(super) not_counted: Frames,
    /// In the ledger, before the first connection that was counted.
    pub(super) before: Frames,
    pub(super) processes: Processes,
    /// What disagrees.
    pub(super) faults: Vec<String>,
    /// And how many there are besides.
    pub(super) faults_left_out: u64,
}

/// What processes handed to the kernel, and what it says.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Processes {
    pub(super) count: u64,
    /// To connect.
    pub(super) attempts: u64,
    pub(super) datagrams: u64,
    pub(super) bytes: u64,
    pub(super) calls: u64,
    /// Handshakes that came to nothing, and farewells.
    pub(super) bytes_beside_lines: u64,
    /// Datagrams (calls) that the network namespace sent while these processes were counted, all programs
    /// together; none where the kernel did not say.
    pub(super) kernel: Option<u64>,
    /// Of these, not by these processes: names that were looked up, and other programs.
    pub(super) by_others: Option<u64>,
}

/// What is compared with the kernel's rules, from a record on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Since {
    pub(super) sent: SentCount,
    pub(super) processes: u64,
    pub(super) padded: u64,
}

/// Everything that was counted.
pub(super) struct Meters {
    lines: Vec<Line>,
    lives: Vec<Life>,
}

impl Meters {
    /// Read before the ledger: a running agent adds a record first.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn read(store: &Store) -> Result<Self, SiteError> {
        // The numbers of records before an accepted ledger are those of another one.
        let begun_ms = store.epochs()?.last().map_or(0, |epoch| epoch.at_ms);
        let (mut lines, mut lives) = (store.lines()?, store.lives()?);
        // A process without its connections would seem to have sent beside them: those whose connections are
        // forgotten already, and those of before.
        if let Some(first) = lines.first().filter(|line| line.id > 1) {
            lives.retain(|life| life.id > first.life);
        }
        lines.retain(|line| line.opened_ms >= begun_ms);
        lives.retain(|life| life.began_ms >= begun_ms);
        Ok(Self { lines, lives })
    }

    /// Beside the records of an intact ledger.
    pub(super) fn compare(&self, records: &[Record], is_alone: bool) -> Counted {
        let mut counted = Counted::default();
        let end = records.len() as u64;
        let first = self.lines.first().map_or(end, |line| line.first);
        counted.before = frames(payload(records, 0, first));
        for (at, line) in self.lines.iter().enumerate() {
            let next = self.lines.get(at + 1);
            counted.line(records, line, next.map_or(end, |next| next.first));
            let is_newest = next.is_none();
            counted.lines_cut_short += u64::from(!line.is_over && !is_newest);
        }
        for life in &self.lives {
            counted.life(life, &self.lines, is_alone);
        }
        counted
    }

    /// What the processes sent that began at this record or later.
    pub(super) fn since(&self, record: u64) -> Since {
        let mut since = Since::default();
        for life in self.lives.iter().filter(|life| life.first >= record) {
            since.processes += 1;
            since.sent = plus(since.sent, life.sent);
            let lines = self.lines.iter().filter(|line| line.life == life.id);
            since.padded += lines.map(|line| line.count.padded).sum::<u64>();
        }
        since
    }
}

impl Counted {
    fn line(&mut self, records: &[Record], line: &Line, next: u64) {
        let LineCount { datagrams, bytes, lost_bytes, .. } = line.count;
        let on_it = payload(records, line.first, line.counted);
        let open_ms = line.counted_ms.saturating_sub(line.opened_ms);
        let behind = frames(payload(records, line.counted, next));
        self.lines += 1;
        add(&mut self.ledger, frames(on_it));
        add(&mut self.not_counted, behind);
        self.bytes_at_most = self.bytes_at_most.saturating_add(bytes_at_most(&on_it, &line.count));
        self.datagrams = self.datagrams.saturating_add(datagrams);
        self.bytes = self.bytes.saturating_add(bytes);
        self.lost_bytes = self.lost_bytes.saturating_add(lost_bytes);
        let of = format!("the connection of {} (from record {})", table::utc(line.opened_ms), line.first);
        if line.counted > records.len() as u64 {
            let has = records.len();
            self.fault(format!("{of} was counted at {} records, and the ledger has {has}", line.counted));
        }
        if let Some(disagreement) = compare_line(&on_it, &line.count, open_ms) {
            self.fault(format!("{of}: {disagreement}"));
        }
    }

    fn life(&mut self, life: &Life, lines: &[Line], is_alone: bool) {
        let own = lines.iter().filter(|line| line.life == life.id);
        let (mut count, mut bytes, mut padded) = (0, 0_u64, 0_u64);
        for line in own {
            count += 1;
            bytes = bytes.saturating_add(line.count.bytes);
            padded = padded.saturating_add(line.count.padded);
        }
        let all = &mut self.processes;
        all.count += 1;
        all.attempts = all.attempts.saturating_add(life.attempts);
        all.datagrams = all.datagrams.saturating_add(life.sent.datagrams);
        all.bytes = all.bytes.saturating_add(life.sent.bytes);
        all.calls = all.calls.saturating_add(life.sent.calls);
        all.bytes_beside_lines = all.bytes_beside_lines.saturating_add(life.sent.bytes.saturating_sub(bytes));
        let of = format!("the process that began at {}", table::utc(life.began_ms));
        if let Some(disagreement) = compare_process(&life.sent, bytes, count, life.attempts) {
            self.fault(format!("{of}, beside its connections: {disagreement}"));
        }
        let Some((from, to)) = life.kernel else { return };
        let seen = to.saturating_sub(from);
        let others = seen.saturating_sub(life.sent.calls);
        let all = &mut self.processes;
        all.kernel = Some(all.kernel.unwrap_or(0).saturating_add(seen));
        all.by_others = Some(all.by_others.unwrap_or(0).saturating_add(others));
        // The kernel does not count a probe that is larger than the path takes.
        if seen.saturating_add(padded) < life.sent.calls {
            let sent = life.sent.calls;
            self.fault(format!("{of} sent {sent} times, and the kernel counted {seen} datagrams"));
        }
        if is_alone && others > 0 {
            self.fault(format!(
                "{of} sent {} times, and the kernel counted {seen} datagrams: {others} are somebody else's",
                life.sent.calls
            ));
        }
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < FAULTS_SHOWN_MAX {
            self.faults.push(fault);
        } else {
            self.faults_left_out += 1;
        }
    }

    /// Adds what the kernel's rules say.
    pub(super) fn refused_by(&mut self, faults: Vec<String>) {
        faults.into_iter().for_each(|fault| self.fault(fault));
    }
}

/// What left by the records from one number to before another.
fn payload(records: &[Record], from: u64, to: u64) -> Payload {
    let at = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(records.len());
    let some = records.get(at(from)..at(to)).unwrap_or_default();
    let mut sum = Payload::default();
    for record in some.iter().filter(|record| record.kind == Kind::Join || record.kind.is_counted()) {
        sum.frames += 1;
        sum.bytes = sum.bytes.saturating_add(record.length);
    }
    sum.last_bytes = last_bytes(some);
    sum
}

/// Bytes of the frames that may be recorded and not sent, where the line broke: the last one, and with a
/// chunk those that were on their way with it.
fn last_bytes(records: &[Record]) -> u64 {
    let mut sent = records.iter().rev().filter(|record| record.kind.is_counted());
    let Some(last) = sent.next() else { return 0 };
    let along = sent.take_while(|record| record.kind == Kind::Chunk && last.kind == Kind::Chunk);
    last.length + along.take(TRANSFERS_IN_FLIGHT_MAX - 1).map(|record| record.length).sum::<u64>()
}

fn frames(payload: Payload) -> Frames {
    Frames { frames: payload.frames, bytes: payload.bytes }
}

fn add(sum: &mut Frames, more: Frames) {
    sum.frames += more.frames;
    sum.bytes = sum.bytes.saturating_add(more.bytes);
}

fn plus(one: SentCount, two: SentCount) -> SentCount {
    SentCount {
        datagrams: one.datagrams.saturating_add(two.datagrams),
        bytes: one.bytes.saturating_add(two.bytes),
        calls: one.calls.saturating_add(two.calls),
    }
}

#[cfg(test)]
mod tests;
