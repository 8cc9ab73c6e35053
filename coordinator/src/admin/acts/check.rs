//! Whether a log of acts is intact: every line a record, numbers without gaps, times that do not go back, the
//! chain unbroken, results that belong to what was asked, and the signed heads. Used by `log` before it
//! writes, and by `cli::acts` on lines from here and from afar. Invariant: of a damaged log the first line
//! that is wrong is named.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};

use common::id::{Digest, SiteId};
use common::ledger::Tree;
use common::wire::message::LedgerHead;

use super::record::{By, Record, Step, Verb};
use crate::error::Error;
use crate::limits::ACT_LINE_BYTES_MAX;

/// What is wrong with a log. No retry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A line is not a record in its one spelling.
    #[error("line {line} is no record of it")]
    NotARecord {
        /// From 1.
        line: u64,
    },
    /// A record says what none says.
    #[error("line {line} is no record of it: {reason}")]
    Value {
        /// From 1.
        line: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A number is missing or repeated.
    #[error("line {line} has the number {found} in place of {expected}")]
    Sequence {
        /// From 1.
        line: u64,
        /// There.
        found: u64,
        /// Wanted.
        expected: u64,
    },
    /// A line does not follow from the one before.
    #[error(
        "line {line} does not follow from the line before it: one of the two was changed, or lines were taken out or put in between"
    )]
    Chain {
        /// From 1.
        line: u64,
    },
    /// It ends before a head that was signed.
    #[error("it has {has} lines, and a head of {size} was signed: line {} and what followed is gone", has + 1)]
    Short {
        /// Lines that are there.
        has: u64,
        /// Lines of the head.
        size: u64,
    },
    /// It is not what was signed.
    #[error(
        "lines 1 to {size} are not those that were signed: one of them was changed, and what follows chained anew"
    )]
    Differs {
        /// Lines of the head.
        size: u64,
    },
    /// The head is missing, unreadable, or of another key.
    #[error("its signed head cannot be used: {reason}")]
    Head {
        /// What is wrong.
        reason: String,
    },
}

/// Who asked for what: a result says it again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    role: By,
    who: String,
    verb: Verb,
    name: Option<SiteId>,
    sha256: Option<Digest>,
}

impl Asked {
    fn of(record: &Record) -> Self {
        let Record { role, who, verb, name, sha256, .. } = record.clone();
        Self { role, who, verb, name, sha256 }
    }
}

/// What is known of an intact log, as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct State {
    tree: Tree,
    time_ms: u64,
    previous: Option<Digest>,
    /// Acts without a result yet.
    open: BTreeMap<u64, Asked>,
    /// Bytes of whole lines.
    pub bytes: u64,
}

impl State {
    /// Size and root.
    #[must_use]
    pub fn head(&self) -> LedgerHead {
        LedgerHead { size: self.tree.size(), root: self.tree.root() }
    }

    /// When the last record was written.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// SHA-256 of the last line.
    #[must_use]
    pub fn previous(&self) -> Digest {
        self.previous.unwrap_or(Digest([0; 32]))
    }

    /// Numbers of acts that have no result.
    pub fn open(&self) -> impl Iterator<Item = u64> {
        self.open.keys().copied()
    }

    /// Takes the next line, without its newline.
    ///
    /// # Errors
    /// It does not follow.
    pub fn take(&mut self, text: &[u8]) -> Result<Record, Damage> {
        let line = self.tree.size() + 1;
        let record: Record = serde_json::from_slice(text).map_err(|_| Damage::NotARecord { line })?;
        if record.to_line() != text {
            return Err(Damage::NotARecord { line });
        }
        if record.sequence != self.tree.size() {
            return Err(Damage::Sequence { line, found: record.sequence, expected: self.tree.size() });
        }
        if record.previous != self.previous() {
            return Err(Damage::Chain { line });
        }
        let value = |reason| Damage::Value { line, reason };
        if let Some(reason) = record.fault() {
            return Err(value(reason));
        }
        if record.time_ms < self.time_ms {
            return Err(value("it is dated before the line before it"));
        }
        let asker = Asked::of(&record);
        match (record.step, record.of) {
            (Step::Asked, _) => {
                self.open.insert(record.sequence, asker);
            }
            (_, Some(of)) if self.open.get(&of) == Some(&asker) => {
                self.open.remove(&of);
            }
            (_, Some(_)) => return Err(value("it is the result of nothing that was asked")),
            (_, None) => {}
        }
        self.tree.append(text);
        self.previous = Some(Digest::of(text));
        self.time_ms = record.time_ms;
        self.bytes += text.len() as u64 + 1;
        Ok(record)
    }
}

/// The record in the line with this number, if it follows from the one before it; of one that has none before
/// it here its own fields are looked at. What it does not say: whether a head was signed over it.
///
/// # Errors
/// It is no record, or does not follow ([`Error::ActsDamaged`]).
pub fn following(before: Option<&Record>, sequence: u64, text: &[u8]) -> Result<Record, Error> {
    let line = sequence.saturating_add(1);
    let damaged = |damage: Damage| Error::ActsDamaged(damage.to_string());
    let record = serde_json::from_slice::<Record>(text).ok().filter(|record| record.to_line() == text);
    let record = record.ok_or_else(|| damaged(Damage::NotARecord { line }))?;
    if record.sequence != sequence {
        return Err(damaged(Damage::Sequence { line, found: record.sequence, expected: sequence }));
    }
    if let Some(reason) = record.fault() {
        return Err(damaged(Damage::Value { line, reason }));
    }
    match before {
        Some(before) if Digest::of(&before.to_line()) != record.previous => {
            Err(damaged(Damage::Chain { line }))
        }
        _ => Ok(record),
    }
}

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// Of the whole lines.
    pub state: State,
    /// Whether bytes follow the last whole line: the machine stopped while it was written, before its act.
    pub is_torn: bool,
}

/// Reads on from `state` to the end, hands each record to `each`, and compares with `heads`, of which those
/// that `state` has passed already are not looked at.
///
/// # Errors
/// It cannot be read (outer); it is damaged (inner).
pub fn read(
    reader: &mut impl BufRead,
    mut state: State,
    heads: &[LedgerHead],
    mut each: impl FnMut(&Record),
) -> io::Result<Result<Reading, Damage>> {
    let mut line = Vec::new();
    let mut is_torn = false;
    loop {
        let head = state.head();
        if heads.iter().any(|other| other.size == head.size && other.root != head.root) {
            return Ok(Err(Damage::Differs { size: head.size }));
        }
        line.clear();
        if reader.by_ref().take(ACT_LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.pop_if(|byte| *byte == b'\n').is_none() {
            if line.len() >= ACT_LINE_BYTES_MAX {
                return Ok(Err(Damage::NotARecord { line: head.size + 1 }));
            }
            is_torn = true;
            break;
        }
        match state.take(&line) {
            Ok(record) => each(&record),
            Err(damage) => return Ok(Err(damage)),
        }
    }
    let has = state.head().size;
    match heads.iter().map(|head| head.size).filter(|size| *size > has).min() {
        Some(size) => Ok(Err(Damage::Short { has, size })),
        None => Ok(Ok(Reading { state, is_torn })),
    }
}
